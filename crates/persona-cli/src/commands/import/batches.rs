//! New personas on their way to the API, many in one request.
//!
//! A request takes what waits when there is room for it, so requests are as full as the reader of
//! the file is ahead of the server, and no item waits for others to come.

use bytes::Bytes;
use http::{Method, StatusCode};
use persona_formats::Item;
use persona_http::contract::OperationId;
use persona_http::contract::batch::{BatchAnswer, BatchItemAnswer};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::send::BUDGET_WAIT_MAX;
use crate::client::{Api, request_with};

/// Most items of a request: two requests of usual personas are some megabytes that a worker has
/// parsed at a time, and more items make a request no cheaper.
const ITEMS_MAX: usize = 250;
/// A request that has so many bytes takes no further item.
const BYTES_MAX: usize = 1024 * 1024;
/// A larger document goes alone: next to its own cost that of a request is nothing.
const DOCUMENT_BYTES_MAX: usize = 64 * 1024;
/// Requests at a time: one is read and answered while the other is committed. A worker takes no
/// more large bodies at a time either.
const REQUESTS_MAX: usize = 2;

/// Sends new personas in batches. Those that wait are dropped with the last copy of this.
#[derive(Clone)]
pub struct Batches(mpsc::Sender<Waiting>);

/// An item that waits for its request.
struct Waiting {
    text: String,
    told: oneshot::Sender<BatchItemAnswer>,
}

impl Batches {
    /// Starts to send; `waiting_max` items can wait.
    pub fn start(api: Api, waiting_max: usize) -> Self {
        let (sender, waiting) = mpsc::channel(waiting_max);
        tokio::spawn(send_all(api, waiting));
        Self(sender)
    }

    /// Has the persona of an item created, where its id is free, and tells what came of it. `None`
    /// where nothing is known of that: then it is to be sent alone, which can be repeated.
    pub async fn create(&self, item: &Item) -> Option<BatchItemAnswer> {
        let document = item.document.text();
        if document.len() > DOCUMENT_BYTES_MAX {
            return None;
        }
        let text = format!(
            r#"{{"op":"put","id":"{}","if_none_match":"*","document":{document}}}"#,
            item.id
        );
        let (told, answer) = oneshot::channel();
        self.0.send(Waiting { text, told }).await.ok()?;
        // The sender is gone where the request was not answered as a batch.
        let answer = answer.await.ok()?;
        let is_busy = answer.status == StatusCode::SERVICE_UNAVAILABLE.as_u16();
        (!is_busy).then_some(answer)
    }
}

async fn send_all(api: Api, mut waiting: mpsc::Receiver<Waiting>) {
    let mut requests = JoinSet::new();
    while let Some(first) = waiting.recv().await {
        if requests.len() >= REQUESTS_MAX {
            requests.join_next().await;
        }
        let (mut bytes, mut batch) = (first.text.len(), vec![first]);
        while batch.len() < ITEMS_MAX
            && bytes < BYTES_MAX
            && let Ok(next) = waiting.try_recv()
        {
            bytes += next.text.len();
            batch.push(next);
        }
        requests.spawn(send_batch(api.clone(), batch));
    }
    requests.join_all().await;
}

/// Sends one request, again where the server has told when it takes more. Where it fails each item
/// finds that out alone, with patience and with the reason.
async fn send_batch(api: Api, batch: Vec<Waiting>) {
    let texts: Vec<&str> = batch.iter().map(|waiting| waiting.text.as_str()).collect();
    let body = Bytes::from(format!(r#"{{"items":[{}]}}"#, texts.join(",")));
    let path = OperationId::BatchPersonas.path();
    let started_at = Instant::now();
    let reply = loop {
        let request = request_with(Method::POST, path, &[], Some(body.clone()));
        let Ok(reply) = api.send(request).await else { return };
        let is_full = reply.status == StatusCode::TOO_MANY_REQUESTS;
        if !is_full || started_at.elapsed() + reply.retry_after() >= BUDGET_WAIT_MAX {
            break reply;
        }
        sleep(reply.retry_after()).await;
    };
    if reply.status != StatusCode::MULTI_STATUS {
        return;
    }
    let Ok(BatchAnswer { items, .. }) = reply.read_as() else { return };
    for (waiting, answer) in batch.into_iter().zip(items) {
        // An item that is no longer waited for needs no answer.
        let _ = waiting.told.send(answer);
    }
}

//! New personas on their way to the API, many in one request.
//!
//! A request takes all items that wait when it is sent. So requests are the fuller the more the
//! reader of the file is ahead of the server, and no item waits for later items.

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

/// Most items of a request: with two requests of usual personas a worker has some megabytes of
/// parsed items in memory, and more items would not make a request cheaper.
const ITEMS_MAX: usize = 250;
/// A request with this many bytes takes no further item.
const BYTES_MAX: usize = 1024 * 1024;
/// A larger document is sent alone, because the cost of a separate request is small compared to the
/// document.
const DOCUMENT_BYTES_MAX: usize = 64 * 1024;
/// Most concurrent requests: one is read and answered while the other is committed. A worker reads
/// no more large bodies at the same time.
const REQUESTS_MAX: usize = 2;

/// Sends new personas in batches. Items that wait are dropped with the last clone of this value.
#[derive(Clone)]
pub struct Batches(mpsc::Sender<Waiting>);

/// An item that waits for its request.
struct Waiting {
    text: String,
    told: oneshot::Sender<BatchItemAnswer>,
}

impl Batches {
    /// Starts the sending; at most `waiting_max` items can wait.
    pub fn start(api: Api, waiting_max: usize) -> Self {
        let (sender, waiting) = mpsc::channel(waiting_max);
        tokio::spawn(send_all(api, waiting));
        Self(sender)
    }

    /// Creates the persona of an item if its id is free, and returns the result. `None` if the
    /// result is unknown; the caller then sends the item alone, which is safe to repeat.
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
        // An error means that the sender was dropped, because the answer was not that of a batch.
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

/// Sends one request, and repeats it if the server names a time for that. If it fails, no item gets
/// an answer; each is then sent alone, which waits longer and finds the reason.
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
        // If the item is not waited for any more, its answer is dropped.
        let _ = waiting.told.send(answer);
    }
}

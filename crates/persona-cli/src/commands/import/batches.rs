//! Items on their way to the API, many in one request: new personas in batches, and the items of a
//! client that does not choose identities in imports.
//!
//! A request takes all items that wait when it is sent. So requests are the fuller the more the
//! reader of the file is ahead of the server, and no item waits for later items.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, StatusCode};
use persona_formats::Item;
use persona_http::contract::OperationId;
use persona_http::contract::batch::{BatchAnswer, BatchItemAnswer};
use persona_http::contract::import::{ImportItem, ImportReport};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::own;
use super::patience::BUDGET_WAIT_MAX;
use crate::client::{Api, Reply, request_with};
use crate::commands::arguments::OnDuplicate;

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

/// Sends items in requests that each have many. Items that wait are dropped with the last clone of
/// this value. `A` is the answer to one item.
pub struct Batches<A>(mpsc::Sender<Waiting<A>>);

impl<A> Clone for Batches<A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// An item that waits for its request.
struct Waiting<A> {
    text: String,
    told: oneshot::Sender<A>,
}

/// How items are sent together.
struct Way<A> {
    path: String,
    /// What is before and behind the list of items.
    around: [&'static str; 2],
    /// The answers to the items, in their order; `None` if the answer is another one.
    read: fn(&Reply) -> Option<Vec<A>>,
}

impl Batches<BatchItemAnswer> {
    /// Starts to create personas; at most `waiting_max` items can wait.
    pub fn of_creations(api: Api, waiting_max: usize) -> Self {
        let read = |reply: &Reply| {
            let is_batch = reply.status == StatusCode::MULTI_STATUS;
            is_batch
                .then(|| reply.read_as())
                .and_then(Result::ok)
                .map(|answer: BatchAnswer| answer.items)
        };
        let path = OperationId::BatchPersonas.path().to_owned();
        Self::start(api, Way { path, around: [r#"{"items":["#, "]}"], read }, waiting_max)
    }

    /// Creates the persona of an item if its id is free, and returns the result. `None` if the
    /// result is unknown; the caller then sends the item alone, which is safe to repeat.
    pub async fn create(&self, item: &Item) -> Option<BatchItemAnswer> {
        let document = item.document.text();
        let head = format!(r#"{{"op":"put","id":"{}","if_none_match":"*","document":"#, item.id);
        let answer = self.send(document.len(), || format!("{head}{document}}}")).await?;
        let is_busy = answer.status == StatusCode::SERVICE_UNAVAILABLE.as_u16();
        (!is_busy).then_some(answer)
    }
}

impl Batches<ImportItem> {
    /// Starts to import items; at most `waiting_max` items can wait.
    pub fn of_imports(api: Api, on_duplicate: OnDuplicate, waiting_max: usize) -> Self {
        let read = |reply: &Reply| {
            let is_report = reply.status == StatusCode::OK;
            is_report
                .then(|| reply.read_as())
                .and_then(Result::ok)
                .map(|report: ImportReport| report.items)
        };
        let path = own::path(on_duplicate);
        Self::start(api, Way { path, around: ["[", "]"], read }, waiting_max)
    }

    /// Imports an item, and returns the result. `None` as in [`Batches::create`].
    pub async fn import(&self, item: &Item) -> Option<ImportItem> {
        let told = self.send(item.document.text().len(), || own::text(item)).await?;
        (!told.can_be_repeated()).then_some(told)
    }
}

impl<A: Send + 'static> Batches<A> {
    fn start(api: Api, way: Way<A>, waiting_max: usize) -> Self {
        let (sender, waiting) = mpsc::channel(waiting_max);
        tokio::spawn(send_all(api, Arc::new(way), waiting));
        Self(sender)
    }

    /// Sends the text of an item with a document of so many bytes.
    async fn send(&self, bytes: usize, text: impl FnOnce() -> String) -> Option<A> {
        if bytes > DOCUMENT_BYTES_MAX {
            return None;
        }
        let (told, answer) = oneshot::channel();
        self.0.send(Waiting { text: text(), told }).await.ok()?;
        // An error means that the sender was dropped, because the answer has no results of items.
        answer.await.ok()
    }
}

async fn send_all<A: Send + 'static>(
    api: Api,
    way: Arc<Way<A>>,
    mut waiting: mpsc::Receiver<Waiting<A>>,
) {
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
        requests.spawn(send_batch(api.clone(), Arc::clone(&way), batch));
    }
    requests.join_all().await;
}

/// Sends one request, and repeats it if the server names a time for that. If it fails, no item gets
/// an answer; each is then sent alone, which waits longer and finds the reason.
async fn send_batch<A>(api: Api, way: Arc<Way<A>>, batch: Vec<Waiting<A>>) {
    let texts: Vec<&str> = batch.iter().map(|waiting| waiting.text.as_str()).collect();
    let [before, behind] = way.around;
    let body = Bytes::from(format!("{before}{}{behind}", texts.join(",")));
    let started_at = Instant::now();
    let reply = loop {
        let request = request_with(Method::POST, &way.path, &[], Some(body.clone()));
        let Ok(reply) = api.send(request).await else { return };
        let is_full = reply.status == StatusCode::TOO_MANY_REQUESTS;
        if !is_full || started_at.elapsed() + reply.retry_after() >= BUDGET_WAIT_MAX {
            break reply;
        }
        sleep(reply.retry_after()).await;
    };
    let Some(items) = (way.read)(&reply).filter(|items| items.len() == batch.len()) else { return };
    for (waiting, answer) in batch.into_iter().zip(items) {
        // If the item is not waited for any more, its answer is dropped.
        let _ = waiting.told.send(answer);
    }
}

//! Tests of the memory that a batch holds while its body is read, and of the thread that serves.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context as TaskContext, Poll};

use axum::body::Body;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body::Frame;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::runtime::Builder;
use tokio::task::{spawn_blocking, yield_now};

use crate::contract::batch::{BATCH_BYTES_MAX, BATCH_ITEMS_MAX, WHOLE_BATCH_BYTES_MAX};
use crate::testing::{context, memory_store};
use crate::{BodyMemoryLimit, ClientAddress, Context, Router, router};

const CLIENT: ClientAddress = ClientAddress(IpAddr::V4(Ipv4Addr::LOCALHOST));
const PIECE_BYTES: usize = 16 * 1024;
/// Most bytes of a body of small items that are held: the unanswered items, the pieces that were
/// read last, and the incomplete next item.
const HELD_BYTES_MAX: usize = 1024 * 1024 + 4 * PIECE_BYTES;

/// A body that is always ready, and records how much memory is held each time it is polled.
struct Watched {
    rest: Bytes,
    bodies: BodyMemoryLimit,
    most: Arc<AtomicUsize>,
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.most.fetch_max(self.bodies.held(), Ordering::Relaxed);
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let bytes = PIECE_BYTES.min(self.rest.len());
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(bytes)))))
    }
}

/// The answer to a batch, and how much memory its body held at most.
async fn send(context: &Context, body: String) -> (StatusCode, Value, usize) {
    let most = Arc::new(AtomicUsize::new(0));
    let (rest, bodies) = (Bytes::from(body), context.bodies.clone());
    let body = Body::new(Watched { rest, bodies, most: Arc::clone(&most) });
    let request =
        Request::post("/api/v1/personas/batch").header("content-type", "application/json");
    let mut request = request.body(body).expect("a request");
    request.extensions_mut().insert(CLIENT);
    let response = router(context.clone()).answer(request).await;
    let status = response.status();
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    let answer = serde_json::from_slice(&body).expect("JSON");
    (status, answer, most.load(Ordering::Relaxed))
}

/// A batch of `items` new personas, each with a text of `text_bytes` bytes.
fn batch(items: usize, text_bytes: usize) -> String {
    let text = "x".repeat(text_bytes);
    let item = format!(r#"{{"op":"create","document":{{"name":"Ada","description":"{text}"}}}}"#);
    format!(r#"{{"items":[{}]}}"#, vec![item; items].join(","))
}

fn count(answer: &Value, status: u16) -> usize {
    let items = answer["items"].as_array().expect("a list");
    items.iter().filter(|item| item["status"] == status).count()
}

#[tokio::test]
async fn a_large_batch_is_done_in_bounded_memory() {
    let context = context(Arc::new(memory_store()));
    let body = batch(BATCH_ITEMS_MAX, 8_000);
    assert!(body.len() > 4 * HELD_BYTES_MAX, "it would be seen to be read whole");
    let (status, answer, most) = send(&context, body).await;
    assert_eq!((status, count(&answer, 201)), (StatusCode::MULTI_STATUS, BATCH_ITEMS_MAX));
    assert!((WHOLE_BATCH_BYTES_MAX..=HELD_BYTES_MAX).contains(&most), "{most} bytes were held");
    assert!(context.bodies.is_free());
}

#[tokio::test]
async fn a_batch_waits_with_its_body_while_its_items_wait() {
    let context = context(Arc::new(memory_store()));
    let mut turns = Vec::new();
    for _ in 0..crate::limits::batch_turns::ITEMS_AT_ONCE {
        let deadline = context.write_deadline();
        turns.push(context.batch.take(None, deadline).await.expect("a turn"));
    }
    let sending = tokio::spawn({
        let context = context.clone();
        async move { send(&context, batch(BATCH_ITEMS_MAX, 8_000)).await }
    });
    while context.bodies.held() < WHOLE_BATCH_BYTES_MAX {
        yield_now().await;
    }
    for _ in 0..10_000 {
        yield_now().await;
        assert!(context.bodies.held() <= HELD_BYTES_MAX, "{} bytes", context.bodies.held());
    }
    assert!(!sending.is_finished());
    drop(turns);
    let (_, answer, _) = sending.await.expect("no panic");
    assert_eq!(count(&answer, 201), BATCH_ITEMS_MAX);
}

#[tokio::test]
async fn a_batch_that_becomes_too_large_tells_what_was_done() {
    let context = context(Arc::new(memory_store()));
    let mut body = batch(300, 4_000);
    body.extend(std::iter::repeat_n(' ', BATCH_BYTES_MAX));
    let (status, answer, _) = send(&context, body).await;
    assert_eq!((status, count(&answer, 201)), (StatusCode::MULTI_STATUS, 300));
    assert_eq!(answer["problem"]["code"], "body_too_large");
    assert_eq!(answer["problem"]["item"], 300);
}

#[tokio::test]
async fn a_small_batch_that_is_none_changes_nothing() {
    let store = Arc::new(memory_store());
    let context = context(store.clone());
    let mut body = batch(100, 1_000);
    body.pop();
    let (status, answer, _) = send(&context, body).await;
    assert_eq!((status, &answer["code"]), (StatusCode::BAD_REQUEST, &"malformed_json".into()));
    let changes = persona_storage::Store::changes_after(&*store, 0, 10).await.expect("readable");
    assert!(changes.is_empty());
}

async fn answer_to(router: &Router, method: &str, path: &str, body: &Value) -> Value {
    let request = Request::builder().method(method).uri(path);
    let request = request.header("content-type", "application/json");
    let request = request.body(Body::from(body.to_string())).expect("a request");
    let body = router.answer(request).await.into_body();
    serde_json::from_slice(&body.collect().await.expect("a body").to_bytes()).expect("JSON")
}

/// The texts of a large conflict are merged for its answer. While the only thread for long work is
/// taken, only an item with such a conflict waits.
#[test]
fn the_problem_of_an_item_with_a_large_conflict_is_written_on_another_thread() {
    let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(1).build();
    runtime.expect("a runtime").block_on(async {
        for (lines, is_done_meanwhile) in [(10, true), (4_000, false)] {
            let router = router(context(Arc::new(memory_store())));
            let text = |last: &str| json!({ "description": "a line\n".repeat(lines) + last });
            let mut base = text("base");
            base["name"] = "Ada".into();
            let id = answer_to(&router, "POST", "/api/v1/personas", &base).await["id"].clone();
            let path = format!("/api/v1/personas/{}", id.as_str().expect("an id"));
            answer_to(&router, "PATCH", &path, &text("theirs")).await;
            let item =
                json!({ "op": "patch", "id": id, "base_revision": 1, "patch": text("yours") });
            let (release, taken) = mpsc::channel::<()>();
            let thread = spawn_blocking(move || taken.recv());
            let batch = "/api/v1/personas/batch";
            let answering = tokio::spawn(async move {
                answer_to(&router, "POST", batch, &json!({ "items": [item] })).await
            });
            for _ in 0..10_000 {
                yield_now().await;
            }
            assert_eq!(answering.is_finished(), is_done_meanwhile, "{lines} lines");
            release.send(()).expect("the thread waits for it");
            thread.await.expect("no panic").expect("it was sent");
            let answer = answering.await.expect("no panic");
            let problem = &answer["items"][0]["problem"];
            assert_eq!(problem["code"], "conflict", "{answer}");
            assert!(problem["conflicts"][0]["merged"].is_string(), "{answer}");
        }
    });
}

//! A stream of server-sent events (HTML standard, section 9.2): the body of an answer that ends
//! only when its time is over, its token ends, or the process ends.
//!
//! A part is made only when the connection has room for it, so nothing is buffered for slow
//! clients. A client that reads slowly falls behind and is served from pages of the store; the
//! connection of a client that does not read is closed.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::Frame;
use persona_storage::Party;
use tokio::time::{Instant, sleep_until};

use super::asked::Asked;
use super::batch::Batch;
use super::follower::{Follower, Next};
use super::pick::Room;
use super::reach::Reach;
use crate::auth::{credentials, permit};
use crate::contract::OperationId;
use crate::contract::events::{HEARTBEAT_SECONDS, RESET, Reset};
use crate::problem::Problem;
use crate::{Context, Metrics};

/// A part that is not shared with other streams is sent when it has this many bytes.
const PART_BYTES: usize = 16 * 1024;
/// The time between two heartbeats ([`HEARTBEAT_SECONDS`]).
const HEARTBEAT: Duration = Duration::from_secs(HEARTBEAT_SECONDS);
/// How long a stream lasts at most, so that clients spread over new and idle workers. The stream
/// ends between two events, and the client connects again and goes on with the next one.
const STREAM_TIME: Duration = Duration::from_hours(1);
/// A stream ends up to this many milliseconds earlier, by chance, so that streams that began
/// together do not end together.
const STREAM_TIME_SPREAD_MS: u64 = 360_000;
/// After how many milliseconds a client connects again; and the spread of this time, so that
/// clients do not all connect at the same moment.
const RETRY_MS: u64 = 500;
const RETRY_SPREAD_MS: u64 = 1_000;
/// This header tells proxies not to buffer the answer.
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Answers with the stream.
pub(super) async fn answer(
    context: Arc<Context>,
    headers: &HeaderMap,
    client: Option<Party>,
    asked: Asked,
    follower: Follower,
) -> Result<Response, Problem> {
    let stream = EventStream::begin(context, headers, client, asked, follower).await?;
    let body = EventBody { stream: Some(Box::new(stream)), working: None };
    let mut response = Response::new(Body::new(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
    Ok(response)
}

/// An open stream, as far as it is counted; until this is dropped.
struct Open(Arc<dyn Metrics>);

impl Open {
    fn new(metrics: Arc<dyn Metrics>) -> Self {
        metrics.event_stream_opened();
        Self(metrics)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.event_stream_ended();
    }
}

/// A stream between two of its parts.
struct EventStream {
    _open: Open,
    context: Arc<Context>,
    credentials: HeaderMap,
    client: Option<Party>,
    asked: Asked,
    follower: Follower,
    greeting: Option<Bytes>,
    /// The result of the look before the stream began.
    first: Option<Next>,
    /// The sequence number of the last id that was sent to the client.
    told: u64,
    beat_at: Instant,
    ends_at: Instant,
}

impl EventStream {
    async fn begin(
        context: Arc<Context>,
        headers: &HeaderMap,
        client: Option<Party>,
        asked: Asked,
        mut follower: Follower,
    ) -> Result<Self, Problem> {
        // The store is asked before the answer begins, so that a failure is answered as a problem
        // and not as a stream that breaks off.
        let first = follower.try_next().await?;
        let chance = context.new_id().as_u64_pair().1;
        let (retry, lifetime) = (
            RETRY_MS + chance % RETRY_SPREAD_MS,
            STREAM_TIME.saturating_sub(Duration::from_millis(chance % STREAM_TIME_SPREAD_MS)),
        );
        let told = follower.place().sequence;
        let greeting = format!(": events of the feed\nretry: {retry}\nid: {told}\n\n");
        let now = Instant::now();
        Ok(Self {
            _open: Open::new(Arc::clone(&context.metrics)),
            credentials: credentials(headers),
            context,
            client,
            asked,
            follower,
            greeting: Some(greeting.into()),
            first,
            told,
            beat_at: now + HEARTBEAT,
            ends_at: now + lifetime,
        })
    }

    /// The next part; `None` at the end of the stream.
    async fn part(&mut self) -> Option<Bytes> {
        if let Some(greeting) = self.greeting.take() {
            return Some(greeting);
        }
        loop {
            let next = if let Some(first) = self.first.take() {
                Some(first)
            } else {
                tokio::select! {
                    biased;
                    next = self.follower.next() => Some(next.ok()??),
                    () = sleep_until(self.beat_at) => None,
                }
            };
            if Instant::now() >= self.ends_at {
                return None;
            }
            if let Some(Next::Events(batch)) = &next
                && self.passes_over(batch)
            {
                continue;
            }
            let part = match next {
                Some(Next::Events(batch)) => self.part_of(&batch).await.ok()?,
                Some(Next::Reset(position)) => reset(position.sequence),
                None => self.heartbeat(),
            };
            if part.is_empty() {
                continue;
            }
            // The token is looked at only where something is told, and last: the parts took time.
            if !self.is_permitted().await {
                return None;
            }
            self.told = self.follower.place().sequence;
            self.beat_at = Instant::now() + HEARTBEAT;
            return Some(part);
        }
    }

    /// Goes on behind a batch in which nothing is wanted, and tells whether there is nothing. Most
    /// batches are so for a follower of single personas.
    fn passes_over(&mut self, batch: &Batch) -> bool {
        let (from, selection) = (self.follower.place().sequence, &self.asked.selection);
        let is_nothing = !batch.behind(from).iter().any(|line| selection.wants(line));
        if is_nothing {
            self.follower.go_on_behind(batch.end());
        }
        is_nothing
    }

    /// Whether the client may still be told what was picked for it: its token may have ended
    /// meanwhile.
    async fn is_permitted(&self) -> bool {
        let operation = Some(OperationId::FollowEvents);
        permit(&self.context, &self.credentials, operation)
            .await
            .is_ok_and(|permit| permit.viewer.reach() == self.asked.selection.viewer.reach())
    }

    /// The text that the client gets of a batch; empty where no event of the batch is for the
    /// client.
    ///
    /// # Errors
    ///
    /// The store failed, or there is no memory for a large persona: the stream ends, and its client
    /// begins again from the last event that came.
    async fn part_of(&mut self, batch: &Batch) -> Result<Bytes, Problem> {
        let (selection, store) = (&self.asked.selection, &self.context.store);
        let is_whole = self.follower.place().sequence <= batch.before();
        if selection.is_all_in_reach() && !self.asked.with_document && is_whole {
            let text = self.text_in_reach(batch).await?;
            self.follower.go_on_behind(batch.end());
            return Ok(text);
        }
        let room = Room { events: usize::MAX, bytes: PART_BYTES };
        let picked = self.asked.pick(store, batch, &self.follower, room).await?;
        let mut part = BytesMut::new();
        for (line, json) in picked.events {
            if let Some(json) = json {
                part.extend_from_slice(
                    format!("id: {}\ndata: ", line.event.change.sequence).as_bytes(),
                );
                part.extend_from_slice(&json);
                part.extend_from_slice(b"\n\n");
            } else {
                part.extend_from_slice(batch.part_of(line));
            }
        }
        if let Some(end) = picked.end {
            self.follower.go_on_behind(end);
        }
        let memory = self.context.answers.reserve(self.client, part.len())?;
        Ok(memory.hold(part.freeze()))
    }

    /// All events of a batch that the client may see. The text is shared by all streams that may
    /// see the same.
    async fn text_in_reach(&self, batch: &Batch) -> Result<Bytes, Problem> {
        let (selection, store) = (&self.asked.selection, &self.context.store);
        if self.asked.is_beyond(store, batch, &self.follower).await? {
            return Ok(Bytes::new());
        }
        Ok(match selection.reach(store, batch).await? {
            Reach::Everything => batch.text(),
            Reach::Nothing => Bytes::new(),
            Reach::Some(look, reached) => {
                let reserve = |text: Bytes| {
                    let memory = self.context.answers.reserve(self.client, text.len())?;
                    Ok::<_, Problem>(memory.hold(text))
                };
                look.text(batch, store.view(&selection.viewer), &reached, reserve)?
            }
        })
    }

    /// A comment, which keeps the connection open. If events were skipped that the client does not
    /// want, an id is sent too: an id without data is no event, but the client remembers it as the
    /// place to go on from.
    fn heartbeat(&self) -> Bytes {
        let now = self.follower.place().sequence;
        if now == self.told {
            return Bytes::from_static(b": heartbeat\n\n");
        }
        format!(": heartbeat\nid: {now}\n\n").into()
    }
}

fn reset(sequence: u64) -> Bytes {
    let data = serde_json::to_string(&Reset { sequence }).expect("a number is JSON");
    format!("event: {RESET}\nid: {sequence}\ndata: {data}\n\n").into()
}

/// The future that makes the next part; it returns the stream with the part.
type Working = Pin<Box<dyn Future<Output = (Box<EventStream>, Option<Bytes>)> + Send>>;

/// The body.
struct EventBody {
    /// The stream; `None` while a part is being made, and after the end.
    stream: Option<Box<EventStream>>,
    working: Option<Working>,
}

impl http_body::Body for EventBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        task: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(mut stream) = self.stream.take() {
            self.working = Some(Box::pin(async move {
                let part = stream.part().await;
                (stream, part)
            }));
        }
        let Some(working) = &mut self.working else { return Poll::Ready(None) };
        let (stream, part) = ready!(working.as_mut().poll(task));
        self.working = None;
        Poll::Ready(part.map(|part| {
            self.stream = Some(stream);
            Ok(Frame::data(part))
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use axum::body::Body;
    use http::{HeaderMap, Request, StatusCode};
    use persona_storage::Viewer;
    use tokio::task::yield_now;
    use tokio::time::{Instant, timeout};

    use super::{EventStream, HEARTBEAT};
    use crate::events::asked::Asked;
    use crate::events::follower::Follower;
    use crate::testing::{context, memory_store};
    use crate::{Context, router};

    /// Far longer than the watcher needs to read an event, also on a busy machine.
    const TOLD_WITHIN: Duration = Duration::from_mins(1);

    /// A stream of the events of a persona that is not there.
    async fn stream_of_nothing(context: &Arc<Context>) -> EventStream {
        let path = "/api/v1/events?persona=0193b0c2-7f3e-7a10-8c1d-000000000001";
        let request = Request::get(path).extension(Viewer::trusted()).body(()).expect("a request");
        let asked = Asked::read(context, &request.into_parts().0).await.expect("understood");
        let selection = Arc::clone(&asked.selection);
        let follower = Follower::new(&context.events, None, None, selection).await.expect("room");
        let (context, headers) = (Arc::clone(context), HeaderMap::new());
        EventStream::begin(context, &headers, None, asked, follower).await.expect("begun")
    }

    /// The next part, with the time of the heartbeat reached.
    async fn next_beat(stream: &mut EventStream) -> String {
        let now = Instant::now();
        stream.beat_at = now;
        let part = stream.part().await.expect("it goes on");
        assert!(stream.beat_at >= now + HEARTBEAT, "the next one is not at once");
        String::from_utf8(part.to_vec()).expect("text")
    }

    #[tokio::test]
    async fn a_stream_without_events_tells_that_it_lives_and_where_to_go_on() {
        let context = context(Arc::new(memory_store()));
        let router = router(context.clone());
        let mut stream = stream_of_nothing(&Arc::new(context)).await;
        let greeting = stream.part().await.expect("a greeting");
        assert!(greeting.ends_with(b"\nid: 0\n\n"), "{greeting:?}");
        assert_eq!(next_beat(&mut stream).await, ": heartbeat\n\n");
        let create = Request::post("/api/v1/personas").header("content-type", "application/json");
        let create = create.body(Body::from(r#"{"name":"Ada"}"#)).expect("a request");
        assert_eq!(router.answer(create).await.status(), StatusCode::CREATED);
        // The watcher of the feed tells it behind which event to go on, soon after the write.
        let telling = async {
            loop {
                let told = next_beat(&mut stream).await;
                if told != ": heartbeat\n\n" {
                    return told;
                }
                yield_now().await;
            }
        };
        let told = timeout(TOLD_WITHIN, telling).await.expect("it is told");
        assert_eq!(told, ": heartbeat\nid: 1\n\n");
        assert_eq!(next_beat(&mut stream).await, ": heartbeat\n\n", "it is told once");
    }
}

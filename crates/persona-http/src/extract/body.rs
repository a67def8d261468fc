//! Bodies: how much of a body a process reads, and how long it waits for the rest.
//!
//! `limits/body_memory.rs` is the memory that all bodies share. The server reads on for a while
//! when it refuses a body: a connection that is closed with unread bytes is reset, and then many
//! clients never see the answer.

use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::iter::successors;
use std::pin::pin;
use std::time::{Duration, Instant};

use axum::body::Body;
use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, EXPECT};
use http_body::Body as _;
use http_body_util::BodyExt;
use persona_storage::Party;
use tokio::time::timeout;

use crate::contract::limits::BODY_BYTES_MAX;
use crate::limits::body_memory::{BodyMemoryLimit, Claim, SMALL_BYTES_MAX};
use crate::limits::patience::{BYTES_PER_SECOND_MIN, Patience};
use crate::problem::{Code, Problem};

/// Most bytes of a body over the limit that are read, only to tell its size in the refusal.
const MEASURED_BYTES_MAX: usize = 4 * BODY_BYTES_MAX;
/// How long a body may pause, and how long in sum it may be slower than the minimum rate.
pub(super) const BODY_PATIENCE: Duration = Duration::from_secs(5);
/// Most bytes of a refused body that are read and dropped: as many as an accepted body can have.
const DRAINED_BYTES_MAX: usize = BODY_BYTES_MAX;
/// How long a refused body is read and dropped. Within this time its client can read the answer.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(5);

/// A complete body, and the memory that is reserved for it.
#[derive(Debug)]
pub(crate) struct Received {
    bytes: Vec<u8>,
    /// Whether its client was waited for: what the head of the request permitted may have ended.
    pub was_awaited: bool,
    _claim: Option<Claim>,
}

impl Received {
    /// The body.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl BodyMemoryLimit {
    /// Reads a whole body of this client.
    pub(crate) async fn read(
        &self,
        headers: &HeaderMap,
        party: Option<Party>,
        mut body: Body,
    ) -> Result<Received, Problem> {
        let announced = announced(headers, BODY_BYTES_MAX)?;
        let read = match announced.filter(|bytes| *bytes > MEASURED_BYTES_MAX) {
            Some(bytes) => Err(too_large(BODY_BYTES_MAX, Some(bytes))),
            None => self.read_all(announced, party, &mut body).await,
        };
        if read.is_err() {
            drain(body, DRAINED_BYTES_MAX);
        }
        read
    }

    async fn read_all(
        &self,
        announced: Option<usize>,
        party: Option<Party>,
        body: &mut Body,
    ) -> Result<Received, Problem> {
        let most = announced.map_or(BODY_BYTES_MAX, |bytes| bytes.min(BODY_BYTES_MAX));
        let mut kept = Vec::with_capacity(announced.unwrap_or_default().min(SMALL_BYTES_MAX));
        let mut claim: Option<Claim> = None;
        let mut patience = Patience::new(BODY_PATIENCE);
        let (mut received, mut was_awaited) = (0, false);
        while let Some(data) =
            next_piece(body, &mut patience, claim.as_mut(), &mut was_awaited).await?
        {
            received += data.len();
            if received > BODY_BYTES_MAX {
                // The body will be refused; from here on only its size is counted.
                (kept, claim) = (Vec::new(), None);
                if received > MEASURED_BYTES_MAX {
                    return Err(too_large(BODY_BYTES_MAX, None));
                }
                continue;
            }
            if received > SMALL_BYTES_MAX {
                // The capacity doubles, so that the bytes are copied only a few times.
                let capacity = if received > kept.capacity() {
                    most.min(2 * kept.capacity()).max(received)
                } else {
                    kept.capacity()
                };
                claim.get_or_insert_with(|| self.claim(party)).arrived(received, capacity)?;
                kept.reserve_exact(capacity - kept.len());
            }
            kept.extend_from_slice(&data);
        }
        if received > BODY_BYTES_MAX {
            return Err(too_large(BODY_BYTES_MAX, Some(received)));
        }
        claim.as_mut().map_or(Ok(()), Claim::complete)?;
        Ok(Received { bytes: kept, was_awaited, _claim: claim })
    }
}

/// The next bytes, unless they are too long in coming or the body has to give way. Bytes that were
/// not there yet are noted in `was_awaited`.
pub(super) async fn next_piece(
    body: &mut Body,
    patience: &mut Patience,
    claim: Option<&mut Claim>,
    was_awaited: &mut bool,
) -> Result<Option<Bytes>, Problem> {
    if body.is_end_stream() {
        return Ok(None);
    }
    let mut data = pin!(next_data(body));
    let noted = poll_fn(|task| {
        let polled = data.as_mut().poll(task);
        *was_awaited |= polled.is_pending();
        polled
    });
    let next = timeout(patience.left(), noted);
    let begun = Instant::now();
    let piece = match claim {
        None => next.await,
        Some(claim) => tokio::select! {
            biased;
            refused = claim.given_way() => return Err(refused),
            piece = next => piece,
        },
    };
    let piece = piece.map_err(|_| too_slow())??;
    patience.waited(begun.elapsed());
    patience.progressed(piece.as_ref().map_or(0, Bytes::len));
    Ok(piece)
}

async fn next_data(body: &mut Body) -> Result<Option<Bytes>, Problem> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken(&error))?;
        // Frames without data are trailers, which the server ignores.
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

/// Reads and drops the rest of a refused body for a while, so that the client gets the answer. Ends
/// with the connection at the latest.
pub(super) fn drain(mut body: Body, bytes_max: usize) {
    let reading = async move {
        let mut drained = 0;
        while drained < bytes_max
            && let Ok(Some(data)) = next_data(&mut body).await
        {
            drained += data.len();
        }
    };
    // The result is ignored: the body is refused whether its client was too slow or not.
    tokio::spawn(timeout(DRAIN_TIME_MAX, reading));
}

/// The problem of a body that broke off: its framing is invalid, or its connection broke.
fn broken(error: &(dyn Error + 'static)) -> Problem {
    let causes = successors(Some(error), |error| (*error).source());
    let kind =
        causes.filter_map(|error| error.downcast_ref::<io::Error>()).map(io::Error::kind).next();
    match kind {
        Some(io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) => Problem::new(
            Code::MalformedRequest,
            "the chunks of the body are broken, or have too much beside the body",
        ),
        _ => Problem::new(Code::BodyCutOff, "the connection broke before the body was complete"),
    }
}

fn too_slow() -> Problem {
    let seconds = BODY_PATIENCE.as_secs();
    let detail = format!(
        "a body has to come with at least {BYTES_PER_SECOND_MIN} bytes a second, after the first {seconds} seconds"
    );
    Problem::new(Code::BodyTooSlow, detail)
        .with(|body| body.bytes_per_second_min = Some(BYTES_PER_SECOND_MIN))
}

/// The length of the body as the head of the request states it.
///
/// # Errors
///
/// The body is larger than `max`, and its client waits for 100 Continue. The library sends that as
/// soon as the body is read, so the body must not be read.
pub(super) fn announced(headers: &HeaderMap, max: usize) -> Result<Option<usize>, Problem> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    match announced {
        Some(bytes) if bytes > max && headers.contains_key(EXPECT) => {
            Err(too_large(max, Some(bytes)))
        }
        announced => Ok(announced),
    }
}

/// A body has more than `max` bytes.
pub(super) fn too_large(max: usize, bytes: Option<usize>) -> Problem {
    let limit = format!("a body may have {max} bytes");
    let problem = if let Some(bytes) = bytes {
        Problem::new(Code::BodyTooLarge, format!("{limit}, this one has {bytes}"))
            .with(|body| body.body_bytes = Some(bytes))
    } else {
        let read = MEASURED_BYTES_MAX.max(max);
        Problem::new(Code::BodyTooLarge, format!("{limit}, this one has more than {read}"))
    };
    problem.with(|body| body.body_bytes_max = Some(max))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::net::{IpAddr, Ipv4Addr};
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use std::time::Duration;

    use axum::body::Body;
    use bytes::Bytes;
    use http::HeaderMap;
    use http_body::Frame;
    use tokio::time::{Instant, Sleep, sleep};

    use super::{
        BODY_BYTES_MAX, BODY_PATIENCE, BYTES_PER_SECOND_MIN, BodyMemoryLimit, SMALL_BYTES_MAX,
    };
    use crate::problem::Code;
    use persona_storage::Party;

    const CLIENT: Party = Party::Address(IpAddr::V4(Ipv4Addr::LOCALHOST));

    async fn read(limit: &BodyMemoryLimit, body: Body) -> Result<super::Received, super::Problem> {
        limit.read(&HeaderMap::new(), Some(CLIENT), body).await
    }

    #[tokio::test]
    async fn small_bodies_find_room_whatever_large_ones_hold() {
        let limit = BodyMemoryLimit::default();
        let large = || read(&limit, Body::from(vec![b' '; BODY_BYTES_MAX]));
        let held = [large().await.expect("room"), large().await.expect("room")];
        assert_eq!(large().await.expect_err("its share is taken").code(), Code::Busy);
        let mut small = Vec::new();
        for _ in 0..100 {
            small.push(
                read(&limit, Body::from(vec![b' '; SMALL_BYTES_MAX]))
                    .await
                    .expect("room for a small one"),
            );
        }
        drop(held);
        let received = large().await.expect("room again");
        assert_eq!(received.bytes().len(), BODY_BYTES_MAX);
        drop((received, small));
        assert!(limit.is_free());
    }

    /// A body that sends pieces of one size with pauses between them, and never ends.
    struct Sips {
        bytes: usize,
        pause: Duration,
        next: Pin<Box<Sleep>>,
    }

    impl Sips {
        fn body(bytes: usize, pause: Duration) -> Body {
            Body::new(Self { bytes, pause, next: Box::pin(sleep(Duration::ZERO)) })
        }
    }

    impl http_body::Body for Sips {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            task: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            std::task::ready!(self.next.as_mut().poll(task));
            let next = Instant::now() + self.pause;
            self.next.as_mut().reset(next);
            Poll::Ready(Some(Ok(Frame::data(vec![b' '; self.bytes].into()))))
        }
    }

    #[tokio::test]
    async fn a_body_that_comes_in_sips_is_refused_soon() {
        let limit = BodyMemoryLimit::default();
        let begun = Instant::now();
        let refused = read(&limit, Sips::body(1, Duration::from_millis(500)))
            .await
            .expect_err("it is too slow");
        assert_eq!(refused.code(), Code::BodyTooSlow);
        assert!(begun.elapsed() + Duration::from_secs(1) >= BODY_PATIENCE, "{:?}", begun.elapsed());
        assert!(limit.is_free());
    }

    #[tokio::test]
    async fn a_body_gives_way_while_it_is_waited_for() {
        let limit = BodyMemoryLimit::default();
        let slow = {
            let limit = limit.clone();
            async move {
                read(
                    &limit,
                    Sips::body(8 * BYTES_PER_SECOND_MIN as usize, Duration::from_millis(900)),
                )
                .await
            }
        };
        let waiting = tokio::spawn(slow);
        while limit.is_free() {
            tokio::task::yield_now().await;
        }
        let large = || read(&limit, Body::from(vec![b' '; BODY_BYTES_MAX]));
        let held = [
            large().await.expect("room"),
            large().await.expect("room, because the slow one gives way"),
        ];
        assert_eq!(waiting.await.expect("no panic").expect_err("it gave way").code(), Code::Busy);
        drop(held);
        assert!(limit.is_free());
    }
}

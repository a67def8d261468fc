//! Bodies: how much of them a process takes in, and how long it waits for the rest.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, EXPECT};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::problem::{Code, Problem};

/// Most bytes of a body: one persona with every field near its own limit, with room for escapes.
pub(super) const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How far a body that is too large is read, so that the client gets to see why it is refused.
const DRAINED_BYTES_MAX: usize = 4 * BODY_BYTES_MAX;
/// Bytes set aside before the first byte of a body has come, whatever the client announces.
const BODY_BYTES_RESERVED_MAX: usize = 64 * 1024;
/// Longest pause within a body: a client that went away without a word must not hold its connection for ever.
const BODY_PAUSE_MAX: Duration = Duration::from_secs(10);
/// Most KiB of all bodies that one process holds at a time, from their first byte to their answer: eight of the largest,
/// or thousands of ordinary ones. Without it a thousand connections could ask for gigabytes.
const ROOM_KIB: usize = 8 * BODY_BYTES_MAX / 1024;

/// The memory that the bodies of one process may take up together.
#[derive(Clone, Debug)]
pub struct BodyRoom(Arc<Semaphore>);

/// A complete body, and its part of the room.
#[derive(Debug)]
pub(super) struct Received {
    bytes: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

impl Default for BodyRoom {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(ROOM_KIB)))
    }
}

impl Received {
    /// The body.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl BodyRoom {
    /// Reads a whole body.
    pub(super) async fn read(&self, headers: &HeaderMap, mut body: Body) -> Result<Received, Problem> {
        let announced: Option<usize> = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        if let Some(bytes) = announced.filter(|bytes| *bytes > BODY_BYTES_MAX)
            && (bytes > DRAINED_BYTES_MAX || headers.contains_key(EXPECT))
        {
            return Err(too_large(Some(bytes)));
        }
        let mut kept = BytesMut::with_capacity(announced.unwrap_or_default().min(BODY_BYTES_RESERVED_MAX));
        let mut room: Option<OwnedSemaphorePermit> = None;
        let mut received = 0;
        while let Some(data) = next_piece(&mut body).await? {
            received += data.len();
            if received > DRAINED_BYTES_MAX {
                return Err(too_large(None));
            }
            if received <= BODY_BYTES_MAX {
                self.extend(&mut room, received)?;
                kept.extend_from_slice(&data);
            }
        }
        if received > BODY_BYTES_MAX { Err(too_large(Some(received))) } else { Ok(Received { bytes: kept.freeze(), _room: room }) }
    }

    /// Takes as much more room as this many bytes need. Nobody waits for it: those who hold some could wait for each other.
    fn extend(&self, room: &mut Option<OwnedSemaphorePermit>, bytes: usize) -> Result<(), Problem> {
        let more = bytes.div_ceil(1024) - room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = u32::try_from(more).expect("a body has far fewer KiB");
        match Arc::clone(&self.0).try_acquire_many_owned(more) {
            Ok(permit) => match room {
                Some(room) => room.merge(permit),
                None => *room = Some(permit),
            },
            Err(_) => return Err(Problem::new(Code::Busy, "the bodies of other requests take up all the room there is").retry()),
        }
        Ok(())
    }
}

async fn next_piece(body: &mut Body) -> Result<Option<Bytes>, Problem> {
    loop {
        let Ok(frame) = tokio::time::timeout(BODY_PAUSE_MAX, body.frame()).await else {
            let seconds = BODY_PAUSE_MAX.as_secs();
            return Err(Problem::new(Code::BodyTooSlow, format!("nothing came for {seconds} seconds and the body is not complete")));
        };
        let Some(frame) = frame else { return Ok(None) };
        let frame = frame.map_err(|_| Problem::new(Code::BodyCutOff, "the connection broke before the body was complete"))?;
        // A frame of trailers says nothing that is needed here.
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
}

fn too_large(bytes: Option<usize>) -> Problem {
    let limit = format!("a body may have {BODY_BYTES_MAX} bytes");
    let problem = match bytes {
        Some(bytes) => Problem::new(Code::BodyTooLarge, format!("{limit}, this one has {bytes}")).with("body_bytes", bytes),
        None => Problem::new(Code::BodyTooLarge, format!("{limit}, this one has more than {DRAINED_BYTES_MAX}")),
    };
    problem.with("body_bytes_max", BODY_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::HeaderMap;

    use super::{BODY_BYTES_MAX, BodyRoom};

    #[tokio::test]
    async fn bodies_share_a_bounded_room_and_give_it_back() {
        let room = BodyRoom::default();
        let read = async |bytes: usize| room.read(&HeaderMap::new(), Body::from(vec![b' '; bytes])).await;
        let mut held = Vec::new();
        for _ in 0..8 {
            held.push(read(BODY_BYTES_MAX).await.expect("room for eight of the largest"));
        }
        let refused = read(1).await.expect_err("no room for one more byte");
        assert_eq!(refused.detail(), "the bodies of other requests take up all the room there is");
        held.pop();
        let received = read(BODY_BYTES_MAX).await.expect("room again");
        assert_eq!(received.bytes().len(), BODY_BYTES_MAX);
        drop((held, received));
        assert_eq!(room.0.available_permits(), super::ROOM_KIB);
    }
}

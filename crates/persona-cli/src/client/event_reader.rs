//! Reads a stream of server-sent events (HTML standard, section 9.2.6), as far as this API uses the
//! format.

use std::time::Duration;

use http::Response;
use http_body_util::BodyExt;
use persona_http::Body;
use persona_http::contract::events::{Event, HEARTBEAT_SECONDS, RESET, Reset};
use persona_server::exit_code::ExitCode;

use super::reply::cut_short;
use crate::failure::Failure;

/// A stream that is silent for longer than this is broken, because heartbeats are more frequent.
const SILENCE_MAX: Duration = Duration::from_secs(3 * HEARTBEAT_SECONDS);
/// Most bytes of one event: enough for the largest persona.
const EVENT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A stream of events.
pub struct EventReader {
    body: Body,
    pending: Vec<u8>,
    /// How many pending bytes were searched for the end of a block, without finding one.
    looked_at: usize,
    /// The id of the last block that had one.
    last_id: Option<String>,
    /// The same before the last event.
    id_before: Option<String>,
}

/// A message of a stream.
#[derive(Clone, PartialEq, Debug)]
pub enum Told {
    /// A change, and its JSON as received.
    Event(Box<Event>, String),
    /// The feed does not have the place from which the client asked for events; they go on behind
    /// this place.
    Reset(Reset),
}

impl EventReader {
    /// Reads the body of an answer that is a stream.
    pub fn new(response: Response<Body>) -> Self {
        Self {
            body: response.into_body(),
            pending: Vec::new(),
            looked_at: 0,
            last_id: None,
            id_before: None,
        }
    }

    /// The place that the stream has reached, by the last id that the server sent; events that the
    /// filter skips count too.
    pub fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    /// The place from which the stream goes on with the last event again.
    pub fn id_before(&self) -> Option<&str> {
        self.id_before.as_deref()
    }

    /// The next message; `None` at the end of the stream.
    ///
    /// # Errors
    ///
    /// The stream broke off, was silent for too long, or does not come from this program.
    pub async fn next(&mut self) -> Result<Option<Told>, Failure> {
        loop {
            while let Some(block) = self.block() {
                if let Some(told) = self.read_block(&String::from_utf8_lossy(&block))? {
                    return Ok(Some(told));
                }
            }
            if self.pending.len() > EVENT_BYTES_MAX {
                return Err(foreign("an event has no end"));
            }
            let Ok(frame) = tokio::time::timeout(SILENCE_MAX, self.body.frame()).await else {
                let message = format!("nothing came for {} s", SILENCE_MAX.as_secs());
                return Err(Failure::new(ExitCode::Unavailable, message));
            };
            let Some(frame) = frame else { return Ok(None) };
            if let Ok(bytes) = frame.map_err(|error| cut_short(&error))?.into_data() {
                self.pending.extend_from_slice(&bytes);
            }
        }
    }

    /// Takes the next complete block. Each byte is searched once, however many pieces a block
    /// arrives in.
    fn block(&mut self) -> Option<Vec<u8>> {
        let ends = self.pending[self.looked_at..].windows(2).position(|pair| pair == b"\n\n");
        let Some(end) = ends else {
            // The last byte can be the first byte of the end of a block.
            self.looked_at = self.pending.len().saturating_sub(1);
            return None;
        };
        let length = self.looked_at + end + 2;
        self.looked_at = 0;
        Some(self.pending.drain(..length).collect())
    }

    fn read_block(&mut self, block: &str) -> Result<Option<Told>, Failure> {
        let (mut name, mut data) = (None, None);
        let id_before = self.last_id.clone();
        for line in block.lines() {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "id" => self.last_id = Some(value.into()),
                "event" => name = Some(value),
                "data" => data = Some(value),
                // Comments, which keep the connection open, and the time to wait before connecting
                // again.
                _ => {}
            }
        }
        let Some(data) = data else { return Ok(None) };
        match name {
            None => {
                let event = serde_json::from_str(data).map_err(foreign)?;
                self.id_before = id_before;
                Ok(Some(Told::Event(Box::new(event), data.into())))
            }
            Some(RESET) => Ok(Some(Told::Reset(serde_json::from_str(data).map_err(foreign)?))),
            // A later version may send further kinds of messages.
            Some(_) => Ok(None),
        }
    }
}

fn foreign(cause: impl std::fmt::Display) -> Failure {
    Failure::new(ExitCode::Unavailable, "the stream is not one of a server of this version")
        .because(cause)
}

#[cfg(test)]
mod tests {
    use http::Response;
    use persona_http::Body;

    use super::{EventReader, Told};

    #[test]
    fn each_byte_of_a_block_is_looked_at_once() {
        let mut reader = EventReader::new(Response::new(Body::from("")));
        let mut blocks = Vec::new();
        for byte in b"\n: a\n\nid: 7\ndata: {}\n\n\n\nid: 8" {
            reader.pending.push(*byte);
            blocks.extend(reader.block());
            assert!(reader.looked_at + 1 >= reader.pending.len());
        }
        assert_eq!(blocks, [b"\n: a\n\n" as &[u8], b"id: 7\ndata: {}\n\n", b"\n\n"]);
    }

    #[tokio::test]
    async fn events_are_read_past_comments_and_places_without_an_event() {
        let text = ": events\nretry: 500\nid: 3\n\nid: 4\ndata: {\"sequence\":4,\"persona\":\
                    \"0193b0c2-7f3e-7a10-8c1d-000000000001\",\"revision\":1,\"kind\":\"created\",\
                    \"at\":\"2026-11-24T18:10:41.000120Z\",\"by\":null}\n\nevent: other\ndata: x\n\n\
                    : heartbeat\nid: 9\n\nevent: reset\nid: 12\ndata: {\"sequence\":12}\n\nid: 13";
        let mut reader = EventReader::new(Response::new(Body::from(text)));
        let Ok(Some(Told::Event(event, json))) = reader.next().await else { panic!("no event") };
        assert_eq!((event.sequence, reader.last_id()), (4, Some("4")));
        assert!(text.contains(&json));
        let Ok(Some(Told::Reset(reset))) = reader.next().await else { panic!("no reset") };
        assert_eq!((reset.sequence, reader.last_id()), (12, Some("12")));
        assert_eq!(reader.next().await, Ok(None), "what has no end was cut off");
        let mut broken = EventReader::new(Response::new(Body::from("data: {}\n\n")));
        assert!(broken.next().await.is_err());
    }
}

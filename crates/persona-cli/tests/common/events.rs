//! A client of server-sent events that keeps every event and comment.

use std::io::{self, ErrorKind, Read};

use serde_json::Value;

use super::client::{head, nonsense};
use super::{Client, DEADLINE, Server, wait_for};

/// The path of the events.
pub const EVENTS: &str = "/api/v1/events";

/// A stream of events, read block by block.
pub struct EventStream {
    client: Client,
    /// Bytes that came and are not part of a returned block yet.
    pending: Vec<u8>,
    /// The last id of an event, which a browser sends to go on from there.
    pub last_id: Option<String>,
}

/// A part of a stream up to a blank line.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Block {
    pub comment: Option<String>,
    pub id: Option<String>,
    pub event: Option<String>,
    pub data: Option<String>,
}

impl Block {
    /// The data as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(self.data.as_deref().expect("data")).expect("JSON")
    }
}

impl EventStream {
    /// Opens a stream; fails the test if the answer is none.
    #[track_caller]
    pub fn open(server: &Server, query: &str, headers: &[(&str, &str)]) -> Self {
        Self::over(server.connect(), query, headers).expect("a stream")
    }

    /// Opens a stream over this connection.
    pub fn over(mut client: Client, query: &str, headers: &[(&str, &str)]) -> io::Result<Self> {
        let path = format!("{EVENTS}{query}");
        client.send(&head("GET", &path, headers, 0))?;
        let status = client.read_line()?;
        let mut is_stream = false;
        loop {
            let line = client.read_line()?.to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            is_stream |= line == "content-type: text/event-stream";
        }
        if !status.contains(" 200 ") || !is_stream {
            return Err(nonsense(&status));
        }
        Ok(Self { client, pending: Vec::new(), last_id: None })
    }

    /// The next block; `None` when the stream has come to its end as it should.
    pub fn block(&mut self) -> io::Result<Option<Block>> {
        loop {
            if let Some(at) = self.pending.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.pending.drain(..at + 2).collect();
                return Ok(Some(self.read_block(&String::from_utf8_lossy(&block))));
            }
            if !self.read_chunk()? {
                return Ok(None);
            }
        }
    }

    fn read_block(&mut self, text: &str) -> Block {
        let mut block = Block::default();
        for line in text.lines() {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            let value = Some(value.strip_prefix(' ').unwrap_or(value).to_owned());
            match name {
                "" => block.comment = value.or(block.comment),
                "id" => block.id = value,
                "event" => block.event = value,
                "data" => block.data = value,
                _ => {}
            }
        }
        if block.id.is_some() {
            self.last_id.clone_from(&block.id);
        }
        block
    }

    fn read_chunk(&mut self) -> io::Result<bool> {
        let length = usize::from_str_radix(&self.client.read_line()?, 16)
            .map_err(|_| nonsense("no chunk length"))?;
        let start = self.pending.len();
        self.pending.resize(start + length, 0);
        self.client.stream.read_exact(&mut self.pending[start..])?;
        self.client.read_line()?;
        Ok(length > 0)
    }

    /// The next event; comments are skipped.
    #[track_caller]
    pub fn event(&mut self) -> Value {
        self.named_event().1
    }

    /// The next event with its name; comments are skipped.
    #[track_caller]
    pub fn named_event(&mut self) -> (Option<String>, Value) {
        loop {
            let block = self.block().expect("a stream that goes on").expect("an event");
            if block.data.is_some() {
                return (block.event.clone(), block.json());
            }
        }
    }

    /// The sequences of the next events.
    #[track_caller]
    pub fn sequences(&mut self, count: usize) -> Vec<u64> {
        (0..count).map(|_| sequence(&self.event())).collect()
    }
}

/// The sequence of an event.
#[track_caller]
pub fn sequence(event: &Value) -> u64 {
    event["sequence"].as_u64().expect("a number")
}

/// Follows the events as a browser does: when the stream ends, in whatever way, connects again and
/// goes on after the last event that came. Returns the events that came.
pub fn follow(
    server: &Server,
    from: &str,
    mut is_enough: impl FnMut(&Value) -> bool,
) -> Vec<Value> {
    let mut told = Vec::new();
    let mut last_id: Option<String> = None;
    loop {
        let headers: Vec<(&str, &str)> =
            last_id.iter().map(|id| ("last-event-id", id.as_str())).collect();
        let mut stream = wait_for("a stream", DEADLINE, || {
            let client = server.way().connect().ok()?;
            EventStream::over(client, &format!("?after={from}"), &headers).ok()
        });
        loop {
            match stream.block() {
                Ok(Some(block)) => {
                    assert_eq!(block.event, None, "a reset");
                    if block.id.is_some() {
                        last_id.clone_from(&block.id);
                    }
                    if block.data.is_some() {
                        told.push(block.json());
                        if is_enough(told.last().expect("an event")) {
                            return told;
                        }
                    }
                }
                Ok(None) => break,
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::UnexpectedEof
                            | ErrorKind::ConnectionReset
                            | ErrorKind::BrokenPipe
                    ) =>
                {
                    break;
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

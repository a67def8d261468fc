//! A small HTTP/1.1 client: one connection, kept alive, and every failure visible.
//!
//! HTTP libraries send a request again on a new connection when a kept connection was closed; these
//! tests are about exactly that case, so this client never does.

use std::fmt;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::wire::Wire;
use super::{DEADLINE, declared};

/// A connection to the server.
pub struct Client {
    pub(super) stream: BufReader<Wire>,
    /// Whether the server said that its last answer was the last on this connection.
    pub closes: bool,
}

/// An answer of the server.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl fmt::Debug for Reply {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {:?} {}", self.status, self.headers, String::from_utf8_lossy(&self.body))
    }
}

impl Reply {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("a body of JSON")
    }
}

impl Client {
    /// Connects.
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        Self::over(TcpStream::connect(address)?)
    }

    /// Makes a client of this connection.
    pub fn over(stream: impl Into<Wire>) -> io::Result<Self> {
        let stream = stream.into();
        stream.send_at_once()?;
        stream.set_patience(DEADLINE)?;
        Ok(Self { stream: BufReader::new(stream), closes: false })
    }

    /// Waits for answers no longer than this.
    pub fn wait_up_to(&self, time_max: Duration) {
        self.stream.get_ref().set_patience(time_max).expect("a timeout that is not zero");
    }

    /// Sends a request without a body and reads the answer.
    pub fn get(&mut self, path: &str) -> io::Result<Reply> {
        self.request("GET", path, &[], b"")
    }

    /// Sends a request and reads the answer. Fails the test if the OpenAPI document does not
    /// declare the answer.
    #[track_caller]
    pub fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Reply> {
        let mut message = head(method, path, headers, body.len());
        message.extend_from_slice(body);
        self.send(&message)?;
        let reply = self.read_reply()?;
        declared::check(method, path, reply.status, reply.header("content-type"), &reply.body);
        Ok(reply)
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)?;
        self.stream.get_mut().flush()
    }

    /// Closes the sending half of the connection; the reading half stays open.
    pub fn close_its_half(&mut self) -> io::Result<()> {
        self.stream.get_ref().close_its_half()
    }

    /// Reads one answer.
    pub fn read_reply(&mut self) -> io::Result<Reply> {
        let status_line = self.read_line()?;
        let status = status_line
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .ok_or_else(|| nonsense("no status"))?;
        let mut headers = Vec::new();
        loop {
            let line = self.read_line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| nonsense("no colon"))?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut reply = Reply { status, headers, body: Vec::new() };
        self.closes =
            reply.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        if reply.header("transfer-encoding") == Some("chunked") {
            self.read_chunks(&mut reply.body)?;
        } else {
            let length = reply
                .header("content-length")
                .map_or(Ok(0), str::parse)
                .map_err(|_| nonsense("no length"))?;
            reply.body.resize(length, 0);
            self.stream.read_exact(&mut reply.body)?;
        }
        Ok(reply)
    }

    /// Waits until the server closes the connection; an error when the server sends something
    /// instead.
    pub fn wait_for_close(&mut self) -> io::Result<()> {
        match self.stream.fill_buf()? {
            [] => Ok(()),
            _ => Err(nonsense("bytes that nobody asked for")),
        }
    }

    /// Whether the server has closed the connection, without a wait.
    pub fn is_closed(&self) -> bool {
        match self.stream.get_ref().peek() {
            Ok(bytes) => bytes == 0,
            Err(error) => error.kind() != ErrorKind::WouldBlock,
        }
    }

    fn read_chunks(&mut self, body: &mut Vec<u8>) -> io::Result<()> {
        loop {
            let length = usize::from_str_radix(&self.read_line()?, 16)
                .map_err(|_| nonsense("no chunk length"))?;
            let start = body.len();
            body.resize(start + length, 0);
            self.stream.read_exact(&mut body[start..])?;
            self.read_line()?;
            if length == 0 {
                return Ok(());
            }
        }
    }

    pub(super) fn read_line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }
}

/// The head of a request. A body is JSON unless a header says otherwise.
pub(super) fn head(
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body_bytes: usize,
) -> Vec<u8> {
    let length = body_bytes.to_string();
    let mut fields = vec![("host", "localhost")];
    if body_bytes > 0 {
        fields.push(("content-length", &length));
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            fields.push(("content-type", "application/json"));
        }
    }
    let fields = fields
        .iter()
        .chain(headers)
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect::<Vec<_>>()
        .concat();
    format!("{method} {path} HTTP/1.1\r\n{fields}\r\n").into_bytes()
}

pub(super) fn nonsense(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

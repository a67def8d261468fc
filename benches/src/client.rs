//! The smallest HTTP client that the measurements need: one kept connection, one request at a time,
//! blocking.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::Result;

/// Longest wait for an answer: more than the busy timeout of every rival.
const ANSWER_MAX: Duration = Duration::from_mins(1);

/// A connection to the server.
pub struct Client {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// The entity tag, with its quotes.
    pub etag: Option<String>,
    /// The header fields, each a line without its end.
    pub fields: Vec<String>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Result<Value> {
        Ok(serde_json::from_slice(&self.body)?)
    }

    /// The answer, or an error if its status is no success.
    pub fn success(self) -> Result<Self> {
        if (200..300).contains(&self.status) {
            return Ok(self);
        }
        Err(format!("the server answered {}: {}", self.status, String::from_utf8_lossy(&self.body))
            .into())
    }
}

impl Client {
    pub fn connect(address: SocketAddr) -> Result<Self> {
        Self::over(TcpStream::connect(address)?, address)
    }

    /// Wraps a connection to this address.
    pub fn over(stream: TcpStream, address: SocketAddr) -> Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        Ok(Self { stream: BufReader::new(stream), address })
    }

    /// Reads a path; an error if the status is no success.
    pub fn get(&mut self, path: &str) -> Result<Answer> {
        self.send("GET", path, "", "")?.success()
    }

    /// Sends a request; `headers` has more header fields, each a whole line.
    pub fn send(&mut self, method: &str, path: &str, headers: &str, body: &str) -> Result<Answer> {
        self.send_typed(method, path, headers, "application/json", body)
    }

    /// Sends a request with a body of another media type than JSON.
    pub fn send_typed(
        &mut self,
        method: &str,
        path: &str,
        headers: &str,
        media_type: &str,
        body: &str,
    ) -> Result<Answer> {
        let length = if body.is_empty() {
            String::new()
        } else {
            format!("Content-Type: {media_type}\r\nContent-Length: {}\r\n", body.len())
        };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n{headers}{length}\r\n{body}",
            self.address
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        self.read()
    }

    fn read(&mut self) -> Result<Answer> {
        let status = self.line()?;
        let status = status
            .split(' ')
            .nth(1)
            .and_then(|number| number.parse().ok())
            .ok_or("no status line")?;
        let (mut length, mut etag, mut chunked, mut fields) = (0, None, false, Vec::new());
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse()?,
                "etag" => etag = Some(value.trim().to_string()),
                "transfer-encoding" => chunked = true,
                _ => {}
            }
            fields.push(line);
        }
        if chunked {
            return Err("an answer in chunks".into());
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(Answer { status, etag, fields, body })
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err("the server closed the connection".into());
        }
        Ok(line.trim_end().to_string())
    }
}

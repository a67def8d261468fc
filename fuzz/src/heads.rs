//! Heads of requests and the frames of their bodies, as they come from a socket.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use persona_server::heads::{Checked, Hosts, Progress};
use tokio::io::{AsyncRead, ReadBuf};

/// Checks a stream in one piece and in pieces of the sizes that its first byte says: what the HTTP
/// library gets is the same.
pub fn run(bytes: &[u8]) {
    let Some((size, stream)) = bytes.split_first() else { return };
    let size = usize::from(*size).max(1);
    assert_eq!(passed_on(stream, stream.len().max(1)), passed_on(stream, size));
}

/// What is passed on of a stream that arrives in pieces of this size, and how it ends.
fn passed_on(stream: &[u8], size: usize) -> (Vec<u8>, Option<String>) {
    let (progress, hosts) = (Arc::new(Progress::new(|| 0)), Hosts::loopback_and([]));
    let mut checked = Checked::new(Pieces { rest: stream, size }, Arc::clone(&progress), hosts);
    let (mut passed, mut buffer) = (Vec::new(), [0; 512]);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        let mut buffer = ReadBuf::new(&mut buffer);
        match Pin::new(&mut checked).poll_read(&mut context, &mut buffer) {
            Poll::Ready(Ok(())) if buffer.filled().is_empty() => return (passed, None),
            Poll::Ready(Ok(())) => passed.extend_from_slice(buffer.filled()),
            Poll::Ready(Err(error)) => return (passed, Some(error.to_string())),
            Poll::Pending => return (passed, Some("it waits for its end".into())),
        }
    }
}

/// A stream that arrives in pieces.
struct Pieces<'a> {
    rest: &'a [u8],
    size: usize,
}

impl AsyncRead for Pieces<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let length = self.size.min(self.rest.len()).min(buffer.remaining());
        let (piece, rest) = self.rest.split_at(length);
        buffer.put_slice(piece);
        self.rest = rest;
        Poll::Ready(Ok(()))
    }
}

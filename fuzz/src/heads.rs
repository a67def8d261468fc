//! Heads of requests and the frames of their bodies, as they come from a socket.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use persona_server::heads::{Checked, Hosts, Progress};
use tokio::io::{AsyncRead, ReadBuf};

/// Checks a stream in one piece and in pieces of the sizes that its first byte says: what the HTTP
/// library gets is the same. What is behind the last line feed is left out, because a line that
/// arrives in pieces is checked when it is complete, and one that arrives at once before that.
pub fn run(bytes: &[u8]) {
    let Some((size, stream)) = bytes.split_first() else { return };
    let size = usize::from(*size).max(1);
    let end = stream.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    let stream = &stream[..end];
    let (at_once, its_end) = passed_on(stream, stream.len().max(1));
    let (in_pieces, end) = passed_on(stream, size);
    assert_eq!(its_end, end);
    // How much of a broken body is passed on before its error depends on what had arrived.
    if matches!(end, End::Broken(_)) {
        assert!(in_pieces.starts_with(&at_once) || at_once.starts_with(&in_pieces));
    } else {
        assert_eq!(at_once, in_pieces);
    }
}

/// How a stream ends for the HTTP library.
#[derive(PartialEq, Eq, Debug)]
enum End {
    Closed,
    /// A head was refused, and its answer is waited for.
    Waits,
    Broken(String),
}

/// What is passed on of a stream that arrives in pieces of this size, and how it ends.
fn passed_on(stream: &[u8], size: usize) -> (Vec<u8>, End) {
    let (progress, hosts) = (Arc::new(Progress::new(|| 0)), Hosts::loopback_and([]));
    let mut checked = Checked::new(Pieces { rest: stream, size }, Arc::clone(&progress), hosts);
    let (mut passed, mut buffer) = (Vec::new(), [0; 512]);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        let mut buffer = ReadBuf::new(&mut buffer);
        match Pin::new(&mut checked).poll_read(&mut context, &mut buffer) {
            Poll::Ready(Ok(())) if buffer.filled().is_empty() => return (passed, End::Closed),
            Poll::Ready(Ok(())) => passed.extend_from_slice(buffer.filled()),
            Poll::Ready(Err(error)) => return (passed, End::Broken(error.to_string())),
            Poll::Pending => return (passed, End::Waits),
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

//! The stream of a client, which passes on only bytes that were checked.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::body::Body;
use super::head::Head;
use super::{Hosts, Progress};
use persona_http::Refusal;

/// The head that the HTTP library gets in place of a refused one, so that the refusal is answered
/// like any other request: in order, with an id, counted and logged. No route has its path.
/// `Progress` tells which request it is.
const STAND_IN: &[u8] = b"GET /refused HTTP/1.1\r\nhost: refused\r\n\r\n";
/// The same for a HEAD request: its answer must have no body.
const STAND_IN_FOR_HEAD: &[u8] = b"HEAD /refused HTTP/1.1\r\nhost: refused\r\n\r\n";

/// How long the server reads and discards what the client still sends after the last answer. A
/// socket that is closed with unread bytes is reset, and the client may lose the answer that it has
/// not read yet (RFC 9112, section 9.6).
const LINGER: Duration = Duration::from_secs(1);
/// Most bytes that are discarded after the last answer.
const LINGER_BYTES_MAX: usize = 1024 * 1024;

/// The stream of a client. It passes a head on when all of the head was checked, and nothing after
/// a refused head.
pub struct Checked<S> {
    inner: S,
    progress: Arc<Progress>,
    hosts: Hosts,
    /// Why the first request is refused, whatever it says.
    refused: Option<Refusal>,
    state: StreamState,
    /// Bytes that arrived and were not passed on: first `ready` bytes that were checked, then an
    /// incomplete head.
    held: BytesMut,
    ready: usize,
    /// Number of bytes that were discarded after the last answer.
    discarded: usize,
    /// The timer that ends the discarding; `None` before the last answer.
    lingering: Option<Pin<Box<Sleep>>>,
    /// Whether the stream has ended, and the HTTP library knows it or need not know.
    has_ended: bool,
}

/// Where in the sequence of requests the stream is.
#[derive(Debug)]
enum StreamState {
    Head(Head),
    Body(Body),
    /// The framing of a body is invalid; the HTTP library gets an error in place of the rest.
    Broken,
    /// A head was refused, or the framing of a body is invalid, so the start of the next request is
    /// unknown.
    Lost,
}

impl<S> Checked<S> {
    /// Wraps the stream of a client: requests are checked, with these hosts, and the progress is
    /// recorded.
    pub fn new(inner: S, progress: Arc<Progress>, hosts: Hosts) -> Self {
        let state = StreamState::Head(Head::default());
        Self {
            inner,
            progress,
            hosts,
            refused: None,
            state,
            held: BytesMut::new(),
            ready: 0,
            discarded: 0,
            lingering: None,
            has_ended: false,
        }
    }

    /// Sets a reason for which the first request is refused, whatever it says.
    #[must_use]
    pub fn refusing(self, refused: Option<Refusal>) -> Self {
        Self { refused, ..self }
    }
}

/// How many of some bytes may be passed on.
struct Verdict {
    checked: usize,
    refusal: Option<Refusal>,
}

/// Follows requests through these bytes.
fn check(state: &mut StreamState, progress: &Progress, hosts: &mut Hosts, bytes: &[u8]) -> Verdict {
    let mut checked = 0;
    while checked < bytes.len() {
        let rest = &bytes[checked..];
        match state {
            StreamState::Head(head) => match head.read(rest) {
                Ok(Some(_)) if !hosts.answers_for(head.host(rest)) => {
                    return Verdict { checked, refusal: Some(Refusal::ForeignHost) };
                }
                Ok(Some((length, body))) => {
                    checked += length;
                    progress.head_complete();
                    *state = if body.is_over() {
                        StreamState::Head(Head::default())
                    } else {
                        StreamState::Body(body)
                    };
                }
                Ok(None) => {
                    progress.head_begun();
                    return Verdict { checked, refusal: None };
                }
                Err(refusal) => return Verdict { checked, refusal: Some(refusal) },
            },
            StreamState::Body(body) => {
                let Ok(length) = body.skip(rest) else {
                    *state = StreamState::Broken;
                    break;
                };
                checked += length;
                if body.is_over() {
                    *state = StreamState::Head(Head::default());
                }
            }
            StreamState::Broken | StreamState::Lost => break,
        }
    }
    Verdict { checked, refusal: None }
}

impl<S: AsyncRead + Unpin> Checked<S> {
    /// Reads once, into this buffer if no bytes are held, and checks the bytes.
    fn poll_check(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let Poll::Ready(read) = Pin::new(&mut self.inner).poll_read(context, buffer) else {
            self.progress.nothing_came();
            self.progress.set_body_awaited(matches!(self.state, StreamState::Body(_)));
            return Poll::Pending;
        };
        self.progress.set_body_awaited(false);
        read?;
        let came = &buffer.filled()[before..];
        if came.is_empty() {
            self.has_ended = true;
            return Poll::Ready(Ok(()));
        }
        let refusal = if let Some(refusal) = self.refused.take() {
            self.held.extend_from_slice(came);
            buffer.set_filled(before);
            Some(refusal)
        } else if self.held.is_empty() {
            let verdict = check(&mut self.state, &self.progress, &mut self.hosts, came);
            self.held.extend_from_slice(&came[verdict.checked..]);
            buffer.set_filled(before + verdict.checked);
            verdict.refusal
        } else {
            self.held.extend_from_slice(came);
            buffer.set_filled(before);
            let verdict = check(&mut self.state, &self.progress, &mut self.hosts, &self.held);
            self.ready = verdict.checked;
            verdict.refusal
        };
        if let Some(refusal) = refusal {
            self.refuse(refusal);
        }
        if matches!(self.state, StreamState::Broken) {
            self.held.truncate(self.ready);
        }
        Poll::Ready(Ok(()))
    }

    /// Replaces the held head, and everything after it, by the stand-in.
    fn refuse(&mut self, refusal: Refusal) {
        let expects_no_body = self.held[self.ready..].starts_with(b"HEAD ");
        self.held.truncate(self.ready);
        self.held.extend_from_slice(if expects_no_body { STAND_IN_FOR_HEAD } else { STAND_IN });
        self.ready = self.held.len();
        self.state = StreamState::Lost;
        self.progress.refuse(refusal);
    }

    /// Reads and discards; ready at the end of the stream, or at the limit of bytes or time.
    fn poll_discard(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut bytes = [0; 4096];
        while self.discarded < LINGER_BYTES_MAX {
            let mut buffer = ReadBuf::new(&mut bytes);
            ready!(Pin::new(&mut self.inner).poll_read(context, &mut buffer))?;
            if buffer.filled().is_empty() {
                break;
            }
            self.discarded += buffer.filled().len();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Checked<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        loop {
            if this.ready > 0 {
                let length = this.ready.min(buffer.remaining());
                buffer.put_slice(&this.held[..length]);
                this.held.advance(length);
                this.ready -= length;
            }
            if buffer.filled().len() > before || this.has_ended {
                return Poll::Ready(Ok(()));
            }
            match this.state {
                StreamState::Lost => {
                    // The connection ends after the answer. Until then further bytes are discarded,
                    // and the end of the stream is ignored, because a client may close its sending
                    // half and read on. Only an error means that no answer can be sent.
                    if let Poll::Ready(Err(error)) = this.poll_discard(context) {
                        return Poll::Ready(Err(error));
                    }
                    return Poll::Pending;
                }
                StreamState::Broken => {
                    this.state = StreamState::Lost;
                    return Poll::Ready(Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "the chunks of a body are broken",
                    )));
                }
                StreamState::Head(_) if !this.held.is_empty() && this.progress.is_too_slow() => {
                    this.refuse(Refusal::TooSlow);
                }
                _ => ready!(this.poll_check(context, buffer))?,
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Checked<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.progress.set_blocked(written.is_pending());
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(context, slices);
        self.progress.set_blocked(written.is_pending());
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(context);
        // TLS accepts a whole answer at once and waits for the client in the flush.
        self.progress.set_blocked(flushed.is_pending());
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(Pin::new(&mut this.inner).poll_shutdown(context))?;
        if this.has_ended || matches!(this.state, StreamState::Head(_)) {
            return Poll::Ready(Ok(()));
        }
        // Bytes and time from while the answers were written do not count against the limits of
        // discarding.
        if this.lingering.is_none() {
            this.discarded = 0;
        }
        let until = this.lingering.get_or_insert_with(|| Box::pin(sleep(LINGER)));
        if until.as_mut().poll(context).is_ready() {
            return Poll::Ready(Ok(()));
        }
        this.poll_discard(context).map(|_| Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::timeout;

    use super::super::Hosts;
    use super::{Checked, LINGER, LINGER_BYTES_MAX, STAND_IN};

    const SHORT: Duration = Duration::from_millis(20);

    /// A client, and the stream of the server after a refused head.
    async fn refused() -> (DuplexStream, Checked<DuplexStream>) {
        let (mut client, served) = duplex(4096);
        let mut stream = Checked::new(served, Arc::default(), Hosts::any());
        client.write_all(b"nonsense\r\n\r\n").await.expect("an open stream");
        let mut read = vec![0; STAND_IN.len()];
        stream.read_exact(&mut read).await.expect("the stand-in");
        assert_eq!(read, STAND_IN);
        (client, stream)
    }

    #[tokio::test]
    async fn a_client_that_closes_its_half_after_a_refused_head_is_still_answered() {
        let (mut client, mut stream) = refused().await;
        client.shutdown().await.expect("an open stream");
        for _ in 0..3 {
            let end = timeout(SHORT, stream.read(&mut [0; 16])).await;
            assert!(end.is_err(), "the connection would end before the answer: {end:?}");
        }
        stream.write_all(b"answer").await.expect("the other half is open");
        timeout(LINGER * 10, stream.shutdown()).await.expect("in time").expect("an end");
        drop(stream);
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.expect("an answer");
        assert_eq!(answer, "answer");
    }

    #[tokio::test]
    async fn the_wait_for_what_is_still_sent_begins_with_the_last_answer() {
        let (mut client, mut stream) = refused().await;
        // Sending the answers takes longer than the time of discarding, and meanwhile as many bytes
        // arrive as may be discarded.
        let sending = tokio::spawn(async move {
            client.write_all(&vec![b'x'; LINGER_BYTES_MAX]).await.expect("it is read");
            client
        });
        let _ = timeout(LINGER + SHORT, stream.read(&mut [0; 16])).await;
        let client = sending.await.expect("no panic");
        let mut shutdown = pin!(stream.shutdown());
        assert!(
            timeout(SHORT, shutdown.as_mut()).await.is_err(),
            "the client may still be sending"
        );
        drop(client);
        timeout(LINGER * 10, shutdown).await.expect("its end is noticed").expect("an end");
    }
}

//! The stream of a connection, with a limit on the wait for a client that does not read.
//!
//! The system takes bytes into its own buffer, and then no more until the client has read some. A
//! client that never reads would hold its answer and its connection for ever. The layers above the
//! socket cannot see this: the HTTP library passes on an answer and learns only when it is sent. So
//! the limit is here.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::socket::{self, Socket};
use persona_http::Patience;

/// A stream that fails when its other end does not read.
pub(super) struct PatientStream {
    stream: Socket,
    patience: Patience,
    /// Since when the system accepts no bytes.
    stuck_since: Option<Instant>,
    /// The timer, made at its first use and then reused. Most clients never make the server wait.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl PatientStream {
    /// Wraps a socket; `patience` is how long it waits for its client without progress, or at less
    /// than the minimum rate.
    pub fn new(stream: Socket, patience: Duration) -> Self {
        // The limit on waiting works even if an option of the socket cannot be set.
        socket::tune(&stream);
        Self { stream, patience: Patience::new(patience), stuck_since: None, alarm: None }
    }

    /// Judges a write: accepted bytes are progress, and a write that is not accepted starts the
    /// limited wait.
    fn judge(
        &mut self,
        written: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(bytes)) => {
                if let Some(since) = self.stuck_since.take() {
                    self.patience.waited(since.elapsed());
                }
                self.patience.progressed(bytes);
                Poll::Ready(Ok(bytes))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                ready!(self.poll_alarm(context));
                socket::forget_what_is_unread(&self.stream);
                Poll::Ready(Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "the client does not read its answer",
                )))
            }
        }
    }

    /// Fires when this client has kept the server waiting for too long.
    fn poll_alarm(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep(Duration::ZERO)));
        if self.stuck_since.is_none() {
            let now = Instant::now();
            self.stuck_since = Some(now);
            alarm.as_mut().reset((now + self.patience.left()).into());
        }
        alarm.as_mut().poll(context)
    }
}

impl AsyncRead for PatientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for PatientStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.judge(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.judge(written, context)
    }

    /// With vectored writes the HTTP library writes the parts of an answer directly, instead of
    /// copying them into one buffer: no limit would count the memory of that.
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::time::{Duration, Instant};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::timeout;
    use tokio_util::either::Either;

    use super::PatientStream;

    const PATIENCE: Duration = Duration::from_millis(500);
    /// Far longer than the limit, so that the test fails, and does not hang, if the limit is
    /// missing.
    const DEADLINE: Duration = Duration::from_secs(20);
    /// More bytes than the system buffers for both ends.
    const LARGE: usize = 32 * 1024 * 1024;

    async fn pair() -> (PatientStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let client = TcpStream::connect(listener.local_addr().expect("an address"))
            .await
            .expect("it listens");
        let socket = Either::Left(listener.accept().await.expect("a connection").0);
        (PatientStream::new(socket, PATIENCE), client)
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_is_cut_off_and_its_bytes_are_forgotten() {
        let (mut stream, mut client) = pair().await;
        let begun = Instant::now();
        let bytes = vec![0; LARGE];
        let written = timeout(DEADLINE, stream.write_all(&bytes)).await.expect("an end to waiting");
        let error = written.expect_err("it does not read");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(begun.elapsed() >= PATIENCE);
        drop(stream);
        let error = loop {
            match client.read(&mut [0; 4096]).await {
                Ok(0) => panic!("half an answer ended as if it were a whole one"),
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }

    #[tokio::test]
    async fn a_client_that_reads_slowly_but_steadily_gets_everything() {
        let (mut stream, mut client) = pair().await;
        let reading = tokio::spawn(async move {
            let (mut read, mut buffer, begun) = (0, vec![0; LARGE / 16], Instant::now());
            while read < LARGE {
                read += client.read(&mut buffer).await.expect("bytes");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            begun.elapsed()
        });
        stream.write_all(&vec![0; LARGE]).await.expect("it reads");
        assert!(reading.await.expect("no panic") > PATIENCE, "it was too fast to prove anything");
    }
}

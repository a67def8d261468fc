//! Whether a server of this program runs at an address. The result is only used for hints, so the
//! probe waits briefly and needs no async runtime.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use persona_http::contract::OperationId;

/// How long a server at the usual address may take for its whole answer: it is on this machine, and
/// only a hint depends on it.
const ANSWER_WAIT_MAX: Duration = Duration::from_millis(500);
/// Most bytes of an answer that are read; the landing page of a server is smaller.
const PAGE_BYTES_MAX: usize = 256 * 1024;

/// The URL of a server of this program at an address; `None` where there is none.
pub fn server_at(address: SocketAddr) -> Option<String> {
    let end = Instant::now() + ANSWER_WAIT_MAX;
    // A timeout of zero is refused by the system, so no call lasts beyond the deadline.
    let left = || Some(end.saturating_duration_since(Instant::now()));
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_WAIT_MAX).ok()?;
    stream.set_write_timeout(left()).ok()?;
    // The landing page needs no token.
    let path = OperationId::Landing.path();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").ok()?;
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    while answer.len() < PAGE_BYTES_MAX {
        stream.set_read_timeout(left()).ok()?;
        match stream.read(&mut part).ok()? {
            0 => break,
            read => answer.extend_from_slice(&part[..read]),
        }
    }
    let answer = String::from_utf8_lossy(&answer);
    answer.contains("\"name\":\"Persona Store\"").then(|| format!("http://{address}"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;
    use std::thread;
    use std::time::Duration;

    use super::server_at;

    #[test]
    fn a_server_that_answers_without_an_end_is_not_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        // Each byte arrives within the timeout of one read, but the whole answer would take hours.
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            while stream.write_all(b" ").is_ok() {
                thread::sleep(Duration::from_millis(50));
            }
        });
        assert_eq!(server_at(address), None);
        server.join().expect("the client has gone");
    }
}

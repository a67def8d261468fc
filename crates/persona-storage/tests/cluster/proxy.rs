//! A wire to the server that can be cut at the worst moment.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// What happens to the next message that holds the marker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// It never reaches the server.
    Before,
    /// It reaches the server, and nobody waits for what the server makes of it.
    Behind,
    /// The server has answered, and the answer is lost.
    Answered,
}

/// What is to be cut, and by which marker it is recognised.
type Armed = Mutex<Option<(Cut, Vec<u8>)>>;

/// Forwards to a server on the loopback interface.
pub struct Proxy {
    pub port: u16,
    armed: Arc<Armed>,
}

impl Proxy {
    pub fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let armed: Arc<Armed> = Arc::default();
        let shared = Arc::clone(&armed);
        // Ends with the process: nothing depends on its end.
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (armed, Ok(server)) = (Arc::clone(&shared), TcpStream::connect(("127.0.0.1", server))) else { continue };
                std::thread::spawn(move || serve(client, server, &armed));
            }
        });
        Self { port, armed }
    }

    /// Cuts the next connection that sends the marker.
    pub fn cut(&self, cut: Cut, marker: &str) {
        *self.armed.lock().unwrap_or_else(PoisonError::into_inner) = Some((cut, marker.into()));
    }

    /// Whether it was cut.
    pub fn has_cut(&self) -> bool {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }
}

fn serve(mut client: TcpStream, mut server: TcpStream, armed: &Armed) {
    // From the moment of the cut on, nothing of what the server says comes through.
    let answers_blocked = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (answered, answers) = std::sync::mpsc::channel();
    let back = {
        let (mut from, mut to, blocked) =
            (server.try_clone().expect("a descriptor"), client.try_clone().expect("a descriptor"), Arc::clone(&answers_blocked));
        std::thread::spawn(move || {
            let mut buffer = vec![0; 65_536];
            while let Ok(length @ 1..) = from.read(&mut buffer) {
                if blocked.load(std::sync::atomic::Ordering::Acquire) {
                    let _ = answered.send(());
                } else if to.write_all(&buffer[..length]).is_err() {
                    break;
                }
            }
            let _ = to.shutdown(Shutdown::Both);
        })
    };
    let mut buffer = vec![0; 65_536];
    while let Ok(length @ 1..) = client.read(&mut buffer) {
        let message = &buffer[..length];
        let cut = {
            let mut armed = armed.lock().unwrap_or_else(PoisonError::into_inner);
            let is_meant = armed.as_ref().is_some_and(|(_, marker)| message.windows(marker.len()).any(|run| run == marker.as_slice()));
            if is_meant { armed.take().map(|(cut, _)| cut) } else { None }
        };
        answers_blocked.store(cut.is_some(), std::sync::atomic::Ordering::Release);
        if cut == Some(Cut::Before) || server.write_all(message).is_err() {
            break;
        }
        if cut == Some(Cut::Answered) {
            let _ = answers.recv();
        }
        if cut.is_some() {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
    let _ = back.join();
}

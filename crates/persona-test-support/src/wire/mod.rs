//! A wire to the server that understands what passes over it: at any message it can be cut, fall
//! silent, or tell an error.
//!
//! Only what is not encrypted can be understood. Start reading at [`Wire::arm`].

mod trap;

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

pub use trap::{Fault, Sender, Trap};

/// The kind of the packets that begin a connection and have no letter of their own.
pub const STARTUP: u8 = b'!';
/// The kind of the one byte that answers the wish for encryption.
pub const ENCRYPTION: u8 = b'?';
/// The number in a packet that wishes encryption, and in one that cancels; every other one begins a
/// session.
const WISHES_ENCRYPTION: u32 = 80_877_103;
const CANCELS: u32 = 80_877_102;
/// What asks the server to say that it is ready.
const SYNC: [u8; 5] = [b'S', 0, 0, 0, 4];

/// Forwards to a server on the loopback interface.
pub struct Wire {
    pub port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    armed: Mutex<Option<Armed>>,
    arming: AtomicU64,
    sessions: Mutex<Vec<Weak<Session>>>,
}

struct Armed {
    trap: Trap,
    /// Which arming this is, so that what a connection said before does not count.
    number: u64,
    met: u64,
    has_sprung: bool,
    /// How often this trap and those before it have sprung.
    sprung: u64,
    /// The traps that are set one after the other, when this one has sprung.
    rest: VecDeque<Trap>,
}

impl Wire {
    pub fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let shared: Arc<Shared> = Arc::default();
        let of_all = Arc::clone(&shared);
        // Ends with the process: nothing depends on its end.
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&of_all);
                std::thread::spawn(move || {
                    // A server that is away is told by a connection that is closed at once.
                    let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { return };
                    // An error is that either side is gone; then both are.
                    let _ = serve(client, server, &shared);
                });
            }
        });
        Self { port, shared }
    }

    /// The same database as the URL of the server itself names, over this wire.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Sets a trap; one that is still there is taken away.
    pub fn arm(&self, trap: Trap) {
        self.arm_in_turn([trap]);
    }

    /// Sets traps, each when the one before it has sprung.
    pub fn arm_in_turn(&self, traps: impl IntoIterator<Item = Trap>) {
        let number = self.shared.arming.fetch_add(1, Ordering::Relaxed) + 1;
        let mut rest: VecDeque<Trap> = traps.into_iter().collect();
        let trap = rest.pop_front();
        *self.shared.armed() =
            trap.map(|trap| Armed { trap, number, met: 0, has_sprung: false, sprung: 0, rest });
    }

    /// Takes the trap away and tells how often it has sprung.
    pub fn disarm(&self) -> u64 {
        self.shared.armed().take().map_or(0, |armed| armed.sprung)
    }

    /// Cuts every connection that there is.
    pub fn cut_all(&self) {
        self.shared
            .sessions()
            .drain(..)
            .filter_map(|session| session.upgrade())
            .for_each(|session| session.cut());
    }

    /// How often the trap has sprung.
    pub fn sprung(&self) -> u64 {
        self.shared.armed().as_ref().map_or(0, |armed| armed.sprung)
    }
}

impl Shared {
    fn armed(&self) -> MutexGuard<'_, Option<Armed>> {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sessions(&self) -> MutexGuard<'_, Vec<Weak<Session>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be done to a message.
    fn meet(&self, session: &Session, sender: Sender, kind: u8, message: &[u8]) -> Option<Fault> {
        let mut armed = self.armed();
        let armed = armed.as_mut()?;
        let Trap { marker, fault, lasts, after, .. } = &armed.trap;
        let has_marker = |text: &[u8]| {
            marker.is_empty() || text.windows(marker.len()).any(|run| run == marker.as_slice())
        };
        if sender == Sender::Client && has_marker(message) {
            session.said.store(armed.number, Ordering::Relaxed);
        }
        let counts =
            session.said.load(Ordering::Relaxed) == armed.number || has_marker(&session.startup());
        if !counts
            || sender != armed.trap.sender
            || armed.trap.kind.is_some_and(|wanted| wanted != kind)
        {
            return None;
        }
        armed.met += 1;
        let fault = (armed.met > *after && (*lasts || !armed.has_sprung)).then_some(*fault)?;
        armed.has_sprung = true;
        armed.sprung += 1;
        if let Some(next) = armed.rest.pop_front() {
            (armed.trap, armed.met, armed.has_sprung) = (next, 0, false);
        }
        Some(fault)
    }
}

/// One connection, as both directions see it.
struct Session {
    client: Mutex<TcpStream>,
    server: TcpStream,
    startup: Mutex<Vec<u8>>,
    /// The last arming with a marker that its client said.
    said: AtomicU64,
    is_cut: AtomicBool,
    is_silent: AtomicBool,
    /// How often the server was asked to say that it is ready; it says so at the start unasked.
    asked: AtomicU64,
    /// What is to be told to the client before it hears for the n-th time that the server is ready.
    /// A client need not wait for that word before it goes on.
    fails: Mutex<Option<(u64, Vec<u8>)>>,
}

impl Session {
    fn startup(&self) -> MutexGuard<'_, Vec<u8>> {
        self.startup.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fails(&self) -> MutexGuard<'_, Option<(u64, Vec<u8>)>> {
        self.fails.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn to_client(&self, message: &[u8]) -> io::Result<()> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner).write_all(message)
    }

    fn to_server(&self, message: &[u8]) -> io::Result<()> {
        (&self.server).write_all(message)
    }

    /// Closes both sides. The server still gets what was sent before: its answers are read to their
    /// end and thrown away.
    fn cut(&self) {
        self.is_cut.store(true, Ordering::Release);
        let _ = self.client.lock().unwrap_or_else(PoisonError::into_inner).shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Write);
    }

    /// Does to a message what the trap wants; tells whether the connection goes on.
    fn suffer(&self, fault: Fault, sender: Sender, message: &[u8]) -> io::Result<bool> {
        match fault {
            Fault::Before => {}
            Fault::After if sender == Sender::Client => {
                // No answer comes through from now on, however fast it is.
                self.is_cut.store(true, Ordering::Release);
                self.to_server(message)?;
            }
            Fault::After => self.to_client(message)?,
            Fault::Silence => {
                self.is_silent.store(true, Ordering::Release);
                return Ok(true);
            }
            Fault::Fails(code) => {
                *self.fails() =
                    Some((self.asked.load(Ordering::Acquire) + 1, error_response("ERROR", code)));
                return Ok(true);
            }
            Fault::Ends(code) => self.to_client(&error_response("FATAL", code))?,
        }
        self.cut();
        Ok(false)
    }
}

fn serve(mut client: TcpStream, mut server: TcpStream, shared: &Arc<Shared>) -> io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let session = Arc::new(Session {
        client: Mutex::new(client.try_clone()?),
        server: server.try_clone()?,
        startup: Mutex::default(),
        said: AtomicU64::new(0),
        is_cut: AtomicBool::new(false),
        is_silent: AtomicBool::new(false),
        asked: AtomicU64::new(1),
        fails: Mutex::default(),
    });
    shared.sessions().push(Arc::downgrade(&session));
    if begin(&mut client, &mut server, &session, shared)? {
        let back = std::thread::spawn({
            let (session, shared) = (Arc::clone(&session), Arc::clone(shared));
            move || {
                let _ = answers(server, &session, &shared);
                session.cut();
            }
        });
        let _ = requests(client, &session, shared);
        session.cut();
        let _ = back.join();
    }
    Ok(())
}

/// The packets before the first that has a letter; tells whether a session has begun.
fn begin(
    client: &mut TcpStream,
    server: &mut TcpStream,
    session: &Session,
    shared: &Shared,
) -> io::Result<bool> {
    loop {
        let mut packet = vec![0; 4];
        client.read_exact(&mut packet)?;
        read_rest(client, &mut packet, 0)?;
        session.startup().clone_from(&packet);
        if let Some(fault) = shared.meet(session, Sender::Client, STARTUP, &packet) {
            return match fault {
                // Nothing was begun that could fail: it is refused as the server would do it.
                Fault::Fails(code) => session.suffer(Fault::Ends(code), Sender::Client, &packet),
                fault => session.suffer(fault, Sender::Client, &packet),
            };
        }
        session.to_server(&packet)?;
        let code = u32::from_be_bytes(packet[4..8].try_into().expect("four bytes"));
        if code != WISHES_ENCRYPTION {
            return Ok(code != CANCELS);
        }
        let mut answer = [0];
        server.read_exact(&mut answer)?;
        if let Some(fault) = shared.meet(session, Sender::Server, ENCRYPTION, &answer) {
            return session.suffer(fault, Sender::Server, &answer);
        }
        session.to_client(&answer)?;
    }
}

fn requests(mut client: TcpStream, session: &Session, shared: &Shared) -> io::Result<()> {
    // From a statement that fails on, the server hears nothing until the client asks whether it is
    // ready.
    let mut is_kept_back = false;
    loop {
        let message = read_message(&mut client)?;
        let kind = message[0];
        if session.is_silent.load(Ordering::Acquire) {
            continue;
        }
        let fault =
            if is_kept_back { None } else { shared.meet(session, Sender::Client, kind, &message) };
        match fault {
            Some(Fault::Fails(code)) => {
                session.suffer(Fault::Fails(code), Sender::Client, &message)?;
                is_kept_back = !matches!(kind, b'Q' | b'S');
                if !is_kept_back {
                    session.asked.fetch_add(1, Ordering::AcqRel);
                    session.to_server(&SYNC)?;
                }
            }
            Some(fault) => {
                if !session.suffer(fault, Sender::Client, &message)? {
                    return Ok(());
                }
            }
            None if is_kept_back && kind != b'S' => {}
            None => {
                is_kept_back = false;
                if matches!(kind, b'Q' | b'S') {
                    session.asked.fetch_add(1, Ordering::AcqRel);
                }
                session.to_server(&message)?;
            }
        }
    }
}

fn answers(mut server: TcpStream, session: &Session, shared: &Shared) -> io::Result<()> {
    let mut readies = 0;
    loop {
        let message = read_message(&mut server)?;
        if session.is_silent.load(Ordering::Acquire) || session.is_cut.load(Ordering::Acquire) {
            continue;
        }
        if message[0] == b'Z' {
            readies += 1;
            if let Some((_, error)) = session.fails().take_if(|(due, _)| *due == readies) {
                session.to_client(&error)?;
            }
        }
        match shared.meet(session, Sender::Server, message[0], &message) {
            Some(fault) => drop(session.suffer(fault, Sender::Server, &message)?),
            None => session.to_client(&message)?,
        }
    }
}

fn read_message(from: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut message = vec![0; 5];
    from.read_exact(&mut message)?;
    read_rest(from, &mut message, 1)?;
    Ok(message)
}

/// Reads what the four bytes at this place announce; they count themselves.
fn read_rest(from: &mut TcpStream, message: &mut Vec<u8>, at: usize) -> io::Result<()> {
    let length = u32::from_be_bytes(message[at..at + 4].try_into().expect("four bytes")) as usize;
    message.resize(at + length.max(4), 0);
    from.read_exact(&mut message[at + 4..])
}

fn error_response(severity: &str, code: &str) -> Vec<u8> {
    let text = format!("S{severity}\0V{severity}\0C{code}\0Mwords of the database\0\0");
    let length = u32::try_from(text.len() + 4).expect("it is short");
    [b"E", &length.to_be_bytes()[..], text.as_bytes()].concat()
}

//! A proxy between client and PostgreSQL server that understands the protocol: at any message it
//! can cut the connection, fall silent, or answer with an error.
//!
//! It understands connections without encryption only. Start reading at [`Wire::arm`].

mod trap;

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

pub use trap::{Fault, Sender, Trap};

/// The kind of packets at the start of a connection, which have no letter in the protocol.
pub const STARTUP: u8 = b'!';
/// The kind of the one byte that answers a request for encryption.
pub const ENCRYPTION: u8 = b'?';
/// The code of a packet that requests encryption, and of one that cancels a query. A packet with
/// any other code begins a session.
const WISHES_ENCRYPTION: u32 = 80_877_103;
const CANCELS: u32 = 80_877_102;
/// The message Sync, which asks the server to report that it is ready.
const SYNC: [u8; 5] = [b'S', 0, 0, 0, 4];

/// A proxy in front of a server on the loopback interface.
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
    /// The number of this arming. Messages of a connection before it do not count.
    number: u64,
    met: u64,
    has_sprung: bool,
    /// How often this trap and the traps before it were triggered.
    sprung: u64,
    /// The traps that follow, each set when the one before it was triggered.
    rest: VecDeque<Trap>,
}

impl Wire {
    pub fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let shared: Arc<Shared> = Arc::default();
        let of_all = Arc::clone(&shared);
        // The thread is not joined; it ends with the process.
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&of_all);
                std::thread::spawn(move || {
                    // While the server is stopped, the client's connection is closed at once.
                    let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { return };
                    // An error means that one side closed its connection; the other is closed too.
                    let _ = serve(client, server, &shared);
                });
            }
        });
        Self { port, shared }
    }

    /// The URL of a database through this proxy.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Sets a trap in place of the one that is set.
    pub fn arm(&self, trap: Trap) {
        self.arm_in_turn([trap]);
    }

    /// Sets several traps, each when the one before it was triggered.
    pub fn arm_in_turn(&self, traps: impl IntoIterator<Item = Trap>) {
        let number = self.shared.arming.fetch_add(1, Ordering::Relaxed) + 1;
        let mut rest: VecDeque<Trap> = traps.into_iter().collect();
        let trap = rest.pop_front();
        *self.shared.armed() =
            trap.map(|trap| Armed { trap, number, met: 0, has_sprung: false, sprung: 0, rest });
    }

    /// Removes the trap and returns how often it was triggered.
    pub fn disarm(&self) -> u64 {
        self.shared.armed().take().map_or(0, |armed| armed.sprung)
    }

    /// Cuts every open connection.
    pub fn cut_all(&self) {
        self.shared
            .sessions()
            .drain(..)
            .filter_map(|session| session.upgrade())
            .for_each(|session| session.cut());
    }

    /// How often the trap was triggered.
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

    /// Decides what is done to a message; `None` forwards it.
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

/// The state of one connection, which the threads of both directions share.
struct Session {
    client: Mutex<TcpStream>,
    server: TcpStream,
    startup: Mutex<Vec<u8>>,
    /// The number of the last arming with a marker that the client sent.
    said: AtomicU64,
    is_cut: AtomicBool,
    is_silent: AtomicBool,
    /// How often the server reports that it is ready: once at the start, and once for each Sync.
    asked: AtomicU64,
    /// The error for the client, to be sent before the n-th report that the server is ready. The
    /// number is needed because a client may go on without waiting for the report.
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

    /// Closes both sides. The server still gets what the client sent before. The server's answers
    /// are read to their end and dropped.
    fn cut(&self) {
        self.is_cut.store(true, Ordering::Release);
        let _ = self.client.lock().unwrap_or_else(PoisonError::into_inner).shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Write);
    }

    /// Does to a message what the trap says; returns whether the connection goes on.
    fn suffer(&self, fault: Fault, sender: Sender, message: &[u8]) -> io::Result<bool> {
        match fault {
            Fault::Before => {}
            Fault::After if sender == Sender::Client => {
                // From now on no answer is forwarded, even one that comes at once.
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

/// Forwards the packets before the first one with a letter; returns whether a session has begun.
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
                // No statement runs yet that could fail, so the connection is refused as the server
                // would refuse it.
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
    // After a failed statement the server gets no message until the client sends Sync.
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

/// Reads the rest of a message. Its length is in four bytes at `at`, and includes them.
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

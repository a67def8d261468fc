//! One thread of a worker: accepts connections from the listeners that all workers share, until it
//! drains.
//!
//! The kernel wakes every waiting thread, and the quickest one takes the connection. Without a
//! correction, this gives busy workers more connections. So a thread that has more connections than
//! another one (`load.rs`) first yields to the others.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::connection::{self, Serving};
use super::load::Load;
use super::places::{Lease, Places};
use super::socket::{self, Socket};
use crate::listen::Listener;

/// How long a thread with more connections than another one yields to the others: the shortest
/// pause of the runtime's timer, and longer than an idle process needs to wake up.
const YIELD: Duration = Duration::from_millis(1);

/// Time between two looks for a free place, while connections that were told to make room have not
/// closed yet.
const PLACE_PAUSE: Duration = Duration::from_millis(1);

/// Pause after an accept that failed because the process or the machine has run out of a resource.
const SHORTAGE_PAUSE: Duration = Duration::from_millis(100);

/// Time between two pulses of a thread; shorter than that of the heartbeat of the process, which is
/// given only if all threads gave a pulse.
const PULSE: Duration = Duration::from_millis(400);

/// What a serving thread needs.
pub(super) struct Thread {
    pub listeners: Vec<Listener>,
    pub serving: Arc<Serving>,
    pub load: Load,
    pub places: Arc<Places>,
    /// Set at each pulse of the thread.
    pub pulse: Arc<AtomicBool>,
}

/// Accepts and serves until the drain is over and the last connection is closed.
pub(super) async fn run(thread: Thread) -> io::Result<()> {
    let Thread { listeners, serving, load, places, pulse } = thread;
    let beating = tokio::spawn(beat(pulse));
    // Every connection holds a sender; when the last one is gone, there are no connections left.
    let (open, mut all_closed) = mpsc::channel::<()>(1);
    let mut accepting = JoinSet::new();
    for listener in listeners {
        #[expect(
            deprecated,
            reason = "its danger are types that change their descriptor, which a std listener does not; the new way is unsafe"
        )]
        let listener = AsyncFd::new(listener)?;
        let (serving, load) = (Arc::clone(&serving), load.clone());
        let (places, open) = (Arc::clone(&places), open.clone());
        accepting.spawn(async move {
            accept_until_drained(listener, &serving, &load, &places, &open).await;
        });
    }
    drop(open);
    while let Some(ended) = accepting.join_next().await {
        ended.map_err(io::Error::other)?;
    }
    // Nothing is ever sent, so this waits until all senders are dropped.
    let _ = all_closed.recv().await;
    beating.abort();
    Ok(())
}

async fn beat(pulse: Arc<AtomicBool>) {
    let mut ticks = interval(PULSE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        pulse.store(true, Relaxed);
    }
}

/// Owns its listener, so that this thread's descriptor is closed when the drain begins.
async fn accept_until_drained(
    listener: AsyncFd<Listener>,
    serving: &Arc<Serving>,
    load: &Load,
    places: &Arc<Places>,
    open: &mpsc::Sender<()>,
) {
    let mut drain = serving.drain.clone();
    let serve = |(socket, peer): Accepted, lease: Lease| {
        // The connection is counted here, because its task runs later, and the next comparison of
        // loads must include it.
        let held = (load.open(), open.clone());
        let serving = Arc::clone(serving);
        tokio::spawn(async move {
            connection::serve(socket, peer, lease, serving).await;
            drop(held);
        });
    };
    loop {
        let accepted = tokio::select! {
            biased;
            () = drain.begun() => break,
            accepted = accept(&listener, load, places) => accepted,
        };
        // The client takes the connection for established, so the connection gets a place even if
        // the drain begins while it waits for one.
        let accepted = match accepted {
            Ok(accepted) => Ok((place(places, accepted.1).await, accepted)),
            Err(error) => Err(error),
        };
        match accepted {
            Ok((lease, accepted)) => serve(accepted, lease),
            Err(error) if is_of_the_connection(&error) => {}
            Err(error) => {
                load.accept_failed();
                tracing::warn!(error = %error, "could not accept a connection; trying again shortly");
                sleep(SHORTAGE_PAUSE).await;
            }
        }
    }
    // Clients take connections in the queue for established. If no other process listens, closing
    // the listener would break them off, so they are accepted first.
    loop {
        match accept_waiting(listener.get_ref()) {
            Ok(accepted) => {
                let lease = place(places, accepted.1).await;
                serve(accepted, lease);
            }
            Err(error) if is_of_the_connection(&error) => {}
            Err(_) => break,
        }
    }
}

/// Waits for a place.
async fn place(places: &Arc<Places>, peer: IpAddr) -> Lease {
    loop {
        if let Some(lease) = places.take(peer) {
            return lease;
        }
        sleep(PLACE_PAUSE).await;
    }
}

/// A connection, and the address of its other end.
type Accepted = (Socket, IpAddr);

/// Takes a connection from the queue, if one waits there.
fn accept_waiting(listener: &Listener) -> io::Result<Accepted> {
    let (socket, peer) = listener.accept()?;
    Ok((socket::in_runtime(socket)?, peer))
}

/// Waits for a connection. There is no `await` after it is taken from the queue, so that none is
/// lost when the future is dropped.
async fn accept(
    listener: &AsyncFd<Listener>,
    load: &Load,
    places: &Places,
) -> io::Result<Accepted> {
    loop {
        let mut ready = listener.readable().await?;
        // If every worker is full, no thread yields: whichever accepts, some connection must make
        // room.
        if load.is_above_others() && load.others_have_room(places.count()) {
            sleep(YIELD).await;
        }
        if let Ok(accepted) = ready.try_io(|listener| accept_waiting(listener.get_ref())) {
            return accepted;
        }
    }
}

/// Whether the error concerns only this connection: its client gave up while it waited in the queue
/// (`accept(2)`, section "Error handling").
fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, TcpListener};
    use std::sync::Arc;
    use std::time::Duration;

    use persona_http::{
        AccessRules, Alone, AnswerMemoryLimit, BatchTurns, BodyMemoryLimit, Context, EventFeed,
        EventLimits, HeavyTurns, KnownSecrets, Origins, RateLimits, ReadTurns, TokenUses, router,
    };
    use persona_storage::GuardedStore;
    use persona_storage::memory::MemoryStore;
    use persona_test_support::wait_until;
    use tokio::io::unix::AsyncFd;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::sync::mpsc;
    use tokio::time::timeout;

    use super::accept_until_drained;
    use crate::clock::{SystemClock, coarse_millis};
    use crate::heads::Hosts;
    use crate::listen::Listener;
    use crate::scoreboard::Scoreboard;
    use crate::worker::connection::Serving;
    use crate::worker::drain::Drain;
    use crate::worker::load::Load;
    use crate::worker::places::{Lease, Limits, Places};

    const DEADLINE: Duration = Duration::from_secs(30);

    /// Takes every place, those of the reserve too, so that the next connection must wait for one.
    /// The connections count as busy, so none of them makes room.
    fn take_all(places: &Arc<Places>) -> Vec<Lease> {
        let peer = [127, 0, 0, 1].into();
        std::iter::from_fn(|| places.take(peer)).collect()
    }

    /// How many connections wait in the queue of this listener: for a listening socket, the field
    /// for received bytes is the length of its queue (`proc_net_tcp(5)`).
    fn queued(address: SocketAddr) -> u64 {
        let own = format!(":{:04X} 00000000:0000 0A ", address.port());
        let sockets = std::fs::read_to_string("/proc/net/tcp").expect("a mounted /proc");
        let listener = sockets.lines().find_map(|line| line.split_once(&own)).expect("it listens");
        let received = listener.1.split([':', ' ']).nth(1).expect("a queue");
        u64::from_str_radix(received, 16).expect("a number")
    }

    /// An API without personas.
    fn context() -> Context {
        let clock = Arc::new(SystemClock);
        let store = Arc::new(MemoryStore::new(clock.clone()));
        Context {
            turns: ReadTurns::of(&*store),
            events: EventFeed::new(store.clone(), EventLimits::ALONE),
            store: GuardedStore::new(store),
            clock,
            metrics: Arc::new(Alone),
            server: Arc::new(Alone),
            origins: Origins::default(),
            root_path: "".into(),
            expose_worker: false,
            access_log: false,
            write_wait_max: DEADLINE,
            read_time_max: DEADLINE,
            bodies: BodyMemoryLimit::default(),
            heavy: HeavyTurns::default(),
            batch: BatchTurns::default(),
            document_bytes_max: persona_model::DOCUMENT_BYTES_MAX,
            answers: AnswerMemoryLimit::new(1 << 20),
            access: AccessRules::Trusted,
            protected_labels: persona_http::ProtectedLabels::default(),
            token_uses: TokenUses::default(),
            known_secrets: KnownSecrets::default(),
            rates: RateLimits::default(),
        }
    }

    /// Tests a connection that was accepted, or waits in the queue, when the drain begins and no
    /// place is free.
    async fn waits_through_a_drain(drains_first: bool) {
        let process_entry = Scoreboard::create().expect("a scoreboard").entry(1, 1);
        let (drainer, drain) = Drain::new();
        let trusted_proxies = Arc::default();
        let serving = Arc::new(Serving {
            router: router(context()),
            plain_reads: None,
            process_entry: process_entry.clone(),
            drain,
            hosts: Hosts::any(),
            hosts_of_unix: Hosts::any(),
            trusted_proxies,
            answer_patience: DEADLINE,
            root_path: "".into(),
            tls: None,
        });
        let limits =
            Limits { places: 1, percent_of_one: 100, idle: DEADLINE, proxies: Arc::default() };
        let places = Places::new(limits, process_entry.clone(), coarse_millis);
        let load = Load::of_threads(1, &process_entry).next().expect("one thread");
        let held = take_all(&places);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a socket");
        let address = listener.local_addr().expect("an address");
        let mut client = TcpStream::connect(address).await.expect("it listens");
        assert_eq!(queued(address), 1);
        client
            .write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
            .await
            .expect("an open connection");
        if drains_first {
            drainer.begin();
        }
        let (open, _closed) = mpsc::channel(1);
        #[expect(deprecated, reason = "the same as in `run`")]
        let listener = AsyncFd::new(Listener::Tcp(listener)).expect("a descriptor");
        let accepting = accept_until_drained(listener, &serving, &load, &places, &open);
        let answered = async {
            // From here on it waits for a place.
            wait_until("an empty queue", DEADLINE, || queued(address) == 0).await;
            drainer.begin();
            drop(held);
            let mut answer = Vec::new();
            client.read_to_end(&mut answer).await.expect("no reset");
            assert!(answer.starts_with(b"HTTP/1.1 200"), "{:?}", String::from_utf8_lossy(&answer));
        };
        timeout(DEADLINE, async { tokio::join!(accepting, answered) }).await.expect("in time");
    }

    #[tokio::test]
    async fn a_connection_that_waits_for_a_place_when_the_drain_begins_is_answered() {
        waits_through_a_drain(false).await;
    }

    #[tokio::test]
    async fn a_connection_that_is_in_the_queue_when_the_drain_begins_waits_for_a_place() {
        waits_through_a_drain(true).await;
    }
}

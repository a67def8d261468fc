//! One thread of a worker: accepts connections from the listener that all workers share, until it drains.
//!
//! The kernel wakes whoever waits, and whoever is quickest takes the connection; on its own that gives a busy worker
//! more to do. So a thread that has more connections than another one (`load.rs`) first lets the others go ahead.

use std::io;
use std::net::{IpAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::io::unix::AsyncFd;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::connection::{self, Serving};
use super::load::Load;
use super::places::{Lease, Places};

/// How long a thread with more connections than another one lets the others go ahead: the finest pause that the
/// runtime's timer knows, and longer than an idle process needs to wake up.
const COURTESY: Duration = Duration::from_millis(1);

/// Pause before the next look for a place, while those that were told to make room have not closed yet.
const PLACE_PAUSE: Duration = Duration::from_millis(1);

/// Pause after an accept that failed because the process or the machine has run out of something.
const SHORTAGE_PAUSE: Duration = Duration::from_millis(100);

/// Pace at which a thread shows that it is alive; faster than the heartbeat of the process that is made of it.
const PULSE: Duration = Duration::from_millis(400);

/// What one thread needs.
pub(super) struct Thread {
    pub listener: TcpListener,
    pub serving: Arc<Serving>,
    pub load: Load,
    pub places: Arc<Places>,
    /// Set again and again while the thread gets on.
    pub pulse: Arc<AtomicBool>,
}

/// Accepts and serves until the drain is over and the last connection is closed.
pub(super) async fn run(thread: Thread) -> io::Result<()> {
    let Thread { listener, serving, load, places, pulse } = thread;
    let beating = tokio::spawn(beat(pulse));
    // Every connection holds a sender; when the last one is gone, there are no connections left.
    let (open, mut all_closed) = mpsc::channel::<()>(1);
    #[expect(
        deprecated,
        reason = "its danger are types that change their descriptor, which a std listener does not; the new way is unsafe"
    )]
    let listener = AsyncFd::new(listener)?;
    accept_until_drained(listener, &serving, &load, &places, &open).await;
    drop(open);
    // Nothing is ever sent, so this waits for the senders to go.
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

/// Owns the listener, so that this thread's descriptor of it is closed when the drain begins.
async fn accept_until_drained(
    listener: AsyncFd<TcpListener>,
    serving: &Arc<Serving>,
    load: &Load,
    places: &Arc<Places>,
    open: &mpsc::Sender<()>,
) {
    let mut drain = serving.drain.clone();
    let serve = |(stream, peer): Accepted, lease: Lease| {
        // Counted here and not in its task, which runs later: the next comparison must know of it.
        let held = (load.open(), open.clone());
        let serving = Arc::clone(serving);
        tokio::spawn(async move {
            connection::serve(stream, peer, lease, serving).await;
            drop(held);
        });
    };
    loop {
        let accepted = tokio::select! {
            biased;
            () = drain.begun() => break,
            accepted = accept(&listener, load, places) => accepted,
        };
        match accepted {
            Ok((accepted, lease)) => serve(accepted, lease),
            Err(error) if is_of_the_connection(&error) => {}
            Err(error) => {
                load.accept_failed();
                tracing::warn!(error = %error, "could not accept a connection; trying again shortly");
                sleep(SHORTAGE_PAUSE).await;
            }
        }
    }
    // Who waits in the queue already takes itself for connected. Where nobody else listens, closing it would break these off.
    while let Ok(accepted) = accept_waiting(listener.get_ref())
        && let Some(lease) = places.take(accepted.1)
    {
        serve(accepted, lease);
    }
}

/// A connection, and the address of its other end.
type Accepted = (TcpStream, IpAddr);

/// Takes a connection from the queue, if one waits there.
fn accept_waiting(listener: &TcpListener) -> io::Result<Accepted> {
    let (stream, peer) = listener.accept()?;
    stream.set_nonblocking(true)?;
    Ok((TcpStream::from_std(stream)?, peer.ip()))
}

async fn accept(listener: &AsyncFd<TcpListener>, load: &Load, places: &Arc<Places>) -> io::Result<(Accepted, Lease)> {
    loop {
        let mut ready = listener.readable().await?;
        // Where every worker is full nobody is let ahead: whoever comes costs another one its connection anywhere.
        if load.is_above_others() && load.others_have_room(places.count()) {
            sleep(COURTESY).await;
        }
        let Ok(accepted) = ready.try_io(|listener| accept_waiting(listener.get_ref())) else { continue };
        let accepted = accepted?;
        loop {
            if let Some(lease) = places.take(accepted.1) {
                return Ok((accepted, lease));
            }
            sleep(PLACE_PAUSE).await;
        }
    }
}

/// Whether only this connection is lost: its client gave up while it waited (`accept(2)`, section "Error handling").
fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

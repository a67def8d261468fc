//! Answers requests: opens the store, builds the router, says that it is ready, serves, drains.
//!
//! The main thread opens, listens for signals and gives signs of life; each serving thread has a
//! runtime of its own, so a connection stays on one thread and a read runs on that thread's own
//! connection to the database.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use persona_model::Clock;
use persona_storage::{Error as StoreError, Loss, Store};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::Drain;
use super::accept::{self, Thread};
use super::allocator::Freed;
use super::connection::Serving;
use super::drain::{Drainer, IDLE_GRACE, LAST_GRACE};
use super::load::Load;
use super::places::{Limits, Places};
use crate::backend;
use crate::child::{Error, HEARTBEAT, reopen_log};
use crate::clock::{SystemClock, coarse_millis};
use crate::config::Config;
use crate::heads::Hosts;
use crate::log::Log;
use crate::scoreboard::{ProcessEntry, ProcessState};
use crate::supervisor::{ChildInput, ChildKey, Message, say};
use persona_http::{AnswerMemoryLimit, BodyMemoryLimit, Context, HeavyTurns, ReadTurns, router};

/// Runs a worker until it has drained, or cannot go on.
///
/// # Errors
///
/// The database cannot be used or failed, or the system did not give what is needed.
pub fn run(input: ChildInput, key: ChildKey, log: &Log) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(work(input, key, log))
}

async fn work(mut input: ChildInput, key: ChildKey, log: &Log) -> Result<(), Error> {
    let listener =
        input.listener.take().ok_or_else(|| io::Error::other("a worker needs a listener"))?;
    // Before anything else, so that a signal that comes early is not the default one, which ends
    // the process.
    let (mut drain_asked, mut stop_asked) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let (mut reopen, _hangup) =
        (signal(SignalKind::user_defined1())?, signal(SignalKind::hangup())?);
    // Ctrl-\ in a terminal goes to every process; the supervisor answers it and tells the workers
    // what to do.
    let (_quit, _upgrade) = (signal(SignalKind::quit())?, signal(SignalKind::user_defined2())?);
    let process_entry = input.scoreboard.entry(key.slot, key.generation);
    let (store, router, mut freed) = open(&input, key.slot, &process_entry)?;
    let (drainer, drain) = Drain::new();
    let (serving, places) =
        (serving(&input, router, &process_entry, &drain), places(&input.config, &process_entry));
    let mut threads = Threads::start(&input, &listener, &store, &serving, &places)?;
    // The threads have their own descriptors; with this one open the address would stay taken while
    // the worker drains.
    drop(listener);
    threads.opened().await;
    // From here on it is watched: it would never be found if it stopped before its threads first
    // tick.
    process_entry.beat();
    process_entry.set_state(ProcessState::Serving);
    say(&input.channel, &Message::Ready)?;

    let mut beats = tokio::time::interval(HEARTBEAT);
    let mut grace_over = std::pin::pin!(grace(drain.clone(), IDLE_GRACE));
    let mut grace_ended = false;
    let mut store_lost = store.lost();
    let mut has_schema_mismatch = false;
    loop {
        tokio::select! {
            _ = beats.tick() => {
                threads.beat(&process_entry);
                freed.return_to_system();
                places.look();
            }
            _ = reopen.recv() => reopen_log(log),
            _ = drain_asked.recv() => begin_drain(&process_entry, &drainer),
            _ = stop_asked.recv() => {
                begin_drain(&process_entry, &drainer);
                grace_over.set(grace(drain.clone(), LAST_GRACE));
            }
            () = grace_over.as_mut(), if !grace_ended => {
                grace_ended = true;
                drainer.close();
            }
            () = threads.all_ended() => break,
            loss = &mut store_lost, if !has_schema_mismatch => match loss {
                Loss::Disk => return Err(Error::Unsynced),
                Loss::Doubt => return Err(Error::Doubt),
                Loss::Writer => return Err(Error::Thread),
                // Ending here would break off every request; so they are refused until the
                // supervisor lets all workers drain.
                Loss::Schema => {
                    has_schema_mismatch = true;
                    say(&input.channel, &Message::SchemaMismatch)?;
                }
            },
        }
    }
    store.close().await;
    // The last writes may have met what the others must hear of.
    tokio::select! {
        biased;
        loss = store.lost() => match loss {
            Loss::Disk => return Err(Error::Unsynced),
            Loss::Doubt => return Err(Error::Doubt),
            Loss::Writer | Loss::Schema => {}
        },
        () = std::future::ready(()) => {}
    }
    if drain.has_begun() { Ok(()) } else { Err(Error::Thread) }
}

/// The hosts that the settings have it answer for.
fn hosts(config: &Config) -> Hosts {
    config.allowed_hosts.clone().map_or_else(Hosts::any, Hosts::loopback_and)
}

/// The places for connections that the settings allow.
fn places(config: &Config, process_entry: &ProcessEntry) -> Arc<Places> {
    let limits = Limits {
        places: config.connections_max,
        percent_of_one: config.connections_share,
        idle: config.idle_timeout,
        proxies: config.trusted_proxies.clone().into(),
    };
    Places::new(limits, process_entry.clone(), coarse_millis)
}

fn begin_drain(process_entry: &ProcessEntry, drainer: &Drainer) {
    process_entry.set_state(ProcessState::Draining);
    drainer.begin();
}

async fn grace(mut drain: Drain, length: Duration) {
    drain.begun().await;
    tokio::time::sleep(length).await;
}

/// What every connection shares.
fn serving(
    input: &ChildInput,
    router: persona_http::Router,
    process_entry: &ProcessEntry,
    drain: &Drain,
) -> Arc<Serving> {
    Arc::new(Serving {
        router,
        process_entry: process_entry.clone(),
        drain: drain.clone(),
        hosts: hosts(&input.config),
        trusted_proxies: input.config.trusted_proxies.clone().into(),
        answer_patience: Duration::from_millis(input.config.answer_patience_ms),
    })
}

fn open(
    input: &ChildInput,
    slot: u16,
    process_entry: &ProcessEntry,
) -> Result<(Arc<dyn Store>, persona_http::Router, Freed), Error> {
    let config = &input.config;
    #[cfg(feature = "faults")]
    persona_storage::fault_injection::switch_on(&config.fault);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = backend::open(
        config,
        &format!("persona worker {slot}"),
        Arc::clone(&clock),
        Arc::new(process_entry.clone()),
    )?;
    let (answers, bodies) =
        (AnswerMemoryLimit::new(config.answer_memory_bytes()), BodyMemoryLimit::default());
    let freed = Freed::by(answers.clone(), bodies.clone());
    let router = router(Context {
        store: Arc::clone(&store),
        clock,
        metrics: Arc::new(process_entry.clone()),
        server: Arc::new(process_entry.clone()),
        expose_worker: config.expose_worker,
        access_log: config.access_log,
        write_wait_max: Duration::from_millis(config.busy_timeout_ms),
        read_time_max: Duration::from_millis(config.read_timeout_ms),
        heavy: HeavyTurns::default(),
        document_bytes_max: config.document_bytes_max,
        bodies,
        answers,
        turns: ReadTurns::of(&*store),
    });
    Ok((store, router, freed))
}

/// Longest wait for the connections of all threads before a worker says that it is ready.
const OPEN_WAIT_MAX: Duration = Duration::from_secs(5);

/// The serving threads.
struct Threads {
    pulses: Vec<Arc<AtomicBool>>,
    /// Each thread holds a sender until it has its connection, or ends without.
    opened: mpsc::Receiver<()>,
    /// Each thread holds a sender until it ends, in whatever way.
    ended: mpsc::Receiver<()>,
}

impl Threads {
    /// Starts this worker's share of the machine's cores, at least one.
    fn start(
        input: &ChildInput,
        listener: &std::net::TcpListener,
        store: &Arc<dyn Store>,
        serving: &Arc<Serving>,
        places: &Arc<Places>,
    ) -> io::Result<Self> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let count = (cores / usize::from(input.config.workers.max(1))).max(1);
        let (alive, ended) = mpsc::channel(1);
        let (opening, opened) = mpsc::channel(1);
        let mut pulses = Vec::new();
        for (load, number) in Load::of_threads(count, &serving.process_entry).zip(1..) {
            let pulse = Arc::new(AtomicBool::new(true));
            pulses.push(Arc::clone(&pulse));
            let thread = Thread {
                listener: listener.try_clone()?,
                serving: Arc::clone(serving),
                load,
                places: Arc::clone(places),
                pulse,
            };
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let (alive, opening) = (alive.clone(), opening.clone());
            let store = Arc::clone(store);
            thread::Builder::new().name(format!("serve-{number}")).spawn(move || {
                let served = runtime.block_on(async {
                    // Opens this thread's own connection. Later, under pressure, there may be no
                    // descriptor left for it.
                    match store.ready().await {
                        // It comes back by itself, and until then requests are told so.
                        Ok(())
                        | Err(
                            StoreError::Unreachable | StoreError::Busy { .. } | StoreError::Full(_),
                        ) => {}
                        Err(error) => return Err(io::Error::other(error)),
                    }
                    drop(opening);
                    accept::run(thread).await
                });
                if let Err(error) = served {
                    tracing::error!(error = %error, "a thread could not serve");
                }
                drop(alive);
            })?;
        }
        Ok(Self { pulses, opened, ended })
    }

    /// Waits until every thread has its connection, or has ended. A database that is away is not
    /// waited for.
    async fn opened(&mut self) {
        // Nothing is ever sent. Who comes later serves as soon as it can.
        let _ = tokio::time::timeout(OPEN_WAIT_MAX, self.opened.recv()).await;
    }

    /// Gives a sign of life if every thread has given one since the last time.
    fn beat(&self, process_entry: &ProcessEntry) {
        // All of them are asked, so that each starts anew.
        if self.pulses.iter().filter(|pulse| !pulse.swap(false, Relaxed)).count() == 0 {
            process_entry.beat();
        }
    }

    async fn all_ended(&mut self) {
        // Nothing is ever sent, so this waits for the senders to go.
        let _ = self.ended.recv().await;
    }
}

//! The life of a worker: it opens the store, builds the router, reports that it is ready, serves,
//! and drains.
//!
//! The main thread opens the store, handles signals and gives heartbeats; each serving thread has a
//! runtime of its own, so a connection stays on one thread and a read runs on that thread's own
//! connection to the database.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use persona_model::{Clock, LabelName};
use persona_storage::{Error as StoreError, GuardedStore, Loss, Store};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use super::Drain;
use super::accept::{self, Thread};
use super::allocator::Freed;
use super::connection::Serving;
use super::drain::{Drainer, IDLE_GRACE, LAST_GRACE};
use super::handshake::Tls;
use super::load::Load;
use super::places::{Limits, Places};
use super::this_server::ThisServer;
use crate::backend;
use crate::child::{Error, HEARTBEAT, reopen_log};
use crate::clock::{SystemClock, coarse_millis};
use crate::config::Config;
use crate::heads::Hosts;
use crate::listen::Listener;
use crate::log::Log;
use crate::scoreboard::{ProcessEntry, ProcessState};
use crate::supervisor::{ChildInput, ChildKey, Message, say};
use crate::tls::received;
use persona_http::{
    AccessRules, AnswerMemoryLimit, BatchTurns, BodyMemoryLimit, Context, EventFeed, EventLimits,
    HeavyTurns, KnownSecrets, Origins, PlainReads, ProtectedLabels, ReadTurns, TokenUses, router,
};

/// Runs a worker until it has drained, or cannot go on.
///
/// # Errors
///
/// The database cannot be used or failed, or the system refused a thread or a signal handler.
pub fn run(input: ChildInput, key: ChildKey, log: &Log) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(work(input, key, log))
}

/// The signals that a worker handles. Other signals of a server are caught and ignored: a terminal
/// sends them to every process, and the supervisor tells the workers what to do.
struct Signals {
    drain: Signal,
    stop: Signal,
    reopen_log: Signal,
    _left: [Signal; 3],
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            drain: signal(SignalKind::terminate())?,
            stop: signal(SignalKind::interrupt())?,
            reopen_log: signal(SignalKind::user_defined1())?,
            _left: [
                signal(SignalKind::hangup())?,
                signal(SignalKind::quit())?,
                signal(SignalKind::user_defined2())?,
            ],
        })
    }
}

async fn work(mut input: ChildInput, key: ChildKey, log: &Log) -> Result<(), Error> {
    let listeners = std::mem::take(&mut input.listeners);
    if listeners.is_empty() {
        return Err(io::Error::other("a worker needs a listener").into());
    }
    // The handlers are set first, because the default action of an early signal would end the
    // process.
    let signals = Signals::new()?;
    let process_entry = input.scoreboard.entry(key.slot, key.generation);
    let (store, context, freed) = open(&input, key.slot, &process_entry)?;
    let (drainer, drain) = Drain::new();
    let tls = input.certificate.take().map(received).transpose()?.map(Tls::new);
    let events = context.events.clone();
    let serving = serving(&input, context, &process_entry, &drain, tls);
    let places = places(&input.config, &process_entry);
    let mut threads = Threads::start(&input, &listeners, &store, &serving, &places)?;
    // Each thread has its own descriptor of each listener. If these stayed open, the addresses
    // would be taken while the worker drains.
    drop(listeners);
    threads.opened().await;
    // The supervisor watches the worker from its first heartbeat on. Without this first heartbeat,
    // it would not notice a worker that hangs before its threads first tick.
    process_entry.beat();
    process_entry.set_state(ProcessState::Serving);
    say(&input.channel, &Message::Ready)?;
    let worker = Worker { input, process_entry, drainer, drain, places, events };
    worker.serve(threads, freed, signals, &*store, log).await?;
    store.close().await;
    // The last writes may have met a failure that the supervisor must know.
    let loss = tokio::select! {
        biased;
        loss = store.lost() => Some(loss),
        () = std::future::ready(()) => None,
    };
    match loss {
        Some(Loss::Disk) => Err(Error::Unsynced),
        Some(Loss::Doubt) => Err(Error::Doubt),
        _ if worker.drain.has_begun() => Ok(()),
        _ => Err(Error::Thread),
    }
}

/// The parts of a worker that is ready.
struct Worker {
    input: ChildInput,
    process_entry: ProcessEntry,
    drainer: Drainer,
    drain: Drain,
    places: Arc<Places>,
    events: EventFeed,
}

impl Worker {
    /// Serves until the last connection is closed after a drain.
    ///
    /// # Errors
    ///
    /// The store or a thread failed in a way that only a new process can repair.
    async fn serve(
        &self,
        mut threads: Threads,
        mut freed: Freed,
        mut signals: Signals,
        store: &dyn Store,
        log: &Log,
    ) -> Result<(), Error> {
        let mut beats = tokio::time::interval(HEARTBEAT);
        let mut grace_over = std::pin::pin!(grace(self.drain.clone(), IDLE_GRACE));
        let mut grace_ended = false;
        let mut store_lost = store.lost();
        let mut has_schema_mismatch = false;
        loop {
            tokio::select! {
                _ = beats.tick() => {
                    threads.beat(&self.process_entry);
                    freed.return_to_system();
                    self.places.look();
                }
                _ = signals.reopen_log.recv() => reopen_log(log),
                _ = signals.drain.recv() => self.begin_drain(),
                _ = signals.stop.recv() => {
                    self.begin_drain();
                    grace_over.set(grace(self.drain.clone(), LAST_GRACE));
                }
                () = grace_over.as_mut(), if !grace_ended => {
                    grace_ended = true;
                    self.drainer.close();
                }
                () = threads.all_ended() => return Ok(()),
                loss = &mut store_lost, if !has_schema_mismatch => {
                    self.on_loss(loss)?;
                    has_schema_mismatch = true;
                }
            }
        }
    }

    /// Ends the worker after a loss, except after a schema mismatch: an immediate end would break
    /// off every request, so writes are refused until the supervisor drains all workers.
    fn on_loss(&self, loss: Loss) -> Result<(), Error> {
        match loss {
            Loss::Disk => Err(Error::Unsynced),
            Loss::Doubt => Err(Error::Doubt),
            Loss::Writer => Err(Error::Thread),
            Loss::Schema => Ok(say(&self.input.channel, &Message::SchemaMismatch)?),
        }
    }

    fn begin_drain(&self) {
        self.process_entry.set_state(ProcessState::Draining);
        self.drainer.begin();
        // Requests that wait for an event are answered now, so that their clients can ask another
        // worker.
        self.events.end();
    }
}

/// The hosts for which the worker answers over TCP, by the settings.
fn hosts(config: &Config) -> Hosts {
    config.allowed_hosts.clone().map_or_else(Hosts::any, Hosts::loopback_and)
}

/// The hosts for which the worker answers over a unix socket: every host unless the settings name
/// some, because no page in a browser reaches a unix socket.
fn hosts_of_unix(config: &Config) -> Hosts {
    match &config.allowed_hosts {
        Some(names) if !names.is_empty() => Hosts::loopback_and(names.clone()),
        _ => Hosts::any(),
    }
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

/// How many followers of events the settings allow. Each holds the place of a connection, and a
/// quarter of the places is kept for other requests.
fn event_limits(config: &Config) -> EventLimits {
    let places = config.connections_max - config.connections_max / 4;
    EventLimits {
        streams_max: config.event_streams_max.min(places).max(1),
        streams_per_client: config.event_streams_per_client,
    }
}

async fn grace(mut drain: Drain, length: Duration) {
    drain.begun().await;
    tokio::time::sleep(length).await;
}

/// Makes the part that every connection shares.
fn serving(
    input: &ChildInput,
    context: Context,
    process_entry: &ProcessEntry,
    drain: &Drain,
    tls: Option<Tls>,
) -> Arc<Serving> {
    Arc::new(Serving {
        plain_reads: input.config.database.file().map(|_| PlainReads::new(context.clone())),
        router: router(context),
        process_entry: process_entry.clone(),
        drain: drain.clone(),
        hosts: hosts(&input.config),
        hosts_of_unix: hosts_of_unix(&input.config),
        trusted_proxies: input.config.trusted_proxies.clone().into(),
        answer_patience: Duration::from_millis(input.config.answer_patience_ms),
        root_path: input.config.root_path.as_str().into(),
        tls,
    })
}

fn open(
    input: &ChildInput,
    slot: u16,
    process_entry: &ProcessEntry,
) -> Result<(Arc<dyn Store>, Context, Freed), Error> {
    let config = &input.config;
    #[cfg(feature = "faults")]
    persona_storage::fault_injection::switch_on(&config.fault);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = backend::open(
        config,
        &format!("persona worker {slot}"),
        Arc::clone(&clock),
        Arc::new(process_entry.clone()),
        Some(process_entry.turnstile()),
    )?;
    let (answers, bodies) =
        (AnswerMemoryLimit::new(config.answer_memory_bytes()), BodyMemoryLimit::default());
    let freed = Freed::by(answers.clone(), bodies.clone());
    let context = Context {
        store: GuardedStore::new(Arc::clone(&store)),
        clock,
        metrics: Arc::new(process_entry.clone()),
        server: Arc::new(ThisServer::new(process_entry, &input.channel, config)?),
        origins: Origins::new(config.cors_origins.clone()),
        root_path: config.root_path.as_str().into(),
        expose_worker: config.expose_worker,
        access_log: config.access_log,
        write_wait_max: Duration::from_millis(config.busy_timeout_ms),
        read_time_max: Duration::from_millis(config.read_timeout_ms),
        heavy: HeavyTurns::default(),
        batch: BatchTurns::default(),
        document_bytes_max: config.document_bytes_max,
        bodies,
        answers,
        turns: ReadTurns::of(&*store),
        events: EventFeed::new(Arc::clone(&store), event_limits(config)),
        access: AccessRules::Clients {
            open_without_tokens: config.is_open_without_tokens(),
            open_monitoring: config.open_monitoring,
        },
        protected_labels: ProtectedLabels::new(
            config.protected_labels.iter().filter_map(|label| LabelName::parse(label).ok()),
        ),
        token_uses: TokenUses::default(),
        known_secrets: KnownSecrets::default(),
        rates: config.rates(Arc::new(process_entry.clone())),
    };
    Ok((store, context, freed))
}

/// Longest wait for the connections of all threads before a worker says that it is ready.
const OPEN_WAIT_MAX: Duration = Duration::from_secs(5);

/// The serving threads.
struct Threads {
    pulses: Vec<Arc<AtomicBool>>,
    /// Each thread holds a sender until it has its connection to the database, or ends without one.
    opened: mpsc::Receiver<()>,
    /// Each thread holds a sender until it ends, in whatever way.
    ended: mpsc::Receiver<()>,
}

impl Threads {
    /// Starts the threads: as many as this worker's share of the cores, at least one.
    fn start(
        input: &ChildInput,
        listeners: &[Listener],
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
                listeners: listeners.iter().map(Listener::try_clone).collect::<io::Result<_>>()?,
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
                    // Opens this thread's own connection now, because under load there may be no
                    // free descriptor later.
                    match store.ready().await {
                        // A database server that cannot be reached may come back; until then
                        // requests are answered with a problem.
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

    /// Waits until every thread has its connection, or has ended. A database server that cannot be
    /// reached is not waited for.
    async fn opened(&mut self) {
        // Nothing is ever sent. A thread that is late serves as soon as it can.
        let _ = tokio::time::timeout(OPEN_WAIT_MAX, self.opened.recv()).await;
    }

    /// Gives a heartbeat if every thread has given a pulse since the last heartbeat.
    fn beat(&self, process_entry: &ProcessEntry) {
        // Every pulse must be reset, so the pulses are counted: `all` would stop at the first
        // missing one.
        if self.pulses.iter().filter(|pulse| !pulse.swap(false, Relaxed)).count() == 0 {
            process_entry.beat();
        }
    }

    async fn all_ended(&mut self) {
        // Nothing is ever sent, so this waits until all senders are dropped.
        let _ = self.ended.recv().await;
    }
}

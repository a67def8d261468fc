//! The supervisor's loop: takes one report after the other, lets `state` decide, and carries out
//! its actions.
//!
//! One thread does everything. This is required: the kernel kills children when the *thread* that
//! started them ends (`PR_SET_PDEATHSIG`), so the main thread must start them, which lives as long
//! as the program. The runtime is tokio's, because it turns signals, exits, sockets and time into
//! futures without a line of `unsafe`.

use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use persona_model::Clock;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::{MissedTickBehavior, interval};

use super::contention::{Contention, Totals};
use super::event_log;
use super::events::{Action, Event, LogEvent};
use super::heartbeat::Watch;
use super::ipc::OfWorker;
use super::only_one::Claim;
use super::process::{Children, Report};
use super::state::State;
use crate::backend::Prepared;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::descriptors;
use crate::exit_code::ExitCode;
use crate::listen::Doors;
use crate::log::{Log, Stream, say};
use crate::scoreboard::{Measure, Scoreboard};
use crate::tls::Certificates;

/// Pace of deadlines and heartbeats: fine enough for a killed process to be replaced within a
/// second.
const TICK: Duration = Duration::from_millis(100);

/// The facts that are known once all workers are ready.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Started {
    /// The facts that the init process found.
    pub prepared: Prepared,
    /// Process numbers of the workers, by slot.
    pub worker_pids: Vec<u32>,
    /// How long the start took.
    pub took: Duration,
}

/// The supervisor while it runs.
pub(super) struct Supervisor<'a> {
    pub(super) began: Instant,
    pub(super) state: State,
    watch: Watch,
    contention: Contention,
    /// The path of the database; `None` if it is on a server, which has no write lock.
    file: Option<PathBuf>,
    /// The right to serve the file; `None` before init has made the database ready.
    claim: Option<Claim>,
    children: Children,
    pub(super) scoreboard: Arc<Scoreboard>,
    /// The sockets of the server; empty once the server stops.
    pub(super) doors: Doors,
    /// Whether the certificate changed, and workers still have the old one.
    pub(super) is_renewal_due: bool,
    log: Log,
    prepared: Prepared,
    announce: &'a dyn Fn(&Started),
    /// Whether all workers were ready once.
    was_ready: bool,
}

/// Runs the server until it ends, and tells how it ended. `announce` is called once, when all
/// workers are ready.
///
/// # Errors
///
/// The system has no memory for the scoreboard or does not deliver signals.
pub fn run(
    mut config: Config,
    doors: Doors,
    log: Log,
    announce: &dyn Fn(&Started),
) -> io::Result<ExitCode> {
    descriptors::raise_limit(&mut config);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let scoreboard = Scoreboard::create()?;
        scoreboard.set_started_at(SystemClock.now());
        // The supervisor has no entry of its own. It may use that of the maintenance process,
        // because several processes can add to a counter.
        log.count_on(scoreboard.entry(0, 0));
        if config.database.file().is_none() {
            scoreboard.set_on_server();
        }
        let (sender, mut reports) = unbounded_channel();
        forward_signals(&sender)?;
        tokio::spawn(forward_ticks(sender.clone()));
        let mut supervisor = Supervisor {
            began: Instant::now(),
            state: State::new(
                config.workers,
                config.workers_max(),
                Duration::from_millis(config.drain_timeout_ms),
            ),
            watch: Watch::default(),
            contention: Contention::new(Duration::from_millis(config.write_lock_warn_ms)),
            file: config.database.file().map(Path::to_path_buf),
            claim: None,
            children: Children::new(config, Arc::clone(&scoreboard), sender),
            scoreboard,
            doors,
            is_renewal_due: false,
            log,
            prepared: Prepared::default(),
            announce,
            was_ready: false,
        };
        supervisor.note_the_certificate();
        let mut ended = supervisor.take(Event::Begin);
        while ended.is_none() {
            match reports.recv().await.expect("the supervisor holds a sender") {
                Report::Prepared(prepared) => ended = supervisor.prepare(prepared),
                Report::Event(event) => ended = supervisor.take(event),
            }
        }
        Ok(ended.expect("the loop ended"))
    })
}

impl Supervisor<'_> {
    /// Stores the facts that init found, and takes the right to serve the file, which exists now.
    /// Returns an exit code if another server has that right.
    fn prepare(&mut self, prepared: Prepared) -> Option<ExitCode> {
        self.prepared = prepared;
        let file = self.file.as_ref().filter(|_| self.claim.is_none())?;
        match Claim::take(file) {
            Ok(claim) => {
                self.claim = claim;
                None
            }
            Err(served) => {
                say(Stream::Error, served.message(file));
                Some(ExitCode::TryAgain)
            }
        }
    }

    /// Decides about an event and carries out the actions. Returns the exit code when the program
    /// must end.
    fn take(&mut self, event: Event) -> Option<ExitCode> {
        let mut events = vec![event];
        match event {
            Event::Exited(key, _) => self.children.forget(key),
            // A process without a heartbeat counts as starting, so if it were ready without one, a
            // hang would never be noticed.
            Event::Ready(key) => debug_assert!(
                self.children.has_beaten(key),
                "{key:?} was ready before its first heartbeat"
            ),
            Event::Tick => {
                let stalled =
                    self.watch.observe(self.began.elapsed(), &self.children.heartbeats(), |key| {
                        self.children.is_stopped(key)
                    });
                events.extend(stalled.into_iter().map(Event::Stalled));
                self.watch_the_write_lock();
                events.extend(self.watch_the_certificate().then_some(Event::Restart));
                self.children.reap_orphans();
            }
            Event::Restart => self.read_the_certificate_again(),
            _ => {}
        }
        let mut ended = None;
        for event in events {
            for action in self.state.handle(self.began.elapsed(), event) {
                ended = self.perform(action).or(ended);
            }
        }
        self.scoreboard.set_restarting(self.state.is_restarting());
        ended
    }

    /// Logs long waits and writes the figures of each minute on the scoreboard.
    fn watch_the_write_lock(&mut self) {
        let now = self.began.elapsed();
        if let (Some(delay), Some(file)) =
            (self.contention.look(now, &self.scoreboard.write_lock_users()), &self.file)
        {
            event_log::delay(&delay, file, |pid| self.children.is_one(pid));
        }
        let scoreboard = &self.scoreboard;
        let totals = || Totals {
            write_lock_wait: scoreboard.distribution(Measure::WriteLockWait),
            writes_given_up: scoreboard.writes_given_up(),
            lock_retries: scoreboard.lock_retries(),
        };
        let Some(minute) = self.contention.minute(now, totals) else { return };
        self.scoreboard.note_minute(SystemClock.now(), &minute);
        if self.contention.needs_advice(&minute) {
            event_log::advice(&minute);
        }
    }

    fn perform(&mut self, action: Action) -> Option<ExitCode> {
        match action {
            Action::Spawn(key) => {
                let listeners: Vec<_> = self.doors.listeners.iter().map(AsFd::as_fd).collect();
                let certificate = self.doors.certificates.as_ref().map(Certificates::fd);
                self.children.spawn(key, OfWorker { listeners: &listeners, certificate });
            }
            Action::Signal(key, signal) => self.children.signal(key, signal),
            Action::StopListening => self.stop_listening(),
            Action::ReopenLog => self.reopen_log(),
            Action::Announce => {
                self.was_ready = true;
                let (prepared, worker_pids) = (self.prepared.clone(), self.children.worker_pids());
                (self.announce)(&Started { prepared, worker_pids, took: self.began.elapsed() });
            }
            Action::Log(LogEvent::Stopping) => {
                let requests = self.scoreboard.requests_in_flight();
                tracing::info!(requests, "draining {requests} requests");
            }
            Action::Log(event) => event_log::write(event),
            Action::Exit { code, forced } => {
                self.say_goodbye(code, forced);
                return Some(code);
            }
        }
        None
    }

    fn stop_listening(&mut self) {
        if let Err(error) = self.doors.close() {
            tracing::warn!(error = %error, "new clients cannot be held off; a few may find their connection reset");
        }
    }

    fn reopen_log(&self) {
        match self.log.reopen() {
            Ok(()) => tracing::info!("log file opened again"),
            Err(error) => {
                tracing::error!(error = %error, "could not open the log file again; the old one is used further");
            }
        }
    }

    fn say_goodbye(&self, code: ExitCode, forced: bool) {
        let (uptime_s, requests) = (self.began.elapsed().as_secs(), self.scoreboard.requests());
        let end = match (forced, self.was_ready) {
            (true, _) => "forced",
            (false, false) => "before it was ready",
            (false, true) if code != ExitCode::Ok => "with a fault",
            (false, true) => "clean",
        };
        tracing::info!(
            uptime_s,
            requests,
            end,
            code = code.number(),
            "stopped after {uptime_s} s and {requests} requests ({end})"
        );
    }
}

fn forward_signals(reports: &UnboundedSender<Report>) -> io::Result<()> {
    // TTIN and TTOU have no name in tokio; the numbers are those of Linux on every architecture
    // that Rust runs on except MIPS and SPARC, so they are taken from rustix, which has the right
    // ones for each.
    let of = |signal: rustix::process::Signal| SignalKind::from_raw(signal.as_raw());
    let meanings = [
        (SignalKind::terminate(), Event::Terminate),
        (SignalKind::quit(), Event::Terminate),
        (SignalKind::interrupt(), Event::Interrupt),
        (SignalKind::hangup(), Event::Restart),
        (of(rustix::process::Signal::TTIN), Event::AddWorker),
        (of(rustix::process::Signal::TTOU), Event::RemoveWorker),
        (SignalKind::user_defined1(), Event::ReopenLog),
    ];
    for (kind, event) in meanings {
        let mut signals = signal(kind)?;
        let reports = reports.clone();
        tokio::spawn(async move {
            while signals.recv().await.is_some() && reports.send(Report::Event(event)).is_ok() {}
        });
    }
    // gunicorn starts a new version on USR2. Without a handler the signal would kill this server.
    let mut upgrades = signal(SignalKind::user_defined2())?;
    tokio::spawn(async move {
        while upgrades.recv().await.is_some() {
            tracing::warn!(
                "USR2 has no effect here: to change the version, stop the server, replace the \
                 program and start it"
            );
        }
    });
    Ok(())
}

async fn forward_ticks(reports: UnboundedSender<Report>) {
    let mut ticks = interval(TICK);
    // Ticks that were missed, for example while the machine slept, are not made up for.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while reports.send(Report::Event(Event::Tick)).is_ok() {
        ticks.tick().await;
    }
}

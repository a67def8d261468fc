//! Persona Store itself, as its users run it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use persona_model::{Patch, Precondition};
use persona_server::clock::SystemClock;
use persona_storage::sqlite::{Settings, SqliteStore};
use persona_storage::{NoObserver, Operation, Store};
use serde_json::{Value, json};

use crate::child::{Server, output};
use crate::client::Client;
use crate::place::Place;
use crate::{Result, personas};

/// A running `persona serve`.
pub struct Ours {
    pub server: Server,
    persona: PathBuf,
}

impl Ours {
    /// Serves a file on a port that the system chooses.
    pub fn start(database: &Path, workers: u16, durability: &str) -> Result<Self> {
        Self::start_with(database, workers, durability, &[])
    }

    /// The same with more flags.
    pub fn start_with(
        database: &Path,
        workers: u16,
        durability: &str,
        flags: &[OsString],
    ) -> Result<Self> {
        let persona = Place::persona();
        let mut command = Command::new(&persona);
        command.args(["serve", "--port", "0", "--log-level", "warn", "--durability", durability]);
        // Otherwise every address of the loopback network is a proxy, and hostile clients are not
        // told apart from others.
        command.args(["--trusted-proxies", "none"]);
        command.arg("--database").arg(database).args(["--workers", &workers.to_string()]);
        command.args(flags);
        Ok(Self { server: Server::start(command)?, persona })
    }

    /// The status that the server answers.
    pub fn status(&self) -> Result<Value> {
        Client::connect(self.server.address)?.get("/api/v1/status")?.json()
    }

    /// The process numbers of the workers.
    pub fn worker_pids(&self) -> Result<Vec<u64>> {
        let status = self.status()?;
        Ok(status["workers"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|worker| worker["pid"].as_u64())
            .collect())
    }

    /// How many requests each worker has answered.
    pub fn answered(&self) -> Result<Vec<f64>> {
        let status = self.status()?;
        Ok(status["workers"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|worker| worker["requests"].as_f64())
            .collect())
    }

    /// Transactions, and the writes in them, since the start of the server.
    pub fn transactions(&self) -> Result<(f64, f64)> {
        let text = Client::connect(self.server.address)?.get("/metrics")?;
        let text = String::from_utf8(text.body)?;
        let series = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.and_then(|number| number.parse::<f64>().ok())
                .ok_or_else(|| format!("/metrics has no {name}"))
        };
        Ok((series("persona_transaction_writes_count")?, series("persona_transaction_writes_sum")?))
    }

    /// Runs a command of the command line against this server, and returns its output.
    pub fn command(&self, arguments: &[&str]) -> Result<String> {
        output(self.prepared(arguments).args(["--server", &self.server.url()]))
    }

    /// Runs a command and counts the bytes of its output, which are thrown away.
    pub fn drained(&self, arguments: &[&str]) -> Result<u64> {
        let mut child = self
            .prepared(arguments)
            .args(["--server", &self.server.url()])
            .stdout(Stdio::piped())
            .spawn()?;
        let bytes =
            std::io::copy(&mut child.stdout.take().expect("it is a pipe"), &mut std::io::sink())?;
        if child.wait()?.success() {
            Ok(bytes)
        } else {
            Err(format!("persona {} failed", arguments.join(" ")).into())
        }
    }

    /// A command of the command line against this server, not yet run.
    pub fn prepared(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.persona);
        command.args(arguments);
        command
    }
}

/// Another process that commits at a fixed pace, beside the workers and with the same write lock;
/// dropping this ends the process.
pub struct Committer {
    done: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<Result<f64>>>,
}

impl Committer {
    /// Starts the process with so many commits a second.
    pub fn start(database: &Path, personas: u64, rate: u32) -> Result<Self> {
        let store = SqliteStore::open(
            Settings::new(database),
            Arc::new(SystemClock),
            Arc::new(NoObserver),
        )?;
        let done = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let done = Arc::clone(&done);
            move || commit(&store, personas, rate, &done)
        });
        Ok(Self { done, thread: Some(thread) })
    }

    /// Ends the process and returns how many commits it made a second.
    pub fn stop(mut self) -> Result<f64> {
        self.done.store(true, Ordering::Relaxed);
        self.thread
            .take()
            .expect("it is taken once")
            .join()
            .map_err(|_| "the committer panicked")?
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
    }
}

fn commit(store: &SqliteStore, personas: u64, rate: u32, done: &AtomicBool) -> Result<f64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let began = Instant::now();
    let mut count = 0_u32;
    while !done.load(Ordering::Relaxed) {
        let due = began + Duration::from_secs(1) * count / rate;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let patch = Patch::merge(json!({ "nickname": format!("commit {count}") }))?;
        let id = personas::id(u64::from(count) * 7919 % personas);
        runtime.block_on(store.write(personas::write(Operation::Patch {
            id,
            precondition: Precondition::Any,
            patch,
            base: None,
        })))?;
        count += 1;
    }
    runtime.block_on(store.close());
    Ok(f64::from(count) / began.elapsed().as_secs_f64())
}

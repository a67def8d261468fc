//! A server on a scratch database, started and ended by this program.

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use persona_storage::sqlite::check;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::dump;
use super::error::Error;
use super::plan::ScratchPlan;
use super::processes::Process;
use crate::client::{Credentials, ServerAddress};

/// How long a server may take to start, or to end, on a slow and busy machine.
const START_WAIT_MAX: Duration = Duration::from_mins(1);
const END_WAIT_MAX: Duration = Duration::from_secs(30);
/// Pause before a server is started again on an address that its killed predecessor still holds.
const RESTART_PAUSE: Duration = Duration::from_millis(50);
/// Most attempts to start again: together far longer than children outlive their supervisor.
const RESTARTS_MAX: usize = 100;
/// Most characters of the log that are quoted when a server does not start.
const LOG_CHARS_MAX: usize = 2_000;
/// The name of the database in the folder.
const DATABASE: &str = "persona.db";
/// Exit code of a server if its address is in use.
const ADDRESS_IN_USE: i32 = 69;

/// A running server with its folder.
#[derive(Debug)]
pub struct Scratch {
    folder: TempDir,
    plan: ScratchPlan,
    child: Child,
    /// The address of the server, the same after each restart.
    pub address: ServerAddress,
}

impl Scratch {
    /// Makes a folder and starts a server in it.
    pub async fn start(plan: &ScratchPlan) -> Result<Self, Error> {
        let failed = |source: io::Error| Error::Folder { path: plan.folder.clone(), source };
        let folder = tempfile::Builder::new()
            .prefix("persona-verify-")
            .tempdir_in(&plan.folder)
            .map_err(failed)?;
        let (child, address) = launch(folder.path(), plan, "0").await?;
        Ok(Self { folder, plan: plan.clone(), child, address })
    }

    /// The folder of the server's files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The process number of the supervisor.
    pub fn supervisor(&self) -> Option<u32> {
        self.child.id()
    }

    /// Kills the supervisor, which ends all processes, and starts the server again with the same
    /// address and file.
    pub async fn kill_and_restart(&mut self) -> Result<(), Error> {
        self.child
            .kill()
            .await
            .map_err(|source| Error::Folder { path: self.folder().into(), source })?;
        self.launch_again(&[]).await
    }

    /// Ends the maintenance process, so that from now on only clients write. The supervisor is
    /// stopped (SIGSTOP) first, so that it starts no new one; after this the server can only be
    /// killed.
    pub fn end_maintenance(&self) {
        let Some(supervisor) = self.supervisor() else { return };
        // An error means that the process ended by itself, which the next kill notices.
        if let Some(pid) = i32::try_from(supervisor).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::STOP);
        }
        for process in Process::children_of(supervisor) {
            if process.role == "maintenance" {
                let _ = process.kill();
            }
        }
    }

    /// Kills all processes at the same moment, and starts the server again with these additional
    /// flags.
    pub async fn kill_everything_and_restart(&mut self, flags: &[&str]) -> Result<(), Error> {
        if let Some(group) = self.child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?))
        {
            // An error means that the server ended by itself, which the next line notices.
            let _ = kill_process_group(group, Signal::KILL);
        }
        self.child
            .wait()
            .await
            .map_err(|source| Error::Folder { path: self.folder().into(), source })?;
        self.launch_again(flags).await
    }

    /// Whether the database is a file in the folder.
    pub fn has_file(&self) -> bool {
        self.plan.database.is_none()
    }

    /// Makes a backup in the folder, beside the running server.
    pub async fn back_up(&self, backup: &str) -> Result<(), String> {
        match &self.plan.database {
            None => self.run(&["backup", backup, "--database", DATABASE]).await,
            Some(url) => dump::back_up(url, self.folder(), backup).await,
        }
    }

    /// Runs this program in the folder, whether the server runs or not.
    async fn run(&self, arguments: &[&str]) -> Result<(), String> {
        let named = |why: String| format!("persona {}: {why}", arguments.join(" "));
        let program = std::env::current_exe().map_err(|error| named(error.to_string()))?;
        let mut command = Command::new(program);
        command
            .env_clear()
            .current_dir(self.folder())
            .args(arguments)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = command.output().await.map_err(|error| named(error.to_string()))?;
        if output.status.success() {
            Ok(())
        } else {
            Err(named(String::from_utf8_lossy(&output.stderr).into_owned()))
        }
    }

    /// Ends the server, replaces its database by a backup, and starts it again.
    pub async fn restore(&mut self, backup: &str) -> Result<(), String> {
        match self.stop().await.as_slice() {
            [] => {}
            problems => return Err(problems.join("; ")),
        }
        match &self.plan.database {
            None => self.run(&["restore", backup, "--database", DATABASE]).await?,
            Some(url) => dump::restore(url, self.folder(), backup).await?,
        }
        self.launch_again(&[]).await.map_err(|error| error.to_string())
    }

    async fn launch_again(&mut self, flags: &[&str]) -> Result<(), Error> {
        let mut plan = self.plan.clone();
        plan.serve_flags.extend(flags.iter().map(ToString::to_string));
        let port = self.address.authority.port_u16().unwrap_or_default().to_string();
        let mut attempts = 0;
        loop {
            match launch(self.folder.path(), &plan, &port).await {
                Ok((child, _)) => {
                    self.child = child;
                    return Ok(());
                }
                Err(Error::Start { code: Some(ADDRESS_IN_USE), .. }) if attempts < RESTARTS_MAX => {
                    attempts += 1;
                }
                Err(error) => return Err(error),
            }
            tokio::time::sleep(RESTART_PAUSE).await;
        }
    }

    /// Stops the server; returns the problems.
    async fn stop(&mut self) -> Vec<String> {
        if let Some(pid) = self.child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)) {
            // A server that has ended needs no signal.
            let _ = kill_process(pid, Signal::TERM);
        }
        let ended = tokio::time::timeout(END_WAIT_MAX, self.child.wait()).await;
        let mut problems = Vec::new();
        match ended {
            Ok(Ok(status)) if status.success() => {}
            Ok(Ok(status)) => problems.push(format!("the server ended with {status}")),
            Ok(Err(error)) => {
                problems.push(format!("the server's end could not be waited for: {error}"));
            }
            Err(_) => {
                problems
                    .push(format!("the server did not stop within {} s", END_WAIT_MAX.as_secs()));
                let _ = self.child.kill().await;
            }
        }
        problems
    }

    /// Stops the server and checks its file, if it has one; returns the problems.
    pub async fn stop_and_check(&mut self) -> Vec<String> {
        let mut problems = self.stop().await;
        if self.plan.database.is_some() {
            // A database on a server has no file to check; the history was compared with its
            // answers.
            return problems;
        }
        let database = database_in(self.folder());
        let checking = tokio::task::spawn_blocking(move || {
            check(&database, &mut |_| ControlFlow::Continue(()))
        });
        match checking.await {
            Ok(Ok(report)) => problems.extend(report.problems.iter().map(ToString::to_string)),
            Ok(Err(error)) => problems.push(format!("the file could not be checked: {error}")),
            Err(error) => problems.push(format!("the file could not be checked: {error}")),
        }
        problems
    }

    /// Keeps the folder, so that a failure can be looked into, and names it.
    pub fn keep(self) -> PathBuf {
        self.folder.keep()
    }
}

fn database_in(folder: &Path) -> PathBuf {
    folder.join(DATABASE)
}

fn log_in(folder: &Path) -> PathBuf {
    folder.join("server.log")
}

/// Starts the server and waits until it prints its address.
async fn launch(
    folder: &Path,
    plan: &ScratchPlan,
    port: &str,
) -> Result<(Child, ServerAddress), Error> {
    let failed = |source: io::Error| Error::Folder { path: folder.into(), source };
    let log = File::options().create(true).append(true).open(log_in(folder)).map_err(failed)?;
    let program = std::env::current_exe().map_err(failed)?;
    let mut command = Command::new(program);
    // The environment is empty and the folder new, so that no settings of the user apply. The
    // process gets its own group, so that Ctrl-C at the terminal ends the load and not the server.
    command.env_clear().current_dir(folder).process_group(0).kill_on_drop(true);
    command.args(["serve", "--port", port, "--expose-worker"]);
    match &plan.database {
        // The URL is no flag, because every user of the machine can see flags, and the URL may
        // contain a password.
        Some(url) => command.env("DATABASE_URL", url),
        None => command.arg("--database").arg(database_in(folder)),
    };
    command.arg(format!("--workers={}", plan.workers)).args(&plan.serve_flags);
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().map_err(failed)?;
    let mut lines = BufReader::new(
        child.stdout.take().ok_or(io::ErrorKind::BrokenPipe).map_err(|kind| failed(kind.into()))?,
    )
    .lines();
    let line = tokio::time::timeout(START_WAIT_MAX, lines.next_line())
        .await
        .ok()
        .and_then(Result::ok)
        .flatten();
    let url = line.as_deref().and_then(|line| line.strip_prefix("listening on "));
    if let Some(address) =
        url.and_then(|url| ServerAddress::parse(url, &Credentials::default()).ok())
    {
        return Ok((child, address));
    }
    let code = match tokio::time::timeout(RESTART_PAUSE, child.wait()).await {
        Ok(Ok(status)) => status.code(),
        _ => None,
    };
    Err(Error::Start { code, log: end_of_log(folder) })
}

fn end_of_log(folder: &Path) -> String {
    let log = std::fs::read_to_string(log_in(folder)).unwrap_or_default();
    let skipped = log.chars().count().saturating_sub(LOG_CHARS_MAX);
    log.chars().skip(skipped).collect()
}

//! A server under test: started, waited for, and ended whatever happens.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Result;

/// How long a server may take until its first answer, with a million personas and on a busy
/// machine.
const START_MAX: Duration = Duration::from_mins(1);
/// How long a server may take to end before it is killed.
const END_MAX: Duration = Duration::from_secs(20);
/// Pause between two looks at a state that sends no notice of its change.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// A running server; dropping it ends it.
pub struct Server {
    child: Child,
    /// Where the server listens.
    pub address: SocketAddr,
    /// Whether the server's connections are encrypted.
    is_encrypted: bool,
    /// The time from the start of the process until it said that it is ready.
    pub took: Duration,
}

impl Server {
    /// Starts a server that prints `listening on http://ADDRESS`, or `https://`, when it is ready.
    pub fn start(mut command: Command) -> Result<Self> {
        let began = Instant::now();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(child.stdout.take().expect("it is a pipe")).lines();
        let (scheme, address) = loop {
            let Some(line) = lines.next().transpose()? else {
                return Err(format!(
                    "{} ended before it was ready: {}",
                    command.get_program().display(),
                    child.wait()?
                )
                .into());
            };
            let url = line.strip_prefix("listening on ").and_then(|url| url.split_once("://"));
            if let Some((scheme, address)) = url {
                break (scheme.to_owned(), address.parse()?);
            }
        };
        let is_encrypted = scheme == "https";
        Ok(Self { child, address, is_encrypted, took: began.elapsed() })
    }

    /// Starts a server that prints nothing, and waits until it answers at this address.
    pub fn start_at(mut command: Command, address: SocketAddr, path: &str) -> Result<Self> {
        let began = Instant::now();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        let mut server = Self { child, address, is_encrypted: false, took: Duration::ZERO };
        while crate::client::Client::connect(address)
            .and_then(|mut client| client.get(path))
            .is_err()
        {
            if let Some(status) = server.child.try_wait()? {
                return Err(format!(
                    "{} ended before it was ready: {status}",
                    command.get_program().display()
                )
                .into());
            }
            if began.elapsed() > START_MAX {
                return Err(format!(
                    "{} did not answer within {START_MAX:?}",
                    command.get_program().display()
                )
                .into());
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        server.took = began.elapsed();
        Ok(server)
    }

    /// The server's URL.
    pub fn url(&self) -> String {
        let scheme = if self.is_encrypted { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(pid) =
            i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw)
        {
            // The process may have ended already; then the signal reaches nothing.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let began = Instant::now();
        while began.elapsed() < END_MAX {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a program to its end and returns its standard output; an error has the program's messages.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!(
            "{} failed ({}): {}",
            command.get_program().display(),
            output.status,
            said.trim()
        )
        .into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

//! The files of the certificate while the server runs: checked from time to time, and read again
//! when they change.
//!
//! Only the supervisor reads the files. Workers get the last valid pair as a file in memory, so a
//! worker that starts while the files are broken serves the same certificate as the others.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use persona_model::Timestamp;
use rustix::fs::{MemfdFlags, memfd_create};
use rustls::ServerConfig;

use super::pair::server_config;
use super::{Pair, PairProblem};

/// Time between two looks at the files. A few seconds do not matter, because certificates are
/// renewed days before they end.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How long before the end of a certificate the server warns. Programs renew a certificate of 90
/// days when 30 days are left.
pub const EXPIRY_WARNING: Duration = Duration::from_hours(14 * 24);

/// Largest text of a pair, in bytes: two files of the largest size.
const PAIR_BYTES_MAX: u64 = 512 * 1024;

/// The metadata of a file; a change of any member means that the file changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct FileState {
    device: u64,
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
    mode: u32,
}

/// The certificate of a running server.
pub struct Certificates {
    cert: PathBuf,
    key: PathBuf,
    pair: Pair,
    /// The pair, as a file in memory.
    memory: File,
    /// The files as they were when they were last read, and when they are looked at next.
    seen: [Option<FileState>; 2],
    next_look: Duration,
    /// Whether the warning about the end of the certificate was given.
    was_warned: bool,
}

/// The result of a look at the files.
#[derive(Debug)]
pub enum PairChange {
    /// Nothing needs to be done.
    None,
    /// The pair has changed, and the new one is used from now on. Holds when it ends.
    Renewed(Timestamp),
    /// The files have changed and cannot be used; the old pair stays in use.
    Broken(PairProblem),
}

impl Certificates {
    /// Reads the pair for the first time.
    ///
    /// # Errors
    ///
    /// The pair cannot be used.
    pub fn open(cert: &Path, key: &Path, now: Timestamp) -> Result<Self, PairProblem> {
        // The metadata is taken before the files are read, so that the next look notices a change
        // during the read.
        let seen = [look_at(cert), look_at(key)];
        let pair = Pair::load(cert, key, now)?;
        let memory = in_memory(&pair).map_err(|error| PairProblem::Unusable {
            path: cert.into(),
            reason: format!("there is no memory for it: {error}"),
        })?;
        Ok(Self {
            cert: cert.into(),
            key: key.into(),
            pair,
            memory,
            seen,
            next_look: Duration::ZERO,
            was_warned: false,
        })
    }

    /// The descriptor of the pair, for a worker.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.memory.as_fd()
    }

    /// When the certificate ends.
    pub fn ends_at(&self) -> Timestamp {
        self.pair.validity.to
    }

    /// Whether to warn now: the end of the certificate is near, and no warning was given yet.
    pub fn needs_warning(&mut self, now: Timestamp) -> bool {
        let left = self.ends_at().as_micros().saturating_sub(now.as_micros());
        let is_near = left < i64::try_from(EXPIRY_WARNING.as_micros()).unwrap_or(i64::MAX);
        is_near && !std::mem::replace(&mut self.was_warned, true)
    }

    /// Looks at the files if it is time, and reads them again if they changed. `elapsed` is the
    /// time since the server started.
    pub fn look(&mut self, elapsed: Duration, now: Timestamp) -> PairChange {
        if elapsed < self.next_look {
            return PairChange::None;
        }
        self.next_look = elapsed + LOOK_EVERY;
        let seen = [look_at(&self.cert), look_at(&self.key)];
        if seen == self.seen { PairChange::None } else { self.read_again(now) }
    }

    /// Reads the files again, whether they changed or not.
    pub fn read_again(&mut self, now: Timestamp) -> PairChange {
        // The metadata is stored even if the pair is broken, so that the same broken files are
        // reported once.
        self.seen = [look_at(&self.cert), look_at(&self.key)];
        let read = Pair::load(&self.cert, &self.key, now).and_then(|pair| {
            let memory = in_memory(&pair).map_err(|error| PairProblem::Unusable {
                path: self.cert.clone(),
                reason: format!("there is no memory for it: {error}"),
            })?;
            Ok((pair, memory))
        });
        match read {
            Ok((pair, _)) if pair == self.pair => PairChange::None,
            Ok((pair, memory)) => {
                self.was_warned = false;
                (self.pair, self.memory) = (pair, memory);
                PairChange::Renewed(self.ends_at())
            }
            Err(problem) => PairChange::Broken(problem),
        }
    }
}

/// Makes the TLS settings of a worker from the descriptor that it got.
///
/// # Errors
///
/// The descriptor is not that of a pair.
pub fn received(memory: OwnedFd) -> io::Result<Arc<ServerConfig>> {
    let file = File::from(memory);
    let bytes = file.metadata()?.len().min(PAIR_BYTES_MAX);
    let mut pem = vec![0; usize::try_from(bytes).unwrap_or_default()];
    // The read names its offset, because all workers share the file position of the descriptor.
    file.read_exact_at(&mut pem, 0)?;
    server_config(&pem).map_err(io::Error::other)
}

fn in_memory(pair: &Pair) -> io::Result<File> {
    let file = File::from(memfd_create("persona-certificate", MemfdFlags::CLOEXEC)?);
    file.write_all_at(pair.pem(), 0)?;
    Ok(file)
}

/// The metadata of a file; `None` if it cannot be read. Links are followed, because tools that
/// renew certificates only replace a link.
fn look_at(path: &Path) -> Option<FileState> {
    let facts = std::fs::metadata(path).ok()?;
    Some(FileState {
        device: facts.dev(),
        inode: facts.ino(),
        bytes: facts.len(),
        changed: (facts.ctime(), facts.ctime_nsec()),
        mode: facts.mode(),
    })
}

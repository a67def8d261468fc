//! Reads a file in a separate thread, so that parsing does not delay requests, and a slow pipe does
//! not block the runtime.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use persona_formats::{Bad, Item, Items};
use persona_server::exit_code::ExitCode;
use tokio::sync::mpsc;

use crate::failure::Failure;

/// Most items that wait between the file and the requests: enough to fill a shared transaction.
const WAITING_MAX: usize = 64;
/// Bytes that are read at once.
const READ_BYTES: usize = 64 * 1024;

/// The items of one file as they are read, and the progress of the reading.
pub struct Source {
    /// The items. Dropping the receiver ends the thread.
    pub items: mpsc::Receiver<Result<Item, Bad>>,
    /// Number of bytes that were read.
    pub bytes_read: Arc<AtomicU64>,
    /// Size of the file in bytes; `None` for standard input.
    pub bytes: Option<u64>,
}

/// Opens a file; `-` is standard input.
pub fn open(path: &Path) -> Result<Source, Failure> {
    let failed =
        |error: io::Error| Failure::io(format!("could not read {}", path.display()), &error);
    let (input, bytes): (Box<dyn Read + Send>, _) = if path == Path::new("-") {
        (Box::new(io::stdin()), None)
    } else {
        let file = File::open(path).map_err(failed)?;
        let facts = file.metadata().map_err(failed)?;
        if facts.is_dir() {
            return Err(Failure::new(ExitCode::Failure, format!("{} is a folder", path.display()))
                .hint("name the files in it"));
        }
        (Box::new(file), Some(facts.len()))
    };
    let bytes_read = Arc::new(AtomicU64::new(0));
    let counted = Counted { inner: input, bytes_read: Arc::clone(&bytes_read) };
    let (sender, items) = mpsc::channel(WAITING_MAX);
    std::thread::spawn(move || {
        for item in Items::new(Box::new(BufReader::with_capacity(READ_BYTES, counted))) {
            if sender.blocking_send(item).is_err() {
                break;
            }
        }
    });
    Ok(Source { items, bytes_read, bytes })
}

struct Counted {
    inner: Box<dyn Read + Send>,
    bytes_read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.bytes_read.fetch_add(read.try_into().unwrap_or(u64::MAX), Ordering::Relaxed);
        Ok(read)
    }
}

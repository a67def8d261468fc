//! What a process prints: its pipes are read on threads, so that it never waits for a reader.

use std::io::{BufRead, BufReader, Read};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::{DEADLINE, wait_for};

/// Most bytes of the end of a pipe that are printed.
const END_BYTES: usize = 8 * 1024;

/// The bytes that a pipe gave until now.
pub type Gathered = Arc<Mutex<Vec<u8>>>;

/// Everything that a pipe gave, once the reading thread has ended. Children may write last; the
/// pipe ends with the last of them.
#[track_caller]
pub fn read_to_the_end(gathered: &Gathered) -> String {
    let all = wait_for("the end of standard error", DEADLINE, || {
        (Arc::strong_count(gathered) == 1).then(|| gathered.lock().expect("no panic").clone())
    });
    String::from_utf8_lossy(&all).into_owned()
}

/// Reads a pipe to its end on a thread of its own.
pub fn collect(mut pipe: impl Read + Send + 'static, gathered: &Gathered) {
    let shared = Arc::clone(gathered);
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(length @ 1..) = pipe.read(&mut bytes) {
            shared.lock().expect("no panic").extend_from_slice(&bytes[..length]);
        }
    });
}

/// The lines of a pipe, each as soon as it is complete.
pub fn lines_of(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

/// Prints the last lines that a pipe gave until now.
pub fn print_end(of: &str, gathered: &Gathered) {
    let all = gathered.lock().unwrap_or_else(PoisonError::into_inner);
    let end = String::from_utf8_lossy(&all[all.len().saturating_sub(END_BYTES)..]);
    eprintln!("the end of {of}:\n{end}");
}

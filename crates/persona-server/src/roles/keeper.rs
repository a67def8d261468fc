//! Looks after the file while the workers use it: one thread for that, and one that listens and gives signs of life.
//!
//! Upkeep may wait for the gate or the disk as long as it takes; that must not look like a process that hangs.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;

use persona_storage::sqlite::Keeper;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use super::{Error, HEARTBEAT};
use crate::clock::SystemClock;
use crate::log::Log;
use crate::shared_page::Condition;
use crate::supervisor::{Handover, Message, say};

pub(super) fn run(handover: &Handover, generation: u64, log: &Log) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (mut terminate, mut reopen) = (signal(SignalKind::terminate())?, signal(SignalKind::user_defined1())?);
        // Both go to everybody in a terminal, and the keeper ends after the workers, when the supervisor says so.
        let (_interrupt, _hangup) = (signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?);
        let seat = handover.page.seat(0, generation);
        let keeper = Keeper::open(&handover.config.store_settings(), Arc::new(SystemClock), Arc::new(seat.clone()))?;
        let (stop, stopped) = channel();
        let (done, mut upkeep) = oneshot::channel();
        thread::Builder::new().name("upkeep".into()).spawn(move || {
            look_after(keeper, &stopped);
            // The receiver is gone only when the process ends.
            let _ = done.send(());
        })?;
        seat.set_condition(Condition::Serving);
        say(&handover.channel, &Message::Ready)?;
        let (mut beats, mut stop) = (tokio::time::interval(HEARTBEAT), Some(stop));
        loop {
            tokio::select! {
                _ = beats.tick() => seat.beat(),
                _ = reopen.recv() => super::worker::reopen_log(log),
                _ = terminate.recv() => {
                    seat.set_condition(Condition::Draining);
                    stop = None;
                }
                ended = &mut upkeep => return if ended.is_ok() && stop.is_none() { Ok(()) } else { Err(Error::Thread) },
            }
        }
    })
}

/// Does what is due until the other end of `stopped` is gone.
fn look_after(mut keeper: Keeper, stopped: &Receiver<()>) {
    loop {
        let pause = keeper.tick().unwrap_or_else(|error| {
            tracing::warn!(error = %error, "upkeep of the database failed; it is tried again");
            HEARTBEAT
        });
        match stopped.recv_timeout(pause) {
            Err(RecvTimeoutError::Timeout) | Ok(()) => {}
            Err(RecvTimeoutError::Disconnected) => return keeper.close(),
        }
    }
}

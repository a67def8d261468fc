//! The queue through which an export's personas go from the reading work to the client; it is
//! bounded by bytes.
//!
//! The bound is in bytes and not in personas, because a persona has between a hundred bytes and
//! some megabytes. The end of an export is an item of its own. If the work ends without that item,
//! the export is reported as broken off, so an incomplete export never looks complete.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use persona_model::{HandlePrefix, Owned, Reach};

use crate::{Error, Representation};

/// The content of an export.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exported {
    /// Every living persona.
    Living,
    /// Every persona, soft-deleted ones too.
    All,
    /// Every revision of every persona, deleted ones too: each as a line of
    /// [`persona_model::history_line`], in the order of the feed.
    History,
}

/// A request for an export.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExportRequest {
    /// The content.
    pub exported: Exported,
    /// Only personas of this owner, or only those without an owner.
    pub owned: Option<Owned>,
    /// Only those with a handle that begins so.
    pub handle_prefix: Option<HandlePrefix>,
    /// Only those that the client reaches.
    pub reach: Reach,
}

impl From<Exported> for ExportRequest {
    fn from(exported: Exported) -> Self {
        Self { exported, owned: None, handle_prefix: None, reach: Reach::Everything }
    }
}

impl ExportRequest {
    /// The owners of the wanted personas; `None` for all. The empty text stands for personas
    /// without an owner.
    pub(crate) fn owners(&self) -> Option<Vec<&str>> {
        self.reach.owners(self.owned.as_ref())
    }

    /// What must hold of the handle of a persona, which this column has. The prefix stands in the
    /// text: handles have neither quotes nor backslashes.
    pub(crate) fn of_handle(&self, column: &str) -> String {
        match &self.handle_prefix {
            None => "1 = 1".into(),
            Some(prefix) => {
                let (from, to) = (prefix.as_str(), prefix.end());
                format!("{column} >= '{from}' AND {column} < '{to}'")
            }
        }
    }
}

/// Most bytes of personas that wait for the client, unless a single persona has more.
pub const EXPORT_BYTES_MAX: usize = 1024 * 1024;
/// Memory of a persona in the queue besides its text, in bytes, rounded up.
const ANSWER_BYTES: usize = 256;

/// Every persona of one snapshot, one after the other. A slow client holds little memory.
///
/// Dropping the export ends the work at once.
pub struct Export(Arc<Queue>);

/// The sending end of the queue, for the work that reads.
pub(crate) struct Outlet(Arc<Queue>);

/// Why a persona was not put into the queue.
pub(crate) enum Unsent {
    /// The client has left.
    Left,
    /// There is no room yet.
    NoRoom(Representation),
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    room: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Representation>,
    bytes: usize,
    /// Bytes that the client has taken since the beginning.
    taken: u64,
    end: Option<Result<(), Error>>,
    is_left: bool,
    on_left: Option<Box<dyn FnOnce() + Send>>,
    client: Option<Waker>,
    work: Option<Waker>,
}

fn bytes_of(answer: &Representation) -> usize {
    answer.body.len() + ANSWER_BYTES
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn put(&mut self, answer: Representation) -> Result<(), Unsent> {
        if self.is_left {
            return Err(Unsent::Left);
        }
        let bytes = bytes_of(&answer);
        // A persona larger than the bound is alone in the queue.
        if self.bytes > 0 && self.bytes + bytes > EXPORT_BYTES_MAX {
            return Err(Unsent::NoRoom(answer));
        }
        self.bytes += bytes;
        self.waiting.push_back(answer);
        self.client.take().into_iter().for_each(Waker::wake);
        Ok(())
    }

    fn take(&mut self) -> Option<Representation> {
        let answer = self.waiting.pop_front()?;
        self.bytes -= bytes_of(&answer);
        self.taken += answer.body.len() as u64;
        self.work.take().into_iter().for_each(Waker::wake);
        Some(answer)
    }
}

impl Export {
    /// Makes an empty queue; returns both ends.
    pub(crate) fn channel() -> (Outlet, Self) {
        let queue = Arc::new(Queue::default());
        (Outlet(Arc::clone(&queue)), Self(queue))
    }

    /// An export of personas that are in memory already, whatever their size, and its end.
    pub fn of(answers: impl IntoIterator<Item = Representation>, end: Result<(), Error>) -> Self {
        let waiting: VecDeque<Representation> = answers.into_iter().collect();
        let bytes = waiting.iter().map(bytes_of).sum();
        let state = State { waiting, bytes, end: Some(end), ..State::default() };
        Self(Arc::new(Queue { state: Mutex::new(state), room: Condvar::new() }))
    }

    /// The next persona; `None` after the last one. An error is the last item.
    pub async fn recv(&mut self) -> Option<Result<Representation, Error>> {
        poll_fn(|task| self.poll_recv(task)).await
    }

    /// As [`Export::recv`].
    pub fn poll_recv(
        &mut self,
        task: &mut Context<'_>,
    ) -> Poll<Option<Result<Representation, Error>>> {
        let mut state = self.0.state();
        if let Some(answer) = state.take() {
            self.0.room.notify_one();
            return Poll::Ready(Some(Ok(answer)));
        }
        if let Some(end) = &mut state.end {
            // An error is returned once.
            return Poll::Ready(std::mem::replace(end, Ok(())).err().map(Err));
        }
        state.client = Some(task.waker().clone());
        Poll::Pending
    }
}

impl Drop for Export {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.is_left = true;
        state.waiting = VecDeque::new();
        state.bytes = 0;
        state.work.take().into_iter().for_each(Waker::wake);
        let on_left = state.on_left.take();
        drop(state);
        self.0.room.notify_one();
        if let Some(on_left) = on_left {
            on_left();
        }
    }
}

impl Outlet {
    /// Registers an action for when the client leaves; runs it at once if it has left.
    pub(crate) fn on_left(&self, act: impl FnOnce() + Send + 'static) {
        let mut state = self.0.state();
        if state.is_left {
            drop(state);
            act();
        } else {
            state.on_left = Some(Box::new(act));
        }
    }

    /// Bytes that the client has taken since the beginning.
    pub(crate) fn taken(&self) -> u64 {
        self.0.state().taken
    }

    /// Puts a persona into the queue; blocks the thread until there is room, at most this long.
    pub(crate) fn send_within(
        &self,
        mut answer: Representation,
        wait: Duration,
    ) -> Result<(), Unsent> {
        let began = Instant::now();
        let mut state = self.0.state();
        loop {
            answer = match state.put(answer) {
                Err(Unsent::NoRoom(answer)) => answer,
                put => return put,
            };
            let Some(left) = wait.checked_sub(began.elapsed()).filter(|left| !left.is_zero())
            else {
                return Err(Unsent::NoRoom(answer));
            };
            state = self.0.room.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Puts a persona into the queue; waits for room. Fails only when the client has left.
    pub(crate) async fn send(&self, answer: Representation) -> Result<(), Unsent> {
        let mut answer = Some(answer);
        poll_fn(|task| {
            let Some(next) = answer.take() else { return Poll::Ready(Ok(())) };
            let mut state = self.0.state();
            match state.put(next) {
                Err(Unsent::NoRoom(unsent)) => {
                    answer = Some(unsent);
                    state.work = Some(task.waker().clone());
                    Poll::Pending
                }
                put => Poll::Ready(put),
            }
        })
        .await
    }

    /// Ends the export with a result. Without this call the client gets an error that the export
    /// broke off.
    pub(crate) fn end(self, end: Result<(), Error>) {
        self.0.state().end = Some(end);
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.end.get_or_insert(Err(Error::Closed("the export was cut off")));
        state.on_left = None;
        state.client.take().into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, mpsc};
    use std::thread;
    use std::time::Duration;

    use bytes::Bytes;
    use persona_model::{PersonaId, Revision};

    use super::{EXPORT_BYTES_MAX, Export, Unsent};
    use crate::{Error, Representation};

    const LONG: Duration = Duration::from_secs(30);

    fn answer(bytes: usize) -> Representation {
        Representation {
            id: PersonaId::from_bytes([7; 16]),
            revision: Revision::FIRST,
            deleted: false,
            checksum: 0,
            body: Bytes::from(vec![b' '; bytes]),
        }
    }

    #[tokio::test]
    async fn few_large_personas_or_many_small_ones_fill_the_same_room() {
        for bytes in [100, 10_000, 300_000, 2 * EXPORT_BYTES_MAX] {
            let (outlet, mut export) = Export::channel();
            let mut sent = 0;
            while outlet.send_within(answer(bytes), Duration::ZERO).is_ok() {
                sent += 1;
            }
            assert_eq!(
                sent,
                (EXPORT_BYTES_MAX / (bytes + super::ANSWER_BYTES)).max(1),
                "personas of {bytes} bytes"
            );
            assert!(export.recv().await.is_some_and(|next| next.is_ok()));
            assert!(
                outlet.send_within(answer(bytes), Duration::ZERO).is_ok(),
                "there is room again"
            );
            assert_eq!(outlet.taken(), bytes as u64);
        }
    }

    #[tokio::test]
    async fn only_an_export_that_says_so_is_complete() {
        let (outlet, mut export) = Export::channel();
        outlet.send(answer(1)).await.unwrap_or_else(|_| panic!("there is room"));
        outlet.end(Ok(()));
        assert!(export.recv().await.is_some_and(|next| next.is_ok()));
        assert!(export.recv().await.is_none());
        let (outlet, mut export) = Export::channel();
        outlet.send(answer(1)).await.unwrap_or_else(|_| panic!("there is room"));
        drop(outlet);
        assert!(export.recv().await.is_some_and(|next| next.is_ok()));
        assert!(matches!(export.recv().await, Some(Err(Error::Closed(_)))));
        assert!(export.recv().await.is_none());
    }

    #[tokio::test]
    async fn a_client_that_goes_ends_the_wait_of_the_work_and_is_told_to_it() {
        let (outlet, export) = Export::channel();
        let is_told = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&is_told);
        outlet.on_left(move || told.store(true, Ordering::SeqCst));
        outlet.send(answer(EXPORT_BYTES_MAX)).await.unwrap_or_else(|_| panic!("there is room"));
        let (waiting, waits) = mpsc::channel();
        let work = thread::spawn(move || {
            assert!(matches!(
                outlet.send_within(answer(1), Duration::ZERO),
                Err(Unsent::NoRoom(_))
            ));
            waiting.send(()).expect("it is waited for");
            matches!(outlet.send_within(answer(1), LONG), Err(Unsent::Left))
        });
        waits.recv_timeout(LONG).expect("it came as far");
        drop(export);
        assert!(work.join().expect("no panic"), "it was not told");
        assert!(is_told.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn work_that_waits_for_room_goes_on_when_something_was_taken() {
        let (outlet, mut export) = Export::channel();
        let work = tokio::spawn(async move {
            for _ in 0..100 {
                if outlet.send(answer(EXPORT_BYTES_MAX / 3)).await.is_err() {
                    return;
                }
            }
            outlet.end(Ok(()));
        });
        let mut taken = 0;
        while let Some(next) = tokio::time::timeout(LONG, export.recv()).await.expect("it goes on")
        {
            next.expect("no error");
            taken += 1;
        }
        work.await.expect("no panic");
        assert_eq!(taken, 100);
    }
}

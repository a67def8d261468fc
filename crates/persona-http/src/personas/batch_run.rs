//! The items of a batch on their way to the store.
//!
//! Items of one persona are written one after the other, others at the same time. Items wait here
//! in their order until they get a turn.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use persona_model::PersonaId;
use persona_storage::Write;
use tokio::sync::{mpsc, watch};
use tokio::task::{Id, JoinError, JoinSet};

use super::batch::Asked;
use crate::Context;
use crate::aside::on_a_thread;
use crate::contract::batch::BatchItemAnswer;
use crate::extract::item_stream::{Step, StreamedItem};
use crate::extract::item_writes::ItemWrites;
use crate::limits::batch_turns::ITEMS_OF_BATCH_AT_ONCE;
use crate::problem::{Code, Problem};

/// Most bytes of all problems in one answer; later problems are reported without details. A
/// conflict repeats three texts, and a thousand conflicts would take gigabytes.
const PROBLEM_BYTES_MAX: usize = 1024 * 1024;

/// A batch that is being done.
pub(super) struct Batch {
    context: Arc<Context>,
    /// The id of the request.
    request_id: String,
    writes: ItemWrites,
    /// Bytes of the problems so far.
    problem_bytes: AtomicUsize,
}

/// The result of an item.
pub(super) struct Done {
    pub answer: BatchItemAnswer,
    /// The problem again, for the log, if a failure of the store caused it.
    pub failure: Option<Problem>,
}

impl Batch {
    /// Begins a batch for the request with this id.
    pub fn new(context: Arc<Context>, request_id: &str, writes: ItemWrites) -> Arc<Self> {
        let problem_bytes = AtomicUsize::new(0);
        Arc::new(Self { context, request_id: request_id.into(), writes, problem_bytes })
    }

    /// Writes the items that arrive, and returns the result of each in their order. Returns nothing
    /// if the batch was refused before it began.
    ///
    /// # Cancellation
    ///
    /// Dropping the future withdraws the items that have not had their turn yet.
    pub async fn run(
        self: Arc<Self>,
        mut from: mpsc::Receiver<Step>,
        unanswered: watch::Sender<usize>,
    ) -> Vec<Done> {
        let mut run = Run::of(self, unanswered);
        loop {
            run.start_items();
            let (is_open, is_running) = (run.is_open, !run.running.is_empty());
            tokio::select! {
                step = from.recv(), if is_open => match step {
                    None => run.is_open = false,
                    Some(Step::Begin) => run.begun = Some(run.batch.context.write_deadline()),
                    Some(Step::Items(items)) => for item in items {
                        if item.item.as_ref().is_ok_and(|good| good.key.is_none()) {
                            run.batch.writes.note_place(run.all.len());
                        }
                        let item = run.batch.led(item).await;
                        run.take(item);
                    },
                },
                Some(joined) = run.running.join_next_with_id(), if is_running => run.ended(joined),
                else => return run.finish(),
            }
        }
    }

    /// An item with the persona that it names.
    async fn led(&self, item: StreamedItem) -> StreamedItem {
        match item.item {
            Ok(good) if good.named.is_some() => {
                let view = self.context.store.view(self.writes.viewer());
                let led = good.led(view).await;
                StreamedItem { bytes: item.bytes, item: led }
            }
            same => StreamedItem { bytes: item.bytes, item: same },
        }
    }

    /// Writes an item when its turn has come.
    async fn item(self: Arc<Self>, place: usize, write: Write) -> Done {
        let turn = match self.context.batch.take(write.client, write.deadline).await {
            Ok(turn) => turn,
            Err(problem) => return self.refused(&problem.of_item(place)),
        };
        let asked = Asked::of(&write.operation);
        let written = self.context.store.view(self.writes.viewer()).write(write).await;
        drop(turn);
        match written {
            Ok(written) => Done { answer: asked.answer(&written), failure: None },
            Err(error) => self.refused_aside(asked.problem(error).of_item(place)).await,
        }
    }

    /// As [`Self::refused`], on another thread where the problem is a large one. Without a thread
    /// the problem is told in short.
    async fn refused_aside(self: Arc<Self>, problem: Problem) -> Done {
        if !problem.is_large() {
            return self.refused(&problem);
        }
        let (batch, short) = (Arc::clone(&self), problem.in_short());
        let told = match on_a_thread(move || batch.refused(&problem)) {
            Ok(telling) => telling.await.ok(),
            Err(_) => None,
        };
        told.unwrap_or_else(|| self.refused(&short))
    }

    fn refused(&self, problem: &Problem) -> Done {
        let failure = problem.cause().is_some().then(|| problem.clone());
        let status = problem.code().facts().status.as_u16();
        let whole = problem.body(&self.request_id);
        let bytes = serde_json::to_vec(&whole).expect("a problem is JSON").len();
        let before = self.problem_bytes.fetch_add(bytes, Ordering::Relaxed);
        let is_within = before + bytes <= PROBLEM_BYTES_MAX;
        let told = if is_within { whole } else { problem.in_short().body(&self.request_id) };
        let answer = BatchItemAnswer {
            etag: problem.etag().map(str::to_owned),
            problem: Some(told),
            ..BatchItemAnswer::of_status(status)
        };
        Done { answer, failure }
    }
}

/// An item as a write, with its index in the batch.
struct Placed {
    place: usize,
    /// The bytes that the item counts until it is answered.
    bytes: usize,
    write: Write,
}

/// The facts of an item while its task runs.
struct Started {
    place: usize,
    bytes: usize,
    persona: PersonaId,
}

/// The progress of a batch.
struct Run {
    batch: Arc<Batch>,
    unanswered: watch::Sender<usize>,
    queues: PersonaQueues,
    running: JoinSet<Done>,
    started: HashMap<Id, Started>,
    /// The result of each item so far.
    all: Vec<Option<Done>>,
    /// The deadline of the items that arrived before the batch was begun; `None` until it is begun.
    begun: Option<Instant>,
    /// Whether more items may arrive.
    is_open: bool,
}

impl Run {
    fn of(batch: Arc<Batch>, unanswered: watch::Sender<usize>) -> Self {
        Self {
            batch,
            unanswered,
            queues: PersonaQueues::default(),
            running: JoinSet::new(),
            started: HashMap::new(),
            all: Vec::new(),
            begun: None,
            is_open: true,
        }
    }

    /// Takes an item that was read. The time of its wait counts from now, or from when the batch is
    /// begun.
    fn take(&mut self, StreamedItem { bytes, item }: StreamedItem) {
        let place = self.all.len();
        self.all.push(None);
        match item {
            Ok(item) => {
                let deadline = self.batch.context.write_deadline();
                let write = self.batch.writes.write(place, item, None, deadline);
                self.queues.add(Placed { place, bytes, write });
            }
            Err(problem) => self.done(place, bytes, self.batch.refused(&problem.of_item(place))),
        }
    }

    fn start_items(&mut self) {
        let Some(begun) = self.begun else { return };
        while self.running.len() < ITEMS_OF_BATCH_AT_ONCE
            && let Some(Placed { place, bytes, write }) = self.queues.next()
        {
            let persona = write.operation.id();
            let write = Write { deadline: write.deadline.max(begun), ..write };
            let task = self.running.spawn(Arc::clone(&self.batch).item(place, write));
            self.started.insert(task.id(), Started { place, bytes, persona });
        }
    }

    fn ended(&mut self, joined: Result<(Id, Done), JoinError>) {
        let id = joined.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let Some(Started { place, bytes, persona }) = self.started.remove(&id) else { return };
        let panicked = || {
            let detail = "whether the item was kept is unknown";
            self.batch.refused(&Problem::new(Code::OutcomeUnknown, detail).of_item(place))
        };
        let done = joined.map_or_else(|_| panicked(), |(_, done)| done);
        self.done(place, bytes, done);
        self.queues.is_free(persona);
    }

    fn done(&mut self, place: usize, bytes: usize, done: Done) {
        self.all[place] = Some(done);
        self.unanswered.send_modify(|unanswered| *unanswered -= bytes);
    }

    /// The result of each item; nothing if the batch was never begun.
    fn finish(self) -> Vec<Done> {
        if self.begun.is_none() { Vec::new() } else { self.all.into_iter().flatten().collect() }
    }
}

/// The items that wait, by persona, so that items of one persona are written in order.
#[derive(Default)]
struct PersonaQueues {
    /// The items that may be written now, in their order.
    ready: VecDeque<Placed>,
    /// The personas of which an item is ready or being written, with the items that wait behind it.
    busy: HashMap<PersonaId, VecDeque<Placed>>,
}

impl PersonaQueues {
    fn add(&mut self, placed: Placed) {
        if let Some(behind) = self.busy.get_mut(&placed.write.operation.id()) {
            behind.push_back(placed);
        } else {
            self.busy.insert(placed.write.operation.id(), VecDeque::new());
            self.ready.push_back(placed);
        }
    }

    /// The next item that may be written now.
    fn next(&mut self) -> Option<Placed> {
        self.ready.pop_front()
    }

    /// Marks the item of this persona as done, so that its next item may follow.
    fn is_free(&mut self, persona: PersonaId) {
        match self.busy.get_mut(&persona).and_then(VecDeque::pop_front) {
            Some(next) => self.ready.push_back(next),
            None => drop(self.busy.remove(&persona)),
        }
    }
}

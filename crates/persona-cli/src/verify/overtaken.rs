//! A change that overtakes a worker while the worker takes in the change before it.
//!
//! A worker that answers reads from memory first takes in what was changed since its last read. A
//! change that is committed just then must not count as taken in. Under the load such a change
//! comes by chance. Here it comes by order, before the load, while nothing else is written: a
//! worker knows all personas, one of them is changed, and while the worker reads that one another
//! one is changed.

use std::sync::Arc;
use std::time::Duration;

use super::ask::Ask;
use super::attempt::attempt_on;
use super::load::Load;

/// Rounds on each worker.
const ROUNDS: u32 = 4;
/// Most personas of a round: more would make it longer and not more certain.
const PERSONAS_MAX: usize = 8;
/// How long the next change waits for the read. An undisturbed read takes about a millisecond, so
/// that one change a round is the rule.
const READ_WAIT: Duration = Duration::from_millis(100);

/// Makes the rounds on every worker. Must be called before the load, on a server with personas.
///
/// What was seen is in the history; check V judges it.
pub async fn overtake(load: &Arc<Load>) {
    for worker in load.workers.clone() {
        let Some(other) = load.workers.iter().copied().find(|other| *other != worker) else {
            return;
        };
        for _ in 0..ROUNDS {
            round(load, worker, other).await;
        }
    }
}

/// One round: `worker` reads the first persona while `other` changes the rest.
async fn round(load: &Arc<Load>, worker: u8, other: u8) {
    let count = load.personas().len().min(PERSONAS_MAX);
    let (first, rest) = (0, (1..).take(count.saturating_sub(1)));
    visit(load, worker, first).await;
    for persona in rest.clone() {
        visit(load, worker, persona).await;
    }
    change(load, other, first).await;
    let reader = Arc::clone(load);
    let mut read = tokio::spawn(async move { visit(&reader, worker, first).await });
    // The request to read goes out before the first change.
    tokio::task::yield_now().await;
    for persona in rest.clone() {
        change(load, other, persona).await;
        if tokio::time::timeout(READ_WAIT, &mut read).await.is_ok() {
            break;
        }
    }
    if !read.is_finished() {
        // A panic of the task was reported.
        let _ = read.await;
    }
    for persona in rest {
        visit(load, worker, persona).await;
    }
}

async fn visit(load: &Load, worker: u8, persona: u32) {
    // A read without an answer is judged by the clients of the load.
    attempt_on(load, worker, &Ask::visit(persona)).await;
}

async fn change(load: &Load, worker: u8, persona: u32) {
    attempt_on(load, worker, &Ask::patch(persona, load.new_request())).await;
}

//! Writes: which process may write, one transaction for many requests, and what became of it.
//!
//! Start reading at [`Writer`](writer::Writer). A write goes `queue.rs` (bounded, fair to clients)
//! -> `foresight.rs` (a write is worked out before its turn) -> `heavy_write_lock.rs` (one heavy
//! write at a time, over all processes) -> `part.rs` (the words of a large text, each part in a
//! transaction of its own) -> `write_lock.rs` (one writing process at a time) -> `batch.rs` (one
//! transaction) -> `transaction.rs` (one request) -> `commit.rs` (whether the transaction was kept)
//! -> `verdict.rs` (what each request is told). `claim.rs` decides whether a request is applied or
//! withdrawn, `together.rs` applies an atomic batch, `alone.rs` does what has a transaction of its
//! own, such as a change of a token (`token_task.rs`) and moves of labels (`label_task.rs`).
//! `in_flight.rs` knows which personas are written to now, `checkpoint_throttle.rs` slows the
//! writers down while the WAL is too long,
//! `commit_record.rs` tells caches of reads which commits are of this program.

mod alone;
pub(super) mod batch;
pub(super) mod checkpoint_throttle;
pub(super) mod claim;
pub(super) mod commit;
pub(super) mod commit_record;
pub(super) mod foresight;
pub(super) mod heavy_write_lock;
mod in_flight;
mod label_task;
pub(super) mod part;
pub(super) mod purge_task;
pub(super) mod queue;
mod together;
mod token_task;
pub(super) mod transaction;
pub(super) mod verdict;
pub(super) mod write_lock;
pub(super) mod writer;
mod writer_thread;

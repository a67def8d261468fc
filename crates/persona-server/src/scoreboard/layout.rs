//! The layout of the scoreboard in memory.
//!
//! The scoreboard is a header, then one block of cells for each entry, and then the budgets of
//! clients. A block holds the numbers
//! (`numbers.rs`), the measures (`measures.rs`) and one histogram for each series of requests
//! (`routes.rs`). All processes of a server run the same program, so the layout has no version.

use super::distribution;
use super::measures::{MEASURES, Measure};
use super::numbers::{NUMBERS, Number};
use super::{rate_cells, routes};

/// Slots that have entries: 0 for the maintenance process and 64 for workers, as many as a
/// PostgreSQL database may have; a SQLite file has at most 4.
pub(super) const SLOTS: usize = 65;

/// Entries: two for each slot, so that a worker that drains and the worker that replaces it never
/// write the same gauges.
pub(super) const ENTRIES: usize = SLOTS * 2;

/// The number of cells of a block is a multiple of this. 512 cells have 4,096 bytes, the size of a
/// memory page, so that processes never write into each other's cache lines, and an unused entry
/// takes no memory.
const BLOCK_ALIGNMENT: usize = 512;

/// Cells before the first block.
const HEADER_CELLS: usize = BLOCK_ALIGNMENT;

/// Header cell: when the server started, in microseconds since the epoch.
pub(super) const STARTED_AT: usize = 0;

/// Header cell: one more than the highest entry that was ever filled. Later entries are never read,
/// because even reading them would take memory.
pub(super) const ENTRIES_USED: usize = 1;

/// Header cell: 1 if the database is on a server. Then there is no write lock, no WAL and no
/// checkpoint of this program.
pub(super) const ON_SERVER: usize = 2;

/// Header cell: when the certificate of the server ends, in microseconds since the epoch; 0 where
/// it has none.
pub(super) const CERTIFICATE_END: usize = 3;

/// Header cell: the secret that makes the hashes of clients unique to this server. Never 0.
pub(super) const RATE_SECRET: usize = 4;

/// Header cell: when a client last had the workers replaced, in microseconds since the machine
/// started; 0 for never.
pub(super) const RESTART_ASKED: usize = 5;

/// Header cell: 1 while the supervisor replaces the workers.
pub(super) const RESTARTING: usize = 6;

/// Header cell: the task of maintenance that is under way (`tasks.rs`).
pub(super) const TASK_CURRENT: usize = 8;

/// First header cell of the figures of tasks.
pub(super) const TASKS: usize = 9;

/// First header cell of the history of the write lock (`history.rs`).
pub(super) const HISTORY: usize = 64;

const MEASURES_OFFSET: usize = NUMBERS.len();
const REQUESTS_OFFSET: usize = MEASURES_OFFSET + MEASURES.len() * distribution::CELLS;
const BLOCK_CELLS: usize =
    (REQUESTS_OFFSET + routes::SERIES * distribution::CELLS).next_multiple_of(BLOCK_ALIGNMENT);

/// First cell of the budgets of clients (`rate_cells.rs`), behind the last block.
pub(super) const RATE_CELLS: usize = HEADER_CELLS + ENTRIES * BLOCK_CELLS;

/// Cells of the whole scoreboard.
pub(super) const SCOREBOARD_CELLS: usize = RATE_CELLS + rate_cells::WORDS;

/// Where the block of an entry begins.
pub(super) const fn block_of(entry: usize) -> usize {
    HEADER_CELLS + entry * BLOCK_CELLS
}

/// The place of a number in its block.
pub(super) const fn offset_of_number(number: Number) -> usize {
    number as usize
}

/// Where the histogram of a measure begins in its block.
pub(super) const fn offset_of_measure(measure: Measure) -> usize {
    MEASURES_OFFSET + measure as usize * distribution::CELLS
}

/// Where the histogram of a series of requests begins in its block.
pub(super) const fn offset_of_series(series: usize) -> usize {
    REQUESTS_OFFSET + series * distribution::CELLS
}

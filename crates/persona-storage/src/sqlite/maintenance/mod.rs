//! What is done for the file while others use it: checkpoints, the disk reserve, the expiry of
//! records, the slow search for damage.
//!
//! Start reading at `process.rs`: the loop of the maintenance process. `removal.rs` removes what is
//! not to be kept, `retention.rs` drops old revisions.

pub(super) mod checkpoint;
pub(super) mod disk;
pub(super) mod process;
mod removal;
pub(super) mod retention;
pub(super) mod scrub;
mod wal_reset;

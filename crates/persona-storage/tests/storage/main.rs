//! The stores that need no server: SQLite, and the oracle in memory.

#[path = "../common/files.rs"]
mod files;
#[path = "../common/old_histories.rs"]
mod old_histories;

mod backup;
mod check;
mod checkpoints;
mod contract_of_memory;
mod contract_of_sqlite;
mod damage;
mod doubt;
mod failed_commit;
mod large_texts;
mod merging;
mod migration;
mod oracle;
mod order_of_creation;
mod portable;
mod purging;
mod read_cache;
mod read_cache_labels;
mod restore_beside_start;
mod retention;
mod scheduled_backups;
mod shared_file;
mod shared_transactions;
mod squashing;
mod start;
mod starting_over;
mod together;
mod turns;

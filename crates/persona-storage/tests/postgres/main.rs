//! Tests that need a PostgreSQL server: of the store on it, of moves to it and from it, and of its
//! likeness to SQLite.

#[path = "../common/files.rs"]
mod files;
#[path = "../common/old_histories.rs"]
mod old_histories;

mod atomic;
mod broken_connections;
mod contract_of_postgres;
mod dice;
mod differential;
mod epoch;
mod feed;
mod forgetting;
mod grouped;
mod hidden;
mod in_doubt;
mod keys;
mod leases;
mod polling;
mod reads;
mod retention;
mod shared_database;
mod standby;
mod start;
mod ties;
mod titles;
mod together;
mod tokens;
mod transfer;
mod transfer_dropped;
mod transfer_existing;
mod transfer_handles;
mod transfer_killed;
mod transfer_live;
mod transfer_tokens;
mod transfers;
mod upgrade;

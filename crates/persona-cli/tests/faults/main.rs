//! Faults around the program, made on purpose: kills at every call, failing and full disks, stopped
//! processes, slow readers, foreign programs.
//!
//! Each test has a short form, which every change must pass, and a long form (`./test --long`);
//! both run the same code and print their figures beside the target of `docs/reliability.md`. Start
//! reading at `common/report.rs` and `strace.rs`.

#[path = "../common/mod.rs"]
mod common;

mod clocks;
mod clocks_of_backups;
mod containers;
mod crowds;
mod disk_errors;
mod disk_full;
mod failing_syncs;
mod fairness;
mod file_systems;
mod foreign_tool;
mod heavy_writes;
mod index_full;
mod index_points;
mod kill_loops;
mod kill_points;
mod ledger;
mod limits;
mod lock_hygiene;
mod long_readers;
mod mixed_versions;
mod mounts;
mod names;
mod other_users;
mod power_cut;
mod slow_bodies;
mod slow_readers;
mod slow_reads;
mod stopped;
mod storage_errors;
mod strace;
mod synced_ahead;
mod traced_server;
mod turnstile;
mod wal_reset;

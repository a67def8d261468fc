//! Faults between the program and PostgreSQL, made on purpose: connections that are cut at every
//! message, servers that fall silent or fail with every code, a primary that dies, a pooler in
//! between.
//!
//! Each test has a short form, which every change must pass, and a long form (`./test --long`);
//! both run the same code and print their figures beside the target of `docs/reliability.md`. Start
//! reading at `ledger.rs`; the wire that is cut is `wire` of persona-test-support.

#[path = "../../faults/clocks.rs"]
mod clocks;

mod bench;
mod codes;
mod crowded;
mod dropped;
mod failover;
mod figures;
mod ledger;
mod pooled;
mod silent;
mod standby;

//! What can go wrong between the program and PostgreSQL, done to it on purpose: connections that
//! are cut at every message, servers that fall silent or fail with every code, a primary that dies,
//! a pooler in between.
//!
//! Each test has a short form, which every change must pass, and a long form (`./test --long`);
//! both run the same code and print their figures beside the target of `docs/reliability.md`. Start
//! reading at `ledger.rs`; the wire that is cut is in the tests of `persona-storage`.

#[path = "../faults/clocks.rs"]
mod clocks;
#[path = "../common/mod.rs"]
mod common;
#[path = "../origin/personas.rs"]
#[expect(dead_code, reason = "other test programs use the rest")]
mod personas;
#[path = "../faults/report.rs"]
#[expect(dead_code, reason = "the other test program uses the rest")]
mod report;

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

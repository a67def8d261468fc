//! `persona top`: as lines where nobody watches, and as a view on a terminal that is given back.

#[path = "../common/mod.rs"]
mod common;
#[path = "../cli/runner.rs"]
mod runner;

mod lines;
mod terminal;

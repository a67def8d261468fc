//! Measures Persona Store beside its rivals on this machine, in interleaved pairs: the program
//! behind `./bench`.
//!
//! This crate sets up rivals, runs load, compares and draws. It must not have anything that the
//! product needs.
//!
//! Start reading at `arguments.rs`, then `table.rs`: the list of everything that is compared.
//! `rows/` has one file for each group of comparisons, `rivals/` one for each program that is
//! measured, `curves.rs` shows how cost grows, and `micro.rs` compares the micro-benchmarks with
//! their recorded baseline.

mod arguments;
mod chart;
mod child;
mod client;
mod curve_chart;
mod curves;
mod direct;
mod followers;
mod hostile;
mod increments;
mod machine;
mod micro;
mod personas;
mod place;
mod report;
mod rivals;
mod row;
mod rows;
mod spread;
mod table;
mod tools;
mod wrk;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Arguments, Command};

/// The errors of this program: a failure is printed and ends the run, so words are enough.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    let ended = match Arguments::parse().command {
        Command::Table(options) => table::run(&options),
        Command::Curves(options) => curves::run(&options),
        Command::Micro(options) => micro::run(&options),
        Command::Bare(options) => rivals::bare::serve(&options),
        Command::BareProcess(options) => rivals::bare::serve_process(&options),
        Command::BusyProcess(options) => rivals::busy::write(&options),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

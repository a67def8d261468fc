//! The command line of the orchestrator. Users call it through `./bench`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

#[derive(Parser, Debug)]
#[command(
    name = "persona-bench",
    about = "Measures Persona Store beside its rivals; call it through ./bench."
)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Compare with every rival and print one table.
    Table(Options),
    /// Measure how cost grows, and draw it.
    Curves(Options),
    /// Compare the micro-benchmarks that cargo just ran with the recorded baseline.
    Micro(Micro),
    /// Role: the bare server, which starts its processes.
    #[command(hide = true)]
    Bare(Bare),
    /// Role: one process of the bare server; its listener is standard input.
    #[command(hide = true)]
    BareProcess(Bare),
    /// Role: one of several processes that write with a busy timeout only.
    #[command(hide = true)]
    BusyProcess(Busy),
}

/// How much to measure.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Only the groups, or curves, with one of these words in their name, separated by commas.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Seconds of one measurement.
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub seconds: u32,
    /// How often ours and the rival are measured, one after the other.
    #[arg(long, value_name = "NUMBER", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub pairs: u32,
    /// Personas in the store.
    #[arg(long, value_name = "NUMBER", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(100..=10_000_000))]
    pub personas: u64,
    /// Connections of the load.
    #[arg(long, value_name = "NUMBER", default_value_t = 64, value_parser = clap::value_parser!(u32).range(2..=1024))]
    pub connections: u32,
    /// Worker processes of ours, and of the bare server; by default as many as the machine has
    /// cores, at most 4.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=4))]
    pub workers: Option<u16>,
    /// Keep what was measured in the documentation, in place of the earlier figures of the same
    /// groups.
    #[arg(long, conflicts_with = "quick")]
    pub record: bool,
    /// Two short pairs over few personas: shows that everything works, and proves nothing.
    #[arg(long)]
    pub quick: bool,
    /// Curves go up to a million personas.
    #[arg(long)]
    pub full: bool,
}

/// Personas, seconds and pairs of a quick run.
const QUICK: (u64, u32, u32) = (1_000, 2, 2);

impl Options {
    /// The options with everything decided.
    pub fn settled(&self) -> Self {
        let mut options = self.clone();
        if self.quick {
            (options.personas, options.seconds, options.pairs) = QUICK;
        }
        options
    }

    /// Worker processes.
    pub fn workers(&self) -> u16 {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        self.workers.unwrap_or(u16::try_from(cores.min(4)).unwrap_or(4))
    }

    /// Whether a group or curve is wanted.
    pub fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| name.contains(only.as_str()))
    }
}

/// What to do with the micro-benchmarks.
#[derive(Args, Clone, Debug)]
pub struct Micro {
    /// Record what was measured as the new baseline.
    #[arg(long)]
    pub record: bool,
}

/// The bare server.
#[derive(Args, Clone, Debug)]
pub struct Bare {
    /// Processes that share the listener.
    #[arg(long)]
    pub workers: u16,
    /// The file with the body of every answer.
    #[arg(long)]
    pub body: PathBuf,
    /// The file with the header fields of every answer, each a line.
    #[arg(long)]
    pub fields: PathBuf,
}

/// A process that writes.
#[derive(Args, Clone, Debug)]
pub struct Busy {
    /// The file that all of them write to.
    #[arg(long)]
    pub database: PathBuf,
    /// How long.
    #[arg(long)]
    pub seconds: u32,
    /// Personas in the file.
    #[arg(long)]
    pub personas: u64,
}

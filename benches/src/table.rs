//! All comparisons, in the order in which they are measured.
//!
//! A group that cannot be measured, because a tool is missing or a rival does not start, is
//! reported and left out; the other groups are measured.

use std::path::PathBuf;

use crate::arguments::Options;
use crate::place::Place;
use crate::report::{MeasuredGroup, Report};
use crate::row::Row;
use crate::tools::Tools;
use crate::wrk::{self, Aim, Load, Measured};
use crate::{Result, machine, personas, rows};

/// A group of comparisons.
pub struct Group {
    /// The group's name for `--only`.
    pub name: &'static str,
    /// Whether no row of the group can be measured without wrk.
    needs_wrk: bool,
    measure: fn(&Session) -> Result<Vec<Row>>,
}

/// Every group.
pub const GROUPS: &[Group] = &[
    Group { name: "reads", needs_wrk: true, measure: rows::reads::compare },
    Group { name: "access", needs_wrk: true, measure: rows::access::compare },
    Group { name: "labels", needs_wrk: true, measure: rows::labels::compare },
    Group { name: "handles", needs_wrk: true, measure: rows::handles::compare },
    Group { name: "writes", needs_wrk: true, measure: rows::writes::compare },
    Group { name: "durability", needs_wrk: true, measure: rows::durability::compare },
    Group { name: "postgres", needs_wrk: true, measure: rows::postgres::compare },
    Group { name: "reference", needs_wrk: true, measure: rows::reference::compare },
    Group { name: "increments", needs_wrk: false, measure: rows::reference::increments_kept },
    Group { name: "pocketbase", needs_wrk: true, measure: rows::pocketbase::compare },
    Group {
        name: "increments-of-pocketbase",
        needs_wrk: false,
        measure: rows::pocketbase::increments_kept,
    },
    Group { name: "store-pages", needs_wrk: false, measure: rows::store::pages },
    Group { name: "store-search", needs_wrk: false, measure: rows::store::searches },
    Group { name: "batches", needs_wrk: true, measure: rows::batches::compare },
    Group { name: "lists", needs_wrk: false, measure: rows::lists::measure },
    Group { name: "files", needs_wrk: false, measure: rows::files::measure },
    Group { name: "start", needs_wrk: false, measure: rows::start::measure },
    Group { name: "feed", needs_wrk: true, measure: rows::feed::compare },
    Group { name: "studio", needs_wrk: true, measure: rows::studio::compare },
    Group { name: "attacks", needs_wrk: false, measure: rows::attacks::compare },
];

/// Above this load for each core the machine had other work, and the figures say little.
const LOAD_PER_CORE_MAX: f64 = 0.5;

/// What all groups share.
pub struct Session {
    pub place: Place,
    pub tools: Tools,
    pub options: Options,
}

impl Session {
    /// A copy of the filled store for the group with this name.
    pub fn store(&self, name: &str) -> Result<PathBuf> {
        let filled = personas::filled(&self.place, self.options.personas, personas::USUAL_BYTES)?;
        personas::copied(&self.place, &filled, name)
    }

    /// Runs one load with the usual number of connections.
    pub fn load(&self, aim: &Aim, load: Load) -> Result<Measured> {
        wrk::run(&self.place, aim, load, self.options.connections, self.options.seconds)
    }

    /// Measures two things, one after the other, as many times as pairs are wanted.
    pub fn pairs<A, B>(
        &self,
        mut ours: impl FnMut() -> Result<A>,
        mut rival: impl FnMut() -> Result<B>,
    ) -> Result<Vec<(A, B)>> {
        (0..self.options.pairs).map(|_| Ok((ours()?, rival()?))).collect()
    }
}

/// Measures every wanted group, prints the table, and keeps it.
pub fn run(options: &Options) -> Result<()> {
    let place = Place::here()?;
    let session = Session { place, tools: Tools::find(), options: options.settled() };
    if GROUPS.iter().all(|group| !session.options.wants(group.name)) {
        let names: Vec<&str> = GROUPS.iter().map(|group| group.name).collect();
        return Err(format!("no group has that name; there are {}", names.join(", ")).into());
    }
    let load = machine::load_per_core();
    if load > LOAD_PER_CORE_MAX {
        println!(
            "this machine is busy (load {load:.1} for each core): the figures will say little"
        );
    }
    let mut report = Report { groups: Vec::new(), left_out: Vec::new() };
    for Group { name, needs_wrk, measure } in
        GROUPS.iter().filter(|group| session.options.wants(group.name))
    {
        println!("measuring: {name}");
        let measured = if *needs_wrk && session.tools.wrk.is_none() {
            Err("wrk is missing".into())
        } else {
            measure(&session)
        };
        match measured {
            Ok(rows) => {
                for row in &rows {
                    println!("  {}", row.cells().join("  |  "));
                }
                let options = &session.options;
                report.groups.push(MeasuredGroup::now(name, options, load, rows));
            }
            Err(error) => {
                println!("  left out: {error}");
                report.left_out.push(format!("{name}: {error}"));
            }
        }
    }
    report.finish(&session.place, session.options.record)
}

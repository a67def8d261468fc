//! The cost of the durability that also survives a power cut.

use crate::Result;
use crate::rivals::ours::Ours;
use crate::row::{Row, Target};
use crate::rows::reads;
use crate::table::Session;
use crate::wrk::{Aim, Load};

pub fn compare(session: &Session) -> Result<Vec<Row>> {
    let start = |name: &str, durability| {
        Ours::start(&session.store(name)?, session.options.workers(), durability)
    };
    let (full, normal) = (start("full", "full")?, start("normal", "normal")?);
    let run = |ours: &Ours| {
        session.load(&Aim::api(ours.server.url(), session.options.personas), Load::Patch)
    };
    run(&full)?;
    run(&normal)?;
    let pairs = session.pairs(|| run(&full), || run(&normal))?;
    Ok(vec![
        reads::row(
            "PATCH in `full` beside `normal`",
            "updates/s",
            Target::RatioAtLeast(0.5),
            &pairs,
            |load| load.rate,
        ),
        reads::row("longest write in `full` beside `normal`", "ms", Target::None, &pairs, |load| {
            load.max
        }),
    ])
}

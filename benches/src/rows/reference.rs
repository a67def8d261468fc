//! The reference stack beside Persona Store: speed, and how many acknowledged changes each keeps.

use crate::child::Server;
use crate::increments;
use crate::rivals::ours::Ours;
use crate::rivals::reference;
use crate::row::{Row, Target};
use crate::rows::reads;
use crate::spread::Spread;
use crate::table::Session;
use crate::wrk::{Aim, Load, Measured};
use crate::{Result, personas};

/// Most large personas: this many show the effect of the size, and 100,000 would only measure the
/// disk.
const LARGE_PERSONAS_MAX: u64 = 10_000;

/// The rows on the speed of both.
pub fn compare(session: &Session) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (size, bytes, count) in [
        ("2 KB", personas::USUAL_BYTES, session.options.personas),
        ("10 KB", personas::LARGE_BYTES, session.options.personas.min(LARGE_PERSONAS_MAX)),
    ] {
        let (ours, rival) = started(session, bytes, count)?;
        let our_aim = Aim::api(ours.server.url(), count);
        let rival_aim = Aim { url: rival.url(), base: reference::PATH, ..our_aim.clone() };
        let run = |aim: &Aim, load| session.load(aim, load);
        run(&our_aim, Load::Get)?;
        run(&rival_aim, Load::Get)?;
        let get = session.pairs(|| run(&our_aim, Load::Get), || run(&rival_aim, Load::Get))?;
        let patch = session.pairs(|| run(&our_aim, Load::Patch), || run(&rival_aim, Load::Put))?;
        rows.extend(speed(size, &get, &patch));
    }
    Ok(rows)
}

/// Starts both servers over the same personas.
fn started(session: &Session, bytes: usize, count: u64) -> Result<(Ours, Server)> {
    let python = session.tools.python.as_ref().ok_or("python3 is missing")?;
    let gunicorn = reference::install(&session.place, python)?;
    let filled = personas::filled(&session.place, count, bytes)?;
    let copy = personas::copied(&session.place, &filled, "beside")?;
    let database = session.place.fresh("reference")?.join("reference.db");
    reference::fill(&database, count, bytes)?;
    let ours = Ours::start(&copy, session.options.workers(), "normal")?;
    Ok((ours, reference::start(&session.place, &gunicorn, &database)?))
}

fn speed(size: &str, get: &[(Measured, Measured)], patch: &[(Measured, Measured)]) -> [Row; 5] {
    let named = |what: &str| format!("{what} of {size} beside the reference");
    let errors =
        |pairs: &[(Measured, Measured)]| pairs.iter().map(|(ours, _)| ours.errors).sum::<f64>();
    let rival_errors = patch.iter().chain(get).map(|(_, rival)| rival.errors).sum::<f64>();
    [
        reads::row(&named("GET"), "requests/s", Target::RatioAtLeast(50.0), get, |load| load.rate),
        reads::row(&named("p99 of GET"), "ms", Target::None, get, |load| load.p99),
        reads::row(&named("PATCH"), "updates/s", Target::RatioAtLeast(15.0), patch, |load| {
            load.rate
        }),
        reads::row(&named("p99 of PATCH"), "ms", Target::RatioAtMost(0.01), patch, |load| load.p99),
        Row::compared(
            named("errors"),
            "requests",
            Target::AtMost(0.0),
            Spread::of([errors(get) + errors(patch)]),
            Spread::of([rival_errors]),
        ),
    ]
}

/// The rows on how many acknowledged increments each keeps.
pub fn increments_kept(session: &Session) -> Result<Vec<Row>> {
    let (ours, rival) = started(session, personas::USUAL_BYTES, session.options.personas)?;
    let seconds = session.options.seconds;
    let pairs = session.pairs(
        || increments::of_ours(ours.server.address, seconds),
        || increments::of_reference(rival.address, seconds),
    )?;
    Ok(vec![
        reads::row(
            "acknowledged increments of one row that were kept",
            "%",
            Target::AtLeast(100.0),
            &pairs,
            |kept| kept.percent(),
        ),
        reads::row(
            "acknowledged increments of one row",
            "increments",
            Target::None,
            &pairs,
            |kept| kept.acknowledged,
        ),
    ])
}

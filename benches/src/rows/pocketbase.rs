//! PocketBase beside Persona Store: speed, and how many acknowledged changes each keeps.

use crate::child::Server;
use crate::increments;
use crate::rivals::ours::Ours;
use crate::rivals::pocketbase;
use crate::row::{Row, Target};
use crate::rows::reads;
use crate::spread::Spread;
use crate::table::Session;
use crate::wrk::{Aim, Load, Measured};
use crate::{Result, personas};

/// The rows on the speed of both.
pub fn compare(session: &Session) -> Result<Vec<Row>> {
    let (ours, rival) = started(session)?;
    let our_aim = Aim::api(ours.server.url(), session.options.personas);
    let rival_aim = Aim {
        url: rival.url(),
        base: pocketbase::PATH,
        id_format: pocketbase::ID_FORMAT,
        ..our_aim.clone()
    };
    let both =
        |load| session.pairs(|| session.load(&our_aim, load), || session.load(&rival_aim, load));
    // The first loads warm both servers up, and their figures are thrown away.
    session.load(&our_aim, Load::Get)?;
    session.load(&rival_aim, Load::Get)?;
    let (get, patch, create) = (both(Load::Get)?, both(Load::Patch)?, both(Load::Create)?);
    let all = || [&get, &patch, &create].into_iter().flatten();
    let errors = |side: fn(&(Measured, Measured)) -> f64| all().map(side).sum::<f64>();
    Ok(vec![
        reads::row("GET beside PocketBase", "requests/s", Target::None, &get, |load| load.rate),
        reads::row("p99 of GET beside PocketBase", "ms", Target::None, &get, |load| load.p99),
        reads::row(
            "PATCH beside PocketBase",
            "updates/s",
            Target::RatioAtLeast(3.0),
            &patch,
            |load| load.rate,
        ),
        reads::row("p99 of PATCH beside PocketBase", "ms", Target::None, &patch, |load| load.p99),
        reads::row("longest PATCH beside PocketBase", "ms", Target::None, &patch, |load| load.max),
        reads::row("POST beside PocketBase", "creations/s", Target::None, &create, |load| {
            load.rate
        }),
        Row::compared(
            "errors beside PocketBase",
            "requests",
            Target::AtMost(0.0),
            Spread::of([errors(|pair| pair.0.errors)]),
            Spread::of([errors(|pair| pair.1.errors)]),
        ),
    ])
}

/// The rows on how many acknowledged increments each keeps.
pub fn increments_kept(session: &Session) -> Result<Vec<Row>> {
    let (ours, rival) = started(session)?;
    let seconds = session.options.seconds;
    let operator = session.pairs(
        || increments::of_ours(ours.server.address, seconds),
        || increments::of_pocketbase(rival.address, seconds),
    )?;
    let rewritten = session.pairs(
        || increments::of_ours(ours.server.address, seconds),
        || increments::of_pocketbase_rewritten(rival.address, seconds),
    )?;
    Ok(vec![
        reads::row(
            "increments that were kept, beside PocketBase's operator",
            "%",
            Target::AtLeast(100.0),
            &operator,
            |kept| kept.percent(),
        ),
        reads::row(
            "increments that were kept, beside a client of PocketBase that reads and writes back",
            "%",
            Target::AtLeast(100.0),
            &rewritten,
            |kept| kept.percent(),
        ),
    ])
}

/// Starts both servers over the same personas.
fn started(session: &Session) -> Result<(Ours, Server)> {
    let python = session.tools.python.as_ref().ok_or("python3 is missing")?;
    let program = pocketbase::install(&session.place, python)?;
    let count = session.options.personas;
    let folder = session.place.fresh("pocketbase")?;
    let rival = pocketbase::start(&session.place, &program, &folder, count, personas::USUAL_BYTES)?;
    Ok((Ours::start(&session.store("beside")?, session.options.workers(), "normal")?, rival))
}

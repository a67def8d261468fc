//! Writes over HTTP beside raw SQLite: how much of the file's limit is left, and how long the
//! longest write waits.

use crate::Result;
use crate::rivals::busy;
use crate::rivals::ours::Ours;
use crate::rivals::raw::{self, Rows};
use crate::row::{Row, Target};
use crate::spread::Spread;
use crate::table::Session;
use crate::wrk::{Aim, Load, Measured};

/// The measurements of one round: Persona Store, then every rival.
struct Round {
    ours: Measured,
    /// How many writes shared a transaction of Persona Store on average.
    batch: f64,
    /// Answers of the least busy worker, divided by those of the busiest worker.
    fairness: f64,
    hot: Measured,
    same_rows: f64,
    batches: f64,
    singles: f64,
    busy: busy::Measured,
}

pub fn compare(session: &Session) -> Result<Vec<Row>> {
    let ours = Ours::start(&session.store("writes")?, session.options.workers(), "normal")?;
    let raw = session.store("raw")?;
    session.load(&Aim::api(ours.server.url(), session.options.personas), Load::Patch)?;
    let rounds = (0..session.options.pairs)
        .map(|_| round(session, &ours, &raw))
        .collect::<Result<Vec<_>>>()?;
    Ok(rows_of(&rounds))
}

/// The rows of the table, from the measurements of all rounds.
fn rows_of(rounds: &[Round]) -> Vec<Row> {
    let all = |figure: fn(&Round) -> f64| Spread::of(rounds.iter().map(figure));
    let rate = || all(|round| round.ours.rate);
    let against = |name: &str, target, rival| {
        Row::compared(format!("PATCH beside {name}"), "updates/s", target, rate(), rival)
    };
    vec![
        against(
            "raw SQLite, the same rows, batches of the same size",
            Target::RatioAtLeast(0.5),
            all(|round| round.same_rows),
        ),
        against(
            "raw SQLite, one UPDATE, batches of the same size",
            Target::None,
            all(|round| round.batches),
        ),
        against(
            "raw SQLite, one UPDATE in each transaction",
            Target::None,
            all(|round| round.singles),
        ),
        against(
            "four processes with a busy timeout, one UPDATE",
            Target::None,
            all(|round| round.busy.rate),
        ),
        Row::alone(
            "writes in one transaction of ours",
            "writes",
            Target::None,
            all(|round| round.batch),
        ),
        Row::compared(
            "longest acknowledged write beside a busy timeout",
            "ms",
            Target::AtMost(45.0),
            all(|round| round.ours.max),
            all(|round| round.busy.max),
        ),
        Row::compared(
            "p99 of writes beside a busy timeout",
            "ms",
            Target::AtMost(25.0),
            all(|round| round.ours.p99),
            all(|round| round.busy.p99),
        ),
        Row::compared(
            "fairness over workers beside a busy timeout",
            "least/most",
            Target::AtLeast(0.95),
            all(|round| round.fairness),
            all(|round| round.busy.fairness),
        ),
        Row::compared(
            "PATCH of one hot persona beside random ones",
            "updates/s",
            Target::None,
            all(|round| round.hot.rate),
            rate(),
        ),
        Row::alone(
            "errors of all writes of ours",
            "requests",
            Target::AtMost(0.0),
            all(|round| round.ours.errors + round.hot.errors),
        ),
    ]
}

fn round(session: &Session, ours: &Ours, raw: &std::path::Path) -> Result<Round> {
    let (personas, seconds) = (session.options.personas, session.options.seconds);
    let aim = Aim::api(ours.server.url(), personas);
    let ((transactions, writes), answered) = (ours.transactions()?, ours.answered()?);
    let measured = session.load(&aim, Load::Patch)?;
    let (transactions_after, writes_after) = ours.transactions()?;
    let batch = (writes_after - writes) / (transactions_after - transactions).max(1.0);
    let by_worker =
        Spread::of(ours.answered()?.iter().zip(answered).map(|(after, before)| after - before));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a batch has 1 to 256 writes"
    )]
    let batch_writes = batch.round().max(1.0) as u32;
    let updates = |rows, batch| raw::updates(raw, personas, rows, batch, seconds);
    Ok(Round {
        ours: measured,
        batch,
        fairness: by_worker.min() / by_worker.max(),
        hot: session.load(&Aim { personas: 1, ..aim }, Load::Patch)?,
        same_rows: updates(Rows::All, batch_writes)?,
        batches: updates(Rows::PersonaOnly, batch_writes)?,
        singles: updates(Rows::PersonaOnly, 1)?,
        busy: busy::measure(raw, personas, seconds)?,
    })
}

//! An ordinary client beside hostile clients: how long its answers take, and whether a request of
//! it is refused.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use crate::hostile::{ATTACKS, Attack, Field, Suffered, prepare, raise_descriptors, suffer};
use crate::rivals::ours::Ours;
use crate::row::{Row, Target};
use crate::spread::Spread;
use crate::table::Session;
use crate::{Result, machine};

/// How many times longer an answer may take beside an attack than alone.
const TIMES_MAX: f64 = 5.0;
/// A 99th percentile that is good enough whatever it is without an attack, in milliseconds: half of
/// the tenth of a second that a user takes for at once. A client that is alone on the machine is
/// answered in less than a millisecond, and five times that is less than the turns of the
/// processors among many threads.
const GOOD_ENOUGH_MS: f64 = 50.0;
/// Longest WAL, in MB (64 MiB).
const LOG_MB_MAX: f64 = 67.2;
/// Most memory of a worker, in MB: its budgets for bodies up to 64 KiB (64 MiB), for larger ones
/// (64 MiB), for answers up to 64 KiB (64 MiB) and for larger ones (256 MiB), and the 40 MB that it
/// may have while it is idle (`docs/operations.md`, `docs/performance.md`).
const MEMORY_MB_MAX: f64 = 509.8;
/// Time in which an attack takes hold, before the victim starts.
const TAKES_HOLD: Duration = Duration::from_secs(1);

pub fn compare(session: &Session) -> Result<Vec<Row>> {
    raise_descriptors();
    ATTACKS
        .iter()
        .map(|attack| beside(session, attack))
        .collect::<Result<Vec<_>>>()
        .map(|rows| rows.concat())
}

/// Measures the rows of one attack, on a server of its own.
fn beside(session: &Session, attack: &Attack) -> Result<Vec<Row>> {
    let (options, database) = (&session.options, session.store("attacks")?);
    let ours = Ours::start(&database, options.workers(), "normal")?;
    let server = ours.server.address;
    prepare(server)?;
    let workers = ours.worker_pids()?;
    let over = AtomicBool::new(false);
    let (log_mb, memory_mb, pairs) = thread::scope(|scope| {
        let watch = scope.spawn(|| watch(&database, &workers, &over));
        let pairs = (0..options.pairs)
            .map(|_| {
                let alone = suffer(server, options.personas, options.seconds);
                let beside = under(
                    attack,
                    Field { server, personas: options.personas, is_over: &AtomicBool::new(false) },
                    options.seconds,
                );
                (beside, alone)
            })
            .collect::<Vec<(Suffered, Suffered)>>();
        over.store(true, Relaxed);
        let (log_mb, memory_mb) = watch.join().expect("looking does not panic");
        (log_mb, memory_mb, pairs)
    });
    let row = |what: &str, figure: fn(&Suffered) -> f64| {
        let (ours, rival) = (
            pairs.iter().map(|(beside, _)| figure(beside)),
            pairs.iter().map(|(_, alone)| figure(alone)),
        );
        let name = format!("p99 of {what} beside {}, and alone", attack.name);
        Row::compared(
            name,
            "ms",
            Target::RatioOrFigureAtMost(TIMES_MAX, GOOD_ENOUGH_MS),
            Spread::of(ours),
            Spread::of(rival),
        )
    };
    let refused = Spread::of(pairs.iter().map(|(beside, _)| f64::from(beside.refused)));
    let lost = ours.worker_pids()?.iter().filter(|pid| !workers.contains(pid)).count();
    let lost = Spread::of([f64::from(u32::try_from(lost)?)]);
    Ok(vec![
        row("a read", Suffered::reads_p99_ms),
        row("a write", Suffered::writes_p99_ms),
        Row::alone("requests refused meanwhile", "requests", Target::AtMost(0.0), refused),
        Row::alone(
            "the longest log meanwhile",
            "MB",
            Target::AtMost(LOG_MB_MAX),
            Spread::of([log_mb]),
        ),
        Row::alone(
            "the most memory of a worker meanwhile",
            "MB",
            Target::AtMost(MEMORY_MB_MAX),
            Spread::of([memory_mb]),
        ),
        Row::alone("workers replaced meanwhile", "workers", Target::AtMost(0.0), lost),
    ])
}

/// The answers of an ordinary client while the attack goes on.
fn under(attack: &Attack, field: Field, seconds: u32) -> Suffered {
    thread::scope(|scope| {
        for number in 0..attack.threads {
            scope.spawn(move || (attack.carry_out)(field, number));
        }
        thread::sleep(TAKES_HOLD);
        let suffered = suffer(field.server, field.personas, seconds);
        field.is_over.store(true, Relaxed);
        suffered
    })
}

/// The longest WAL and the most memory of a worker, in MB, until `is_over` is set.
fn watch(database: &Path, workers: &[u64], is_over: &AtomicBool) -> (f64, f64) {
    let log = database.with_file_name("persona.db-wal");
    let (mut log_mb, mut memory_mb) = (0.0_f64, 0.0_f64);
    while !is_over.load(Relaxed) {
        let bytes = fs::metadata(&log).map_or(0, |facts| facts.len());
        log_mb = log_mb.max(f64::from(u32::try_from(bytes / 1000).unwrap_or(u32::MAX)) / 1000.0);
        memory_mb =
            workers.iter().filter_map(|pid| machine::resident_mb(*pid)).fold(memory_mb, f64::max);
        thread::sleep(Duration::from_millis(20));
    }
    (log_mb, memory_mb)
}

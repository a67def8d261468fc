//! The checks of a running server, over its own answers.

use persona_http::contract::status::{Checkpoints, Status};
use persona_server::supervisor::{ADVICE, BUSY_WAIT_P99_MICROS};
use persona_server::units::{long_time, personas, size};

use crate::doctor::check::{Check, Finding, Group};
use crate::doctor::facts::Facts;

/// Size of the WAL, in bytes, above which a checkpoint is overdue if the last one is older than
/// [`CHECKPOINT_AGE_MS_MAX`]. 16 MiB is well over the default threshold of 4 MB and well under the
/// limit at which the maintenance process shortens the WAL.
const WAL_BYTES_NOTABLE: u64 = 16 * 1024 * 1024;
const CHECKPOINT_AGE_MS_MAX: u64 = 60_000;

/// A server that has run for less than this has no figures of a whole minute, in milliseconds.
const FIGURES_AFTER_MS: u64 = 60_000;

/// Busy quarters of an hour from which on the load is no short peak: one hour.
const BUSY_WINDOWS_MAX: usize = 4;

pub(in crate::doctor) const GROUP: Group = Group {
    name: "Server",
    checks: &[
        Check { name: "server", test: running, fix: |_| "persona serve".into() },
        Check {
            name: "readiness",
            test: readiness,
            fix: |_| "look into the log of the server for lines at ERROR".into(),
        },
        Check {
            name: "engine",
            test: engine,
            fix: |_| "start the server again with a build of its own SQLite".into(),
        },
        Check {
            name: "workers",
            test: workers,
            fix: |_| "look into the log for \"a process ended unexpectedly\"".into(),
        },
        Check {
            name: "WAL",
            test: wal,
            fix: |_| "end the export or list that reads for so long".into(),
        },
        Check {
            name: "checkpoints",
            test: checkpoints,
            fix: |_| "look into the log of the server for lines of the maintenance process".into(),
        },
        Check {
            name: "lock",
            test: lock_retries,
            fix: |_| {
                "find the program: persona doctor --database PATH, on the machine of the server"
                    .into()
            },
        },
        Check { name: "contention", test: contention, fix: |_| ADVICE.into() },
    ],
};

/// The status of a server that answered. `None` for a server without an answer; the check
/// `readiness` reports that.
fn status_of(facts: &Facts) -> Option<&Status> {
    facts.server.as_ref()?.status.as_ref()
}

/// The status of a server that answered and has its database in a file; only a file has a WAL and a
/// write lock.
fn status_of_a_file(facts: &Facts) -> Option<&Status> {
    status_of(facts).filter(|status| status.server.is_none())
}

fn running(facts: &Facts) -> Option<Finding> {
    let Some(server) = &facts.server else {
        return Some(Finding::ok("none was found; the file was looked at alone"));
    };
    let status = server.status.as_ref()?;
    Some(Finding::ok(format!(
        "{} version {}, for {}, {}",
        server.url,
        status.version,
        long_time(status.uptime_ms / 1000),
        personas(status.personas, 0)
    )))
}

fn readiness(facts: &Facts) -> Option<Finding> {
    let server = facts.server.as_ref()?;
    Some(match &server.not_ready {
        None => Finding::ok("reads and writes are taken"),
        Some(reason) => Finding::fail(reason.clone()),
    })
}

fn engine(facts: &Facts) -> Option<Finding> {
    let status = status_of(facts)?;
    let Status { engine_version, durability, durability_meaning, .. } = status;
    if let Some(server) = &status.server {
        return Some(Finding::ok(format!(
            "PostgreSQL {engine_version} at {}; durability {durability}: {durability_meaning}",
            server.place
        )));
    }
    let mode = status.journal_mode.as_deref()?;
    let text = format!(
        "SQLite {engine_version}, journal mode {mode}, schema {}, on {}; durability {durability}: \
         {durability_meaning}",
        status.schema_version,
        status.file_system.as_deref().unwrap_or("an unknown file system"),
    );
    let number = engine_version
        .split('.')
        .filter_map(|part| part.parse::<i32>().ok())
        .fold(0, |number, part| number * 1000 + part);
    let is_safe = persona_storage::sqlite::library_is_safe(number);
    Some(if is_safe && mode == "wal" { Finding::ok(text) } else { Finding::fail(text) })
}

fn workers(facts: &Facts) -> Option<Finding> {
    let status = status_of(facts)?;
    let processes = status.workers.iter().chain(&status.maintenance);
    let restarts: u64 = processes.map(|process| process.restarts).sum();
    let count = status.workers.len();
    let text = format!("{count} serve, processes were replaced {restarts} times");
    Some(match (count, &status.maintenance) {
        (0, _) => Finding::fail("none serves"),
        (_, None) => Finding::warn(format!("{text}; the maintenance process is missing")),
        // Each signal HUP replaces every worker once, so restarts alone are no fault.
        _ => Finding::ok(text),
    })
}

fn wal(facts: &Facts) -> Option<Finding> {
    let status = status_of_a_file(facts)?;
    let (bytes, most) = (status.wal_bytes?, status.wal_bytes_max?);
    let text = format!(
        "{} of at most {}, with a checkpoint at {} pages",
        size(bytes),
        size(most),
        status.wal_autocheckpoint?
    );
    if bytes <= most {
        return Some(Finding::ok(text));
    }
    let slowest = status.workers.iter().max_by_key(|worker| worker.longest_read_micros);
    let reader = slowest.map(|worker| {
        let seconds = worker.longest_read_micros / 1_000_000;
        format!("; worker {} has a read of {seconds} s", worker.slot)
    });
    Some(Finding::warn(format!("{text}{}", reader.unwrap_or_default())))
}

fn checkpoints(facts: &Facts) -> Option<Finding> {
    let status = status_of_a_file(facts)?;
    let Checkpoints { complete, blocked, failed, last, last_age_ms, .. } =
        status.checkpoints.as_ref()?;
    let text = format!(
        "{complete} complete, {blocked} held up by a reader, {failed} failed; the last complete \
         one {}",
        last.map_or("has not been yet".into(), |at| format!("was at {}", at.0))
    );
    let is_old = last_age_ms.is_none_or(|age| age > CHECKPOINT_AGE_MS_MAX);
    let is_overdue = status.wal_bytes? > WAL_BYTES_NOTABLE && is_old;
    Some(if *failed > 0 || is_overdue { Finding::warn(text) } else { Finding::ok(text) })
}

/// A time in milliseconds with few digits and without trailing zeros.
fn milliseconds(micros: u64) -> String {
    let text = format!("{}.{:03}", micros / 1000, micros % 1000);
    format!("{} ms", text.trim_end_matches('0').trim_end_matches('.'))
}

fn lock_retries(facts: &Facts) -> Option<Finding> {
    let windows = status_of_a_file(facts)?.contention.recent.as_ref()?;
    let recent: u64 = windows.iter().map(|window| window.lock_retries).sum();
    Some(match recent {
        0 => Finding::ok("no program without the write lock was in the way in the last hours"),
        retries => Finding::warn(format!(
            "{retries} attempts in the last hours met a program that does not know the write lock"
        )),
    })
}

/// Judges the last hours only; in the figures since the start, a busy hour would count for ever.
fn contention(facts: &Facts) -> Option<Finding> {
    let status = status_of_a_file(facts)?;
    let windows = status.contention.recent.as_ref()?;
    let given_up: u64 = windows.iter().map(|window| window.writes_given_up).sum();
    let waits = || windows.iter().map(|window| window.write_lock_wait_p99_micros);
    let worst = waits().max().unwrap_or_default();
    let busy = waits().filter(|micros| *micros >= BUSY_WAIT_P99_MICROS).count();
    let quarters = if windows.len() == 1 { "quarter" } else { "quarters" };
    let text = format!(
        "in {} {quarters} of an hour with writes of the last six hours, {busy} busy: 99 of 100 \
         writers waited at most {}, {given_up} writes gave up",
        windows.len(),
        milliseconds(worst),
    );
    Some(if windows.is_empty() && status.uptime_ms < FIGURES_AFTER_MS {
        Finding::ok("not known yet: figures are taken once a minute")
    } else if windows.is_empty() {
        Finding::ok("there were no writes in the last hours")
    } else if given_up > 0 || busy >= BUSY_WINDOWS_MAX {
        Finding::warn(format!("{text}; more than this file can take for long"))
    } else if busy > 0 {
        Finding::warn(text)
    } else {
        Finding::ok(text)
    })
}

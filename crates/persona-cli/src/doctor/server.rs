//! What a running server says of itself.

use persona_server::supervisor::{ADVICE, BUSY_WAIT_P99_MICROS};
use persona_server::units::{long_time, personas, size};
use serde_json::Value;

use super::Facts;
use super::check::{Check, Finding, Group};
use super::facts::ServerFacts;

/// Above this much log a checkpoint is overdue when the last one is older than
/// [`CHECKPOINT_AGE_MS_MAX`]: 16 MiB, well over the default threshold of 4 MB and well under the
/// ceiling at which the maintenance process cuts the log.
const LOG_BYTES_NOTABLE: u64 = 16 * 1024 * 1024;
const CHECKPOINT_AGE_MS_MAX: u64 = 60_000;

/// A server that is younger has no figures of a whole minute.
const FIGURES_AFTER_MS: u64 = 60_000;

/// This many busy quarters of an hour are no peak any more: an hour.
const BUSY_WINDOWS_MAX: usize = 4;

pub(super) const GROUP: Group = Group {
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
            name: "log",
            test: log,
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

impl ServerFacts {
    /// A text of the status, by its place.
    pub(super) fn text(&self, place: &str) -> Option<&str> {
        self.status.pointer(place).and_then(Value::as_str)
    }

    fn number(&self, place: &str) -> u64 {
        self.status.pointer(place).and_then(Value::as_u64).unwrap_or_default()
    }

    fn list(&self, place: &str) -> &[Value] {
        self.status.pointer(place).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }
}

/// A server that answered; one that is silent has said all that can be known of it by that.
fn answering(facts: &Facts) -> Option<&ServerFacts> {
    facts.server.as_ref().filter(|server| server.status.is_object())
}

fn running(facts: &Facts) -> Option<Finding> {
    Some(match &facts.server {
        None => Finding::ok("none was found; the file was looked at alone"),
        Some(server) => {
            let uptime = long_time(server.number("/uptime_ms") / 1000);
            Finding::ok(format!(
                "{} version {}, for {uptime}, {}",
                server.url,
                server.text("/version")?,
                personas(server.number("/personas"), 0)
            ))
        }
    })
}

fn readiness(facts: &Facts) -> Option<Finding> {
    let server = facts.server.as_ref()?;
    Some(match &server.not_ready {
        None => Finding::ok("reads and writes are taken"),
        Some(reason) => Finding::fail(reason.clone()),
    })
}

/// The server, if it answers and keeps personas in a file: only that has a log and a write lock.
fn answering_for_a_file(facts: &Facts) -> Option<&ServerFacts> {
    answering(facts).filter(|server| server.text("/server/place").is_none())
}

fn engine(facts: &Facts) -> Option<Finding> {
    let server = answering(facts)?;
    if let Some(place) = server.text("/server/place") {
        let (version, word, meaning) = (
            server.text("/engine_version")?,
            server.text("/durability")?,
            server.text("/durability_meaning")?,
        );
        return Some(Finding::ok(format!(
            "PostgreSQL {version} at {place}; durability {word}: {meaning}"
        )));
    }
    let (version, mode) = (server.text("/engine_version")?, server.text("/journal_mode")?);
    let text = format!(
        "SQLite {version}, journal mode {mode}, schema {}, on {}; durability {}: {}",
        server.number("/schema_version"),
        server.text("/file_system").unwrap_or("an unknown file system"),
        server.text("/durability")?,
        server.text("/durability_meaning")?
    );
    let number = version
        .split('.')
        .filter_map(|part| part.parse::<i32>().ok())
        .fold(0, |number, part| number * 1000 + part);
    let safe = persona_storage::sqlite::library_is_safe(number);
    Some(if safe && mode == "wal" { Finding::ok(text) } else { Finding::fail(text) })
}

fn workers(facts: &Facts) -> Option<Finding> {
    let server = answering(facts)?;
    let workers = server.list("/workers");
    let restarts: u64 = workers
        .iter()
        .chain(server.status.get("maintenance"))
        .filter_map(|it| it.get("restarts")?.as_u64())
        .sum();
    let text = format!("{} serve, processes were replaced {restarts} times", workers.len());
    Some(match (workers.len(), server.status.get("maintenance").is_some_and(Value::is_object)) {
        (0, _) => Finding::fail("none serves"),
        (_, false) => Finding::warn(format!("{text}; the maintenance process is missing")),
        // Each signal HUP replaces every worker once, so that alone is no fault.
        _ => Finding::ok(text),
    })
}

fn log(facts: &Facts) -> Option<Finding> {
    let server = answering_for_a_file(facts)?;
    let (bytes, most) = (server.number("/wal_bytes"), server.number("/wal_bytes_max"));
    let text = format!(
        "{} of at most {}, copied back from {} pages on",
        size(bytes),
        size(most),
        server.number("/wal_autocheckpoint")
    );
    if bytes <= most {
        return Some(Finding::ok(text));
    }
    let reader = server
        .list("/workers")
        .iter()
        .max_by_key(|worker| worker["longest_read_micros"].as_u64().unwrap_or_default());
    let reader = reader.map(|it| {
        format!(
            "; worker {} has a read of {} s",
            it["slot"],
            it["longest_read_micros"].as_u64().unwrap_or_default() / 1_000_000
        )
    });
    Some(Finding::warn(format!("{text}{}", reader.unwrap_or_default())))
}

fn checkpoints(facts: &Facts) -> Option<Finding> {
    let server = answering_for_a_file(facts)?;
    let (complete, blocked, failed) = (
        server.number("/checkpoints/complete"),
        server.number("/checkpoints/blocked"),
        server.number("/checkpoints/failed"),
    );
    let last = server.text("/checkpoints/last");
    let text = format!(
        "{complete} complete, {blocked} held up by a reader, {failed} failed; the last complete one {}",
        last.map_or("has not been yet".into(), |at| format!("was at {at}"))
    );
    let is_old =
        last.is_none() || server.number("/checkpoints/last_age_ms") > CHECKPOINT_AGE_MS_MAX;
    let overdue = server.number("/wal_bytes") > LOG_BYTES_NOTABLE && is_old;
    Some(if failed > 0 || overdue { Finding::warn(text) } else { Finding::ok(text) })
}

fn lock_retries(facts: &Facts) -> Option<Finding> {
    let server = answering_for_a_file(facts)?;
    let recent: u64 = server
        .list("/contention/recent")
        .iter()
        .filter_map(|window| window["lock_retries"].as_u64())
        .sum();
    Some(match recent {
        0 => Finding::ok("no program without the write lock was in the way in the last hours"),
        retries => Finding::warn(format!(
            "{retries} attempts in the last hours met a program that does not know the write lock"
        )),
    })
}

/// Judges the last hours, and not the time since the start, in which a busy hour of last week would
/// never fade.
fn contention(facts: &Facts) -> Option<Finding> {
    let server = answering_for_a_file(facts)?;
    let windows = server.list("/contention/recent");
    let of = |window: &Value, member: &str| window[member].as_u64().unwrap_or_default();
    let given_up: u64 = windows.iter().map(|window| of(window, "writes_given_up")).sum();
    let worst = windows
        .iter()
        .map(|window| of(window, "write_lock_wait_p99_micros"))
        .max()
        .unwrap_or_default();
    let busy = windows
        .iter()
        .filter(|window| of(window, "write_lock_wait_p99_micros") >= BUSY_WAIT_P99_MICROS)
        .count();
    let text = format!(
        "in {} quarters of an hour with writes of the last six hours, {busy} busy: 99 of 100 writers waited at most {}.{:03} ms, {given_up} writes gave up",
        windows.len(),
        worst / 1000,
        worst % 1000
    );
    Some(match () {
        () if windows.is_empty() && server.number("/uptime_ms") < FIGURES_AFTER_MS => {
            Finding::ok("not known yet: figures are taken once a minute")
        }
        () if windows.is_empty() => Finding::ok("nobody has written in the last hours"),
        () if given_up > 0 || busy >= BUSY_WINDOWS_MAX => {
            Finding::warn(format!("{text}; more than this file can take for long"))
        }
        () if busy > 0 => Finding::warn(text),
        () => Finding::ok(text),
    })
}

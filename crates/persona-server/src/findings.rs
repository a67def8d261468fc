//! What a server finds when it examines itself: checks of its own status, each with what to do.
//!
//! The health page of the studio and `persona doctor` show them. What lives here: judgements of
//! [`Status`] alone. What must not: any look at the machine, which is that of `persona doctor`.

use persona_http::contract::findings::{Finding, FindingLevel as Level};
use persona_http::contract::status::{Checkpoints, DiskState, Status};
use persona_model::Timestamp;

use crate::supervisor::{ADVICE, BUSY_WAIT_P99_MICROS};
use crate::tls::EXPIRY_WARNING;
use crate::units::size;

/// Size of the WAL, in bytes, above which a checkpoint is overdue if the last one is older than
/// [`CHECKPOINT_AGE_MS_MAX`]. 16 MiB is well over the default threshold of 4 MB and well under the
/// limit at which the maintenance process shortens the WAL.
const WAL_BYTES_NOTABLE: u64 = 16 * 1024 * 1024;
const CHECKPOINT_AGE_MS_MAX: u64 = 60_000;

/// A server that has run for less than this has no figures of a whole minute, in milliseconds.
const FIGURES_AFTER_MS: u64 = 60_000;

/// Busy quarters of an hour from which on the load is no short peak: one hour.
const BUSY_WINDOWS_MAX: usize = 4;

/// Share of the database server's connections in use, in percent, from which on room for another
/// worker is short.
const CONNECTIONS_PERCENT_MAX: u64 = 80;

/// What a check says: the level, and what was found as a part of a sentence.
pub type Judgement = (Level, String);

/// A check of a status.
pub struct StatusCheck {
    /// The name of what is checked.
    pub name: &'static str,
    /// The test; `None` where there is nothing to check.
    pub test: fn(&Status) -> Option<Judgement>,
    /// What to do where something is wrong: a command if there is one.
    pub cure: &'static str,
}

/// Every check of a status, in the order in which they are shown.
pub const CHECKS: &[StatusCheck] = &[
    StatusCheck {
        name: "engine",
        test: engine,
        cure: "start the server again with a build of its own SQLite",
    },
    StatusCheck {
        name: "durability",
        test: durability,
        cure: "set fsync and synchronous_commit to on in postgresql.conf",
    },
    StatusCheck {
        name: "connections",
        test: connections,
        cure: "lower pool_max in the URL, or raise max_connections",
    },
    StatusCheck {
        name: "workers",
        test: workers,
        cure: "look into the log for \"a process ended unexpectedly\"",
    },
    StatusCheck {
        name: "damage",
        test: damage,
        cure: "check the database, and restore a backup: persona restore",
    },
    StatusCheck { name: "disk", test: disk, cure: "free some space; writes go on by themselves" },
    StatusCheck {
        name: "backups",
        test: backups,
        cure: "look into the log for \"could not make a backup\"",
    },
    StatusCheck { name: "WAL", test: wal, cure: "end the export or list that reads for so long" },
    StatusCheck {
        name: "checkpoints",
        test: checkpoints,
        cure: "look into the log of the server for lines of the maintenance process",
    },
    StatusCheck {
        name: "lock",
        test: lock_retries,
        cure: "find the program: persona doctor --database PATH, on the machine of the server",
    },
    StatusCheck { name: "contention", test: contention, cure: ADVICE },
];

/// What the server with this status and this end of its certificate finds of itself.
pub fn of_server(
    status: &Status,
    certificate_end: Option<Timestamp>,
    now: Timestamp,
) -> Vec<Finding> {
    let of_status = CHECKS.iter().filter_map(|check| {
        let judgement = (check.test)(status)?;
        Some(finding(check.name, judgement, check.cure))
    });
    let of_certificate = certificate_end.map(|ends_at| {
        let cure = "renew it; a running server takes the new files by itself";
        finding("certificate", certificate(ends_at, now), cure)
    });
    of_status.chain(of_certificate).collect()
}

fn finding(check: &str, (level, text): Judgement, cure: &str) -> Finding {
    let cure = (level > Level::Ok).then(|| cure.to_owned());
    Finding { check: check.into(), level, text, cure }
}

/// Judges a certificate that ends then.
pub fn certificate(ends_at: Timestamp, now: Timestamp) -> Judgement {
    let left = ends_at.as_micros().saturating_sub(now.as_micros());
    let text = format!("it expires at {ends_at}, in {} days", left / 86_400_000_000);
    let is_near = u128::try_from(left).unwrap_or_default() < EXPIRY_WARNING.as_micros();
    (if is_near { Level::Warn } else { Level::Ok }, text)
}

fn engine(status: &Status) -> Option<Judgement> {
    let Status { engine_version, durability, durability_meaning, .. } = status;
    if let Some(server) = &status.server {
        let place = server.place.as_ref().map(|place| format!(" at {place}")).unwrap_or_default();
        let text = format!(
            "PostgreSQL {engine_version}{place}; durability {durability}: {durability_meaning}"
        );
        return Some((Level::Ok, text));
    }
    let mode = status.journal_mode.as_deref()?;
    let text = format!(
        "SQLite {engine_version}, journal mode {mode}, schema {}, on {}; durability {durability}: {durability_meaning}",
        status.schema_version,
        status.file_system.as_deref().unwrap_or("an unknown file system"),
    );
    let number = engine_version
        .split('.')
        .filter_map(|part| part.parse::<i32>().ok())
        .fold(0, |number, part| number * 1000 + part);
    let is_safe = persona_storage::sqlite::library_is_safe(number) && mode == "wal";
    Some((if is_safe { Level::Ok } else { Level::Fail }, text))
}

/// Judges the durability of a database server; that of a file is a setting of this program.
fn durability(status: &Status) -> Option<Judgement> {
    status.server.as_ref()?;
    Some(durability_of_server(&status.durability, &status.durability_meaning))
}

/// Judges a durability class of a database server.
pub fn durability_of_server(class: &str, meaning: &str) -> Judgement {
    let level = match class {
        "none" => Level::Fail,
        "normal" => Level::Warn,
        _ => Level::Ok,
    };
    (level, format!("{class}: {meaning}"))
}

fn connections(status: &Status) -> Option<Judgement> {
    let server = status.server.as_ref()?;
    Some(connections_of_server(server.connections, server.connections_max))
}

/// Judges how many connections of a database server are in use.
pub fn connections_of_server(open: u64, most: u64) -> Judgement {
    let is_full = open * 100 >= most * CONNECTIONS_PERCENT_MAX;
    let level = if is_full { Level::Warn } else { Level::Ok };
    (level, format!("{open} of at most {most} are open"))
}

#[expect(clippy::unnecessary_wraps, reason = "other findings need a part of the status")]
fn workers(status: &Status) -> Option<Judgement> {
    let processes = status.workers.iter().chain(&status.maintenance);
    let restarts: u64 = processes.map(|process| process.restarts).sum();
    let count = status.workers.len();
    let text = format!("{count} serve, processes were replaced {restarts} times");
    Some(match (count, &status.maintenance) {
        (0, _) => (Level::Fail, "none serves".into()),
        (_, None) => (Level::Warn, format!("{text}; the maintenance process is missing")),
        // Each signal HUP replaces every worker once, so restarts alone are no fault.
        _ => (Level::Ok, text),
    })
}

fn damage(status: &Status) -> Option<Judgement> {
    Some(match status.damage_found? {
        0 => (Level::Ok, "none was found since the server started".into()),
        found => (Level::Fail, format!("found in {found} personas since the server started")),
    })
}

fn disk(status: &Status) -> Option<Judgement> {
    let disk = status.disk.as_ref()?;
    let free = disk.free_bytes?;
    let copy = status.database_bytes.saturating_add(disk.reserve_bytes);
    Some(if disk.state == DiskState::Short {
        let reserve = size(disk.reserve_bytes);
        (
            Level::Fail,
            format!("{} free, and {reserve} are to stay free: writes are refused", size(free)),
        )
    } else if free < copy {
        (
            Level::Warn,
            format!("{} free: a backup beside the database needs {}", size(free), size(copy)),
        )
    } else {
        (Level::Ok, format!("{} free", size(free)))
    })
}

fn backups(status: &Status) -> Option<Judgement> {
    let backups = status.backups.as_ref()?;
    let last =
        backups.last_at.map_or("there is none".into(), |at| format!("the newest is of {}", at.0));
    Some(match (backups.failed, backups.last_at) {
        (0, None) => (Level::Ok, "this server has made none".into()),
        (0, Some(_)) => {
            (Level::Ok, format!("{last}; {} made since the server started", backups.made))
        }
        (failed, _) => (Level::Warn, format!("{failed} failed since the server started; {last}")),
    })
}

fn wal(status: &Status) -> Option<Judgement> {
    let (bytes, most) = (status.wal_bytes?, status.wal_bytes_max?);
    let text = format!(
        "{} of at most {}, with a checkpoint at {} pages",
        size(bytes),
        size(most),
        status.wal_autocheckpoint?
    );
    if bytes <= most {
        return Some((Level::Ok, text));
    }
    let slowest = status.workers.iter().max_by_key(|worker| worker.longest_read_micros);
    let reader = slowest.map(|worker| {
        let seconds = worker.longest_read_micros / 1_000_000;
        format!("; worker {} has a read of {seconds} s", worker.slot)
    });
    Some((Level::Warn, format!("{text}{}", reader.unwrap_or_default())))
}

fn checkpoints(status: &Status) -> Option<Judgement> {
    let Checkpoints { complete, blocked, failed, last, last_age_ms, .. } =
        status.checkpoints.as_ref()?;
    let text = format!(
        "{complete} complete, {blocked} held up by a reader, {failed} failed; the last complete one {}",
        last.map_or("has not been yet".into(), |at| format!("was at {}", at.0))
    );
    let is_old = last_age_ms.is_none_or(|age| age > CHECKPOINT_AGE_MS_MAX);
    let is_overdue = status.wal_bytes? > WAL_BYTES_NOTABLE && is_old;
    Some((if *failed > 0 || is_overdue { Level::Warn } else { Level::Ok }, text))
}

/// A time in milliseconds with few digits and without trailing zeros.
fn milliseconds(micros: u64) -> String {
    let text = format!("{}.{:03}", micros / 1000, micros % 1000);
    format!("{} ms", text.trim_end_matches('0').trim_end_matches('.'))
}

fn lock_retries(status: &Status) -> Option<Judgement> {
    let windows = status.contention.recent.as_ref()?;
    let recent: u64 = windows.iter().map(|window| window.lock_retries).sum();
    Some(match recent {
        0 => {
            (Level::Ok, "no program without the write lock was in the way in the last hours".into())
        }
        retries => (
            Level::Warn,
            format!(
                "{retries} attempts in the last hours met a program that does not know the write lock"
            ),
        ),
    })
}

/// Judges the last hours only; in the figures since the start, a busy hour would count for ever.
fn contention(status: &Status) -> Option<Judgement> {
    let windows = status.contention.recent.as_ref()?;
    let given_up: u64 = windows.iter().map(|window| window.writes_given_up).sum();
    let waits = || windows.iter().map(|window| window.write_lock_wait_p99_micros);
    let worst = waits().max().unwrap_or_default();
    let busy = waits().filter(|micros| *micros >= BUSY_WAIT_P99_MICROS).count();
    let quarters = if windows.len() == 1 { "quarter" } else { "quarters" };
    let text = format!(
        "in {} {quarters} of an hour with writes of the last six hours, {busy} busy: 99 of 100 writers waited at most {}, {given_up} writes gave up",
        windows.len(),
        milliseconds(worst),
    );
    Some(if windows.is_empty() && status.uptime_ms < FIGURES_AFTER_MS {
        (Level::Ok, "not known yet: figures are taken once a minute".into())
    } else if windows.is_empty() {
        (Level::Ok, "there were no writes in the last hours".into())
    } else if given_up > 0 || busy >= BUSY_WINDOWS_MAX {
        (Level::Warn, format!("{text}; more than this file can take for long"))
    } else if busy > 0 {
        (Level::Warn, text)
    } else {
        (Level::Ok, text)
    })
}

#[cfg(test)]
mod tests {
    use persona_http::contract::findings::FindingLevel as Level;
    use persona_http::contract::status::{
        Backups, DatabaseServer, Disk, DiskState, Process, Status,
    };
    use persona_model::Timestamp;

    use super::of_server;

    /// The levels of what is found, by its name.
    fn found(change: impl FnOnce(&mut Status)) -> Vec<(String, Level)> {
        let mut status = Status {
            maintenance: Some(Process::default()),
            workers: vec![Process::default()],
            damage_found: Some(0),
            database_bytes: 1_000,
            disk: Some(Disk {
                free_bytes: Some(1 << 40),
                reserve_bytes: 100,
                state: DiskState::Ok,
            }),
            backups: Some(Backups::default()),
            ..Status::default()
        };
        change(&mut status);
        let found = of_server(&status, None, Timestamp::default()).into_iter();
        found
            .inspect(|one| assert_eq!(one.cure.is_some(), one.level > Level::Ok, "{one:?}"))
            .map(|one| (one.check, one.level))
            .collect()
    }

    #[test]
    fn what_a_server_finds_of_itself_has_a_cure_where_something_is_wrong() {
        let level = |name: &str, change: &dyn Fn(&mut Status)| {
            let found = found(change);
            found.into_iter().find(|(check, _)| check == name).map(|(_, level)| level)
        };
        assert!(found(|_| ()).iter().all(|(_, level)| *level == Level::Ok));
        assert_eq!(level("damage", &|status| status.damage_found = Some(1)), Some(Level::Fail));
        let short = |status: &mut Status| {
            status.disk.as_mut().expect("a disk").state = DiskState::Short;
        };
        assert_eq!(level("disk", &short), Some(Level::Fail));
        let narrow = |status: &mut Status| {
            status.disk.as_mut().expect("a disk").free_bytes = Some(1_099);
        };
        assert_eq!(level("disk", &narrow), Some(Level::Warn));
        let failed = |status: &mut Status| {
            status.backups = Some(Backups { failed: 1, ..Backups::default() });
        };
        assert_eq!(level("backups", &failed), Some(Level::Warn));
        let on_server = |connections| {
            move |status: &mut Status| {
                let place = Some("db:5432/personas".into());
                status.server = Some(DatabaseServer { place, connections, connections_max: 100 });
                status.durability = "normal".into();
            }
        };
        assert_eq!(level("durability", &on_server(1)), Some(Level::Warn));
        assert_eq!(level("connections", &on_server(79)), Some(Level::Ok));
        assert_eq!(level("connections", &on_server(80)), Some(Level::Warn));
        assert_eq!(level("workers", &|status| status.workers.clear()), Some(Level::Fail));
    }
}

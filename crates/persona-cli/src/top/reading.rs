//! Computes figures from two looks at a server.

use std::time::Instant;

use persona_http::contract::status::{self, Status};
use serde_json::{Value, json};

use super::metrics::{Metrics, label, whole};

/// Classes of status codes that are shown.
pub(super) const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// The metric that counts requests.
const REQUESTS: &str = "persona_http_requests_total";

/// The metric that measures the time of requests.
const DURATION: &str = "persona_http_request_duration_seconds";

/// The answers of a server at one moment.
#[derive(Clone, Debug)]
pub struct Look {
    /// When the answers came.
    pub at: Instant,
    /// The answer to `/api/v1/status`.
    pub status: Status,
    /// The answer to `/metrics`.
    pub metrics: Metrics,
}

/// The figures of one process.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Process {
    /// 0 for the maintenance process, 1 and up for workers.
    pub slot: u16,
    /// Process id.
    pub pid: u32,
    /// How long the process has been running, in seconds.
    pub uptime_s: u64,
    /// How often the slot was filled again.
    pub restarts: u64,
    /// Connections that are open.
    pub connections: u64,
    /// Requests answered in a second.
    pub requests: u64,
    /// Writes finished in a second.
    pub writes: u64,
    /// Writes that wait.
    pub queue: u64,
    /// Whether the process waits for the write lock or holds it, as a word.
    pub write_lock_users: &'static str,
}

/// The figures of one route.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Route {
    /// Method and pattern of the path.
    pub name: String,
    /// Requests in a second.
    pub requests: u64,
    /// How long requests took.
    pub took: Times,
}

/// Quantiles of times in microseconds; `None` without measurements.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Times {
    /// Half of the times are no longer.
    pub p50: Option<u64>,
    /// Ninety-nine in a hundred times are no longer.
    pub p99: Option<u64>,
}

/// The figures of a database server, which has no write lock, no WAL and no checkpoints of this
/// program.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ServerReading {
    /// Connections to the database server, of all its clients.
    pub connections: u64,
    /// Most connections that the database server accepts.
    pub connections_max: u64,
    /// How long writes waited for a connection.
    pub queue_wait: Times,
    /// How long writes took from then on.
    pub transaction: Times,
}

/// The figures of the time between two looks; counts are per second.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reading {
    /// Version of the server.
    pub version: String,
    /// How long the server has been running, in seconds.
    pub uptime_s: u64,
    /// Durability class.
    pub durability: String,
    /// Engine, journal mode and file system as text.
    pub engine: String,
    /// Number of personas that are not deleted.
    pub personas: u64,
    /// The maintenance process first, then the workers.
    pub processes: Vec<Process>,
    /// Requests answered in a second.
    pub requests: u64,
    /// Requests answered in a second by class of status: 2xx, 3xx, 4xx, 5xx.
    pub classes: [u64; 4],
    /// Requests that are being answered now.
    pub in_flight: u64,
    /// Writes finished in a second.
    pub writes: u64,
    /// Writes that wait.
    pub queue: u64,
    /// How long writers waited for the write lock.
    pub write_lock_wait: Times,
    /// How long writers held the write lock.
    pub write_lock_hold: Times,
    /// Attempts that met a lock of SQLite, held by a process without the write lock.
    pub lock_retries: u64,
    /// Writes that did not get their turn in time.
    pub given_up: u64,
    /// The figures of the database server; `None` if the database is a file.
    pub server: Option<ServerReading>,
    /// Size of the WAL in bytes.
    pub wal_bytes: u64,
    /// Bytes that the WAL is kept below.
    pub wal_bytes_max: u64,
    /// Pages in the WAL at which a checkpoint begins.
    pub autocheckpoint: u64,
    /// Checkpoints that copied the whole WAL.
    pub checkpoints: u64,
    /// Checkpoints that a reader blocked, since the start.
    pub checkpoints_blocked: u64,
    /// Checkpoints that failed, since the start.
    pub checkpoints_failed: u64,
    /// How long ago the last complete checkpoint ended, in seconds.
    pub last_checkpoint_s: Option<u64>,
    /// Age of the oldest list or export that is still running, in seconds.
    pub longest_read_s: u64,
    /// The routes with requests, the busiest first.
    pub routes: Vec<Route>,
}

impl Reading {
    /// Computes the figures of the time between two looks.
    pub fn between(before: &Look, now: &Look) -> Self {
        let between = Between {
            before,
            now,
            seconds: now.at.duration_since(before.at).as_secs_f64().max(0.001),
        };
        let status = &now.status;
        let metric = |series| whole(now.metrics.value(series));
        let checkpoints = status.checkpoints.clone().unwrap_or_default();
        Self {
            version: status.version.clone(),
            uptime_s: status.uptime_ms / 1000,
            durability: status.durability.clone(),
            engine: engine_of(status),
            personas: status.personas,
            processes: status
                .maintenance
                .iter()
                .chain(&status.workers)
                .map(|process| between.process(process))
                .collect(),
            requests: between.rate(REQUESTS, ""),
            classes: CLASSES.map(|class| between.rate(REQUESTS, &format!("status=\"{class}\""))),
            in_flight: status.requests_in_flight,
            writes: between.rate("persona_writes_total", ""),
            queue: metric("persona_write_queue_depth"),
            write_lock_wait: between.times("persona_write_lock_wait_seconds", ""),
            write_lock_hold: between.times("persona_write_lock_hold_seconds", ""),
            lock_retries: between.rate("persona_lock_retries_total", ""),
            given_up: between.rate("persona_writes_given_up_total", ""),
            server: status.server.as_ref().map(|server| ServerReading {
                connections: server.connections,
                connections_max: server.connections_max,
                queue_wait: between.times("persona_write_queue_wait_seconds", ""),
                transaction: between.times("persona_transaction_seconds", ""),
            }),
            wal_bytes: metric("persona_wal_bytes"),
            wal_bytes_max: status.wal_bytes_max.unwrap_or_default(),
            autocheckpoint: status.wal_autocheckpoint.unwrap_or_default().into(),
            checkpoints: between.rate("persona_checkpoints_total", ""),
            checkpoints_blocked: checkpoints.blocked,
            checkpoints_failed: checkpoints.failed,
            last_checkpoint_s: checkpoints.last_age_ms.map(|age| age / 1000),
            longest_read_s: longest_read_micros(status) / 1_000_000,
            routes: between.routes(),
        }
    }

    /// The figures as JSON, for scripts.
    pub fn to_json(&self) -> Value {
        let times = |times: Times| json!({ "p50": times.p50, "p99": times.p99 });
        let process = |entry: &Process| {
            json!({
                "slot": entry.slot, "pid": entry.pid, "uptime_s": entry.uptime_s, "restarts": entry.restarts, "connections": entry.connections,
                "requests_per_s": entry.requests, "writes_per_s": entry.writes, "queue_depth": entry.queue,
            })
        };
        let mut shown = json!({
            "version": self.version,
            "uptime_s": self.uptime_s,
            "durability": self.durability,
            "personas": self.personas,
            "processes": self.processes.iter().map(process).collect::<Vec<_>>(),
            "requests_per_s": self.requests,
            "requests_per_s_by_class": CLASSES.into_iter().zip(self.classes).collect::<std::collections::BTreeMap<_, _>>(),
            "requests_in_flight": self.in_flight,
            "writes_per_s": self.writes,
            "queue_depth": self.queue,
            "writes_given_up_per_s": self.given_up,
            "longest_read_s": self.longest_read_s,
        });
        let more = match &self.server {
            Some(server) => json!({
                "database_connections": server.connections,
                "database_connections_max": server.connections_max,
                "queue_wait_micros": times(server.queue_wait),
                "transaction_micros": times(server.transaction),
            }),
            None => json!({
                "write_lock_wait_micros": times(self.write_lock_wait),
                "write_lock_hold_micros": times(self.write_lock_hold),
                "lock_retries_per_s": self.lock_retries,
                "wal_bytes": self.wal_bytes,
                "wal_bytes_max": self.wal_bytes_max,
                "checkpoints_per_s": self.checkpoints,
                "checkpoints_blocked": self.checkpoints_blocked,
                "checkpoints_failed": self.checkpoints_failed,
                "last_checkpoint_s": self.last_checkpoint_s,
            }),
        };
        if let (Value::Object(shown), Value::Object(more)) = (&mut shown, more) {
            shown.extend(more);
        }
        shown
    }
}

/// Engine, journal mode and file system as text.
fn engine_of(status: &Status) -> String {
    if let Some(server) = &status.server {
        let place = server.place.as_ref().map(|place| format!(" at {place}")).unwrap_or_default();
        return format!("PostgreSQL {}{place}", status.engine_version);
    }
    format!(
        "SQLite {} in {} mode on {}",
        status.engine_version,
        status.journal_mode.as_deref().unwrap_or_default(),
        status.file_system.as_deref().unwrap_or_default()
    )
}

fn longest_read_micros(status: &Status) -> u64 {
    status.workers.iter().map(|worker| worker.longest_read_micros).max().unwrap_or_default()
}

/// Two looks and the time between them.
struct Between<'a> {
    before: &'a Look,
    now: &'a Look,
    seconds: f64,
}

impl Between<'_> {
    /// The growth of a counter per second. A counter that is smaller than before has started again
    /// from zero.
    fn grown(&self, before: f64, now: f64) -> u64 {
        whole((if now < before { now } else { now - before }) / self.seconds)
    }

    fn rate(&self, name: &str, labels: &str) -> u64 {
        self.grown(self.before.metrics.sum(name, labels), self.now.metrics.sum(name, labels))
    }

    fn times(&self, name: &str, labels: &str) -> Times {
        let seen = self
            .now
            .metrics
            .histogram(name, labels)
            .since(&self.before.metrics.histogram(name, labels));
        Times { p50: seen.quantile_micros(0.5), p99: seen.quantile_micros(0.99) }
    }

    fn process(&self, now: &status::Process) -> Process {
        let mut workers = self.before.status.workers.iter();
        let before = workers.find(|worker| worker.slot == now.slot).unwrap_or(now);
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let rate = |before: u64, now: u64| self.grown(before as f64, now as f64);
        let mut users = self.now.status.write_lock.iter().flatten();
        let user = users.find(|user| user.pid == now.pid);
        Process {
            slot: now.slot,
            pid: now.pid,
            uptime_s: now.uptime_ms / 1000,
            restarts: now.restarts,
            connections: now.connections,
            requests: rate(before.requests, now.requests),
            writes: rate(before.writes, now.writes),
            queue: now.queue_depth,
            write_lock_users: match user {
                None => "",
                Some(user) if user.holding_micros > 0 => "in",
                Some(_) => "waits",
            },
        }
    }

    fn routes(&self) -> Vec<Route> {
        let mut pairs: Vec<(&str, &str)> = self
            .now
            .metrics
            .labels(REQUESTS)
            .into_iter()
            .filter_map(|labels| Some((label(labels, "method")?, label(labels, "route")?)))
            .collect();
        pairs.sort_unstable();
        pairs.dedup();
        let route = |(method, route): (&str, &str)| {
            let labels = format!("method=\"{method}\",route=\"{route}\",");
            Route {
                name: format!("{method:<6} {route}"),
                requests: self.rate(REQUESTS, &labels),
                took: self.times(DURATION, &labels),
            }
        };
        let mut routes: Vec<Route> =
            pairs.into_iter().map(route).filter(|route| route.requests > 0).collect();
        routes.sort_by(|left, right| {
            right.requests.cmp(&left.requests).then_with(|| left.name.cmp(&right.name))
        });
        routes
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use persona_http::contract::status;

    use super::{Look, Metrics, Reading, Times};

    fn look(at: Instant, writes: u64, wait: u64) -> Look {
        let metrics = format!(
            "persona_writes_total {writes}\npersona_write_lock_wait_seconds_bucket{{le=\"0.00002\"}} {wait}\n\
             persona_write_lock_wait_seconds_bucket{{le=\"+Inf\"}} {wait}\n\
             persona_http_requests_total{{method=\"GET\",route=\"/\",status=\"2xx\"}} {writes}\n"
        );
        let status = status::Status {
            version: "1".into(),
            uptime_ms: 61_000,
            workers: vec![status::Process {
                slot: 1,
                pid: 7,
                writes,
                ..status::Process::default()
            }],
            ..status::Status::default()
        };
        Look { at, status, metrics: Metrics::read(&metrics) }
    }

    #[test]
    fn counters_become_rates_and_histograms_become_those_of_the_interval() {
        let began = Instant::now();
        let reading =
            Reading::between(&look(began, 100, 5), &look(began + Duration::from_secs(2), 300, 6));
        assert_eq!(
            (reading.writes, reading.requests, reading.classes, reading.uptime_s),
            (100, 100, [100, 0, 0, 0], 61)
        );
        assert_eq!(
            (reading.processes[0].writes, reading.routes[0].name.as_str()),
            (100, "GET    /")
        );
        assert_eq!(reading.write_lock_wait, Times { p50: Some(20), p99: Some(20) });
    }

    #[test]
    fn a_server_that_was_started_again_counts_from_zero_and_never_backwards() {
        let began = Instant::now();
        let reading =
            Reading::between(&look(began, 100, 5), &look(began + Duration::from_secs(1), 30, 2));
        assert_eq!((reading.writes, reading.processes[0].writes), (30, 30));
    }
}

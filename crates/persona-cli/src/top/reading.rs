//! Two looks at a server become the figures of the time between them.

use std::time::Instant;

use serde_json::{Value, json};

use super::metrics::{Metrics, label, whole};

/// Classes of status codes that are shown.
pub(super) const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// The metric that counts requests.
const REQUESTS: &str = "persona_http_requests_total";

/// The metric that measures how long they took.
const DURATION: &str = "persona_http_request_duration_seconds";

/// What a server said at one moment.
#[derive(Clone, Debug)]
pub struct Look {
    /// When.
    pub at: Instant,
    /// `/api/v1/status`.
    pub status: Value,
    /// `/metrics`.
    pub metrics: Metrics,
}

/// One process.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Process {
    /// 0 for the maintenance process, 1 and up for workers.
    pub slot: u64,
    /// Process id.
    pub pid: u64,
    /// How long it has been running.
    pub uptime_s: u64,
    /// How often its slot was filled again.
    pub restarts: u64,
    /// Connections that are open.
    pub connections: u64,
    /// Requests answered in a second.
    pub requests: u64,
    /// Writes finished in a second.
    pub writes: u64,
    /// Writes that wait.
    pub queue: u64,
    /// Whether it waits for the write lock or is in.
    pub write_lock_users: &'static str,
}

/// One route.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Route {
    /// Method and pattern.
    pub name: String,
    /// Requests in a second.
    pub requests: u64,
    /// How long they took, half and 99 of 100 of them.
    pub took: Times,
}

/// Half and 99 of 100 took no longer than this, in microseconds; `None` when there was nothing to
/// measure.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Times {
    /// Half of them.
    pub p50: Option<u64>,
    /// Ninety-nine in a hundred.
    pub p99: Option<u64>,
}

/// What a database server has instead of a write lock, a log and checkpoints.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ServerReading {
    /// Connections to it, of everybody.
    pub connections: u64,
    /// Most connections that it takes.
    pub connections_max: u64,
    /// How long writes waited for a connection.
    pub queue_wait: Times,
    /// How long they took from then on.
    pub transaction: Times,
}

/// The figures of the time between two looks; what is counted is counted by the second.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reading {
    /// Version of the server.
    pub version: String,
    /// How long it has been running.
    pub uptime_s: u64,
    /// Durability class.
    pub durability: String,
    /// Engine, journal mode and file system in words.
    pub engine: String,
    /// Living personas.
    pub personas: u64,
    /// The maintenance process first, then the workers.
    pub processes: Vec<Process>,
    /// Requests answered.
    pub requests: u64,
    /// By class of status: 2xx, 3xx, 4xx, 5xx.
    pub classes: [u64; 4],
    /// Requests being answered.
    pub in_flight: u64,
    /// Writes finished.
    pub writes: u64,
    /// Writes that wait.
    pub queue: u64,
    /// How long writers waited for the write lock.
    pub write_lock_wait: Times,
    /// How long writers held the write lock.
    pub write_lock_hold: Times,
    /// Attempts that met a lock held outside the write lock.
    pub lock_retries: u64,
    /// Writes that did not get their turn.
    pub given_up: u64,
    /// What there is to say of a database server; `None` where a file keeps the personas.
    pub server: Option<ServerReading>,
    /// Bytes of the log, and what it is kept below.
    pub log_bytes: u64,
    /// Bytes that the log is kept below.
    pub log_bytes_max: u64,
    /// Pages from which on the log is copied back.
    pub autocheckpoint: u64,
    /// Checkpoints that copied everything back.
    pub checkpoints: u64,
    /// Checkpoints that a reader held up, since the start.
    pub checkpoints_blocked: u64,
    /// Checkpoints that failed, since the start.
    pub checkpoints_failed: u64,
    /// How long ago the last complete one was.
    pub last_checkpoint_s: Option<u64>,
    /// Age of the oldest list or export that still runs.
    pub longest_read_s: u64,
    /// The routes that were asked, the busiest first.
    pub routes: Vec<Route>,
}

impl Reading {
    /// The figures of the time between two looks.
    pub fn between(before: &Look, now: &Look) -> Self {
        let between = Between {
            before,
            now,
            seconds: now.at.duration_since(before.at).as_secs_f64().max(0.001),
        };
        let (status, text) = (&now.status, |place| {
            now.status.pointer(place).and_then(Value::as_str).unwrap_or_default().to_owned()
        });
        let number = |place| status.pointer(place).and_then(Value::as_u64).unwrap_or_default();
        let metric = |series| whole(now.metrics.value(series));
        let workers = status["workers"].as_array().map_or(&[][..], Vec::as_slice);
        Self {
            version: text("/version"),
            uptime_s: number("/uptime_ms") / 1000,
            durability: text("/durability"),
            engine: if status["server"].is_object() {
                format!("PostgreSQL {} at {}", text("/engine_version"), text("/server/place"))
            } else {
                format!(
                    "SQLite {} in {} mode on {}",
                    text("/engine_version"),
                    text("/journal_mode"),
                    text("/file_system")
                )
            },
            personas: number("/personas"),
            processes: status
                .get("maintenance")
                .filter(|it| it.is_object())
                .into_iter()
                .chain(workers)
                .map(|it| between.process(it))
                .collect(),
            requests: between.rate(REQUESTS, ""),
            classes: CLASSES.map(|class| between.rate(REQUESTS, &format!("status=\"{class}\""))),
            in_flight: number("/requests_in_flight"),
            writes: between.rate("persona_writes_total", ""),
            queue: metric("persona_write_queue_depth"),
            write_lock_wait: between.times("persona_write_lock_wait_seconds", ""),
            write_lock_hold: between.times("persona_write_lock_hold_seconds", ""),
            lock_retries: between.rate("persona_lock_retries_total", ""),
            given_up: between.rate("persona_writes_given_up_total", ""),
            server: status["server"].is_object().then(|| ServerReading {
                connections: number("/server/connections"),
                connections_max: number("/server/connections_max"),
                queue_wait: between.times("persona_write_queue_wait_seconds", ""),
                transaction: between.times("persona_transaction_seconds", ""),
            }),
            log_bytes: metric("persona_wal_bytes"),
            log_bytes_max: number("/wal_bytes_max"),
            autocheckpoint: number("/wal_autocheckpoint"),
            checkpoints: between.rate("persona_checkpoints_total", ""),
            checkpoints_blocked: number("/checkpoints/blocked"),
            checkpoints_failed: number("/checkpoints/failed"),
            last_checkpoint_s: status
                .pointer("/checkpoints/last_age_ms")
                .and_then(Value::as_u64)
                .map(|age| age / 1000),
            longest_read_s: workers
                .iter()
                .filter_map(|it| it["longest_read_micros"].as_u64())
                .max()
                .unwrap_or_default()
                / 1_000_000,
            routes: between.routes(),
        }
    }

    /// As JSON, for scripts.
    pub fn to_json(&self) -> Value {
        let times = |times: Times| json!({ "p50": times.p50, "p99": times.p99 });
        let process = |it: &Process| {
            json!({
                "slot": it.slot, "pid": it.pid, "uptime_s": it.uptime_s, "restarts": it.restarts, "connections": it.connections,
                "requests_per_s": it.requests, "writes_per_s": it.writes, "queue_depth": it.queue,
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
                "wal_bytes": self.log_bytes,
                "wal_bytes_max": self.log_bytes_max,
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

/// Two looks and the time between them.
struct Between<'a> {
    before: &'a Look,
    now: &'a Look,
    seconds: f64,
}

impl Between<'_> {
    /// By how much a counter grew in a second. One that is smaller than before has started again
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

    fn process(&self, now: &Value) -> Process {
        let number = |it: &Value, member: &str| it[member].as_u64().unwrap_or_default();
        let slot = number(now, "slot");
        let workers = self.before.status["workers"].as_array().map_or(&[][..], Vec::as_slice);
        let before = workers.iter().find(|it| number(it, "slot") == slot).unwrap_or(now);
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let rate =
            |member: &str| self.grown(number(before, member) as f64, number(now, member) as f64);
        let write_lock = self.now.status["write_lock"].as_array().map_or(&[][..], Vec::as_slice);
        let write_lock_users = write_lock.iter().find(|it| number(it, "pid") == number(now, "pid"));
        Process {
            slot,
            pid: number(now, "pid"),
            uptime_s: number(now, "uptime_ms") / 1000,
            restarts: number(now, "restarts"),
            connections: number(now, "connections"),
            requests: rate("requests"),
            writes: rate("writes"),
            queue: number(now, "queue_depth"),
            write_lock_users: match write_lock_users {
                None => "",
                Some(it) if number(it, "holding_micros") > 0 => "in",
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

    use serde_json::json;

    use super::{Look, Metrics, Reading, Times};

    fn look(at: Instant, writes: u64, wait: u64) -> Look {
        let metrics = format!(
            "persona_writes_total {writes}\npersona_write_lock_wait_seconds_bucket{{le=\"0.00002\"}} {wait}\n\
             persona_write_lock_wait_seconds_bucket{{le=\"+Inf\"}} {wait}\n\
             persona_http_requests_total{{method=\"GET\",route=\"/\",status=\"2xx\"}} {writes}\n"
        );
        let status = json!({ "version": "1", "uptime_ms": 61_000, "workers": [{ "slot": 1, "pid": 7, "writes": writes }], "maintenance": null });
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

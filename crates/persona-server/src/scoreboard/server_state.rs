//! The scoreboard behind the traits of the HTTP crate: counters, and the state of all processes.

use std::time::Duration;

use persona_model::Timestamp;

use super::measures::Measure;
use super::numbers::Number;
use super::{Distribution, ProcessEntry, ProcessFacts, Scoreboard, WriteLockFigures};
use persona_http::contract::status::{
    Backups, Checkpoints, Contention, Percentiles, Process, ReadCache, WriteLockUser,
    WriteLockWindow,
};
use persona_http::contract::{OperationId, Time};
use persona_http::{Metrics, ServerFigures, ServerState};

impl Metrics for ProcessEntry {
    fn request_answered(&self, operation: Option<OperationId>, status: u16, took: Duration) {
        Self::request_answered(self, operation, status, took);
    }

    fn head_refused(&self) {
        Self::head_refused(self);
    }

    fn event_stream_opened(&self) {
        Self::event_stream_opened(self);
    }

    fn event_stream_ended(&self) {
        Self::event_stream_ended(self);
    }
}

impl ServerState for ProcessEntry {
    fn slot(&self) -> u16 {
        Self::slot(self)
    }

    fn figures(&self, now: Timestamp) -> ServerFigures {
        let scoreboard = self.scoreboard();
        ServerFigures {
            started_at: Time(scoreboard.started_at()),
            checkpoints: checkpoints(scoreboard, now),
            write_lock: scoreboard.write_lock_users().iter().map(write_lock_users).collect(),
            contention: contention(scoreboard, now),
            backups: backups(scoreboard),
            damage_found: scoreboard.damage_found(),
            read_cache: read_cache(scoreboard),
            requests_in_flight: scoreboard.requests_in_flight(),
            event_streams: scoreboard.sum(Number::EventStreamsOpen),
            processes: scoreboard.processes().iter().map(|facts| process(facts, now)).collect(),
        }
    }

    fn metrics_text(&self) -> String {
        self.scoreboard().prometheus()
    }
}

fn checkpoints(scoreboard: &Scoreboard, now: Timestamp) -> Checkpoints {
    let figures = scoreboard.checkpoints();
    Checkpoints {
        complete: figures.complete,
        blocked: figures.blocked,
        failed: figures.failed,
        last: figures.last.map(Time),
        last_age_ms: figures.last.map(|at| millis_since(at, now)),
        took_micros: percentiles(&scoreboard.distribution(Measure::Checkpoint)),
    }
}

fn contention(scoreboard: &Scoreboard, now: Timestamp) -> Contention {
    let times = |measure| percentiles(&scoreboard.distribution(measure));
    Contention {
        queue_wait_micros: times(Measure::QueueWait),
        write_lock_wait_micros: Some(times(Measure::WriteLockWait)),
        write_lock_hold_micros: Some(times(Measure::WriteLockHold)),
        transaction_micros: times(Measure::Transaction),
        lock_retries: Some(scoreboard.lock_retries()),
        writes_given_up: scoreboard.writes_given_up(),
        recent: Some(scoreboard.recent(now).iter().map(window).collect()),
    }
}

fn window((began, figures): &(Timestamp, WriteLockFigures)) -> WriteLockWindow {
    WriteLockWindow {
        began: Time(*began),
        waits: figures.waits,
        write_lock_wait_p99_micros: figures.wait_p99_micros,
        writes_given_up: figures.writes_given_up,
        lock_retries: figures.lock_retries,
    }
}

fn backups(scoreboard: &Scoreboard) -> Backups {
    let (made, failed) = scoreboard.backups();
    Backups { last_at: scoreboard.last_backup().map(Time), made, failed }
}

fn read_cache(scoreboard: &Scoreboard) -> ReadCache {
    ReadCache {
        bytes: scoreboard.sum(Number::ReadCacheBytes),
        hits: scoreboard.sum(Number::ReadCacheHits),
        misses: scoreboard.sum(Number::ReadCacheMisses),
        synchronisations: scoreboard.sum(Number::ReadCacheSynchronisations),
        clears: scoreboard.sum(Number::ReadCacheClears),
    }
}

fn write_lock_users(process: &super::WriteLockUser) -> WriteLockUser {
    WriteLockUser {
        slot: process.slot,
        pid: process.pid,
        waiting_micros: micros(process.waiting),
        holding_micros: micros(process.holding),
    }
}

fn process(facts: &ProcessFacts, now: Timestamp) -> Process {
    let started_at = Timestamp::from_micros(facts.started_at);
    Process {
        slot: facts.slot,
        pid: facts.pid,
        started_at: Time(started_at),
        uptime_ms: millis_since(started_at, now),
        restarts: facts.restarts,
        requests: facts.requests,
        connections: facts.connections,
        writes: facts.writes,
        queue_depth: facts.queue_depth,
        longest_read_micros: micros(facts.longest_read),
        write_lock_wait_micros: Some(percentiles(&facts.write_lock_wait)),
        write_lock_hold_micros: Some(percentiles(&facts.write_lock_hold)),
    }
}

fn percentiles(times: &Distribution) -> Percentiles {
    Percentiles {
        count: times.count(),
        p50: times.quantile(0.5),
        p99: times.quantile(0.99),
        p999: times.quantile(0.999),
    }
}

/// Milliseconds from one time to another; 0 where the clock was set back between them.
fn millis_since(then: Timestamp, now: Timestamp) -> u64 {
    u64::try_from(now.as_micros().saturating_sub(then.as_micros())).unwrap_or_default() / 1000
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

//! The scoreboard in the Prometheus text format 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>, section "Text-based format").

use std::fmt::{self, Write};

use super::layout::{self, SLOTS};
use super::measures::{MEASURES, Unit};
use super::numbers::{Kind, Merge, NUMBERS, Number, NumberRow};
use super::{Distribution, Scoreboard, routes};
use crate::clock::monotonic_micros;

/// Bounds of the exported buckets, in the unit of the cells: 10 us to 10 s, three for each power of
/// ten. Fewer than the scoreboard has, because each bound costs a time series in the monitoring
/// system.
const BOUNDS: [u64; 19] = [
    10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000,
    500_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000,
];

/// Bounds of histograms of counts.
const COUNT_BOUNDS: [u64; 9] = [1, 2, 5, 10, 20, 50, 100, 200, 500];

/// Series of what only a file has. They are left out where a database server keeps the personas,
/// because zeros would say that there is a write lock without waiters.
const OF_A_FILE: [&str; 23] = [
    "persona_read_cache_hits_total",
    "persona_read_cache_misses_total",
    "persona_read_cache_synchronisations_total",
    "persona_read_cache_clears_total",
    "persona_read_cache_bytes",
    "persona_disk_free_bytes",
    "persona_disk_short",
    "persona_wal_bytes",
    "persona_lock_retries_total",
    "persona_checkpoint_frames_total",
    "persona_checkpoints_total",
    "persona_checkpoints_blocked_total",
    "persona_checkpoints_failed_total",
    "persona_last_checkpoint_timestamp_seconds",
    "persona_backup_last_success_time_seconds",
    "persona_backups_total",
    "persona_backups_failed_total",
    "persona_damage_found_total",
    "persona_write_lock_wait_seconds",
    "persona_write_lock_hold_seconds",
    "persona_checkpoint_seconds",
    "persona_write_lock_waiting_seconds",
    "persona_write_lock_holding_seconds",
];

/// What the series of connections to a database server begin with. They are left out where a file
/// keeps the personas.
const OF_A_SERVER: &str = "persona_database_";

/// Every metric, put together over the entries.
pub(super) fn text(scoreboard: &Scoreboard) -> String {
    let mut out = String::with_capacity(16 * 1024);
    write_all(&mut out, scoreboard).expect("a string takes everything that is written");
    out
}

fn write_all(out: &mut String, scoreboard: &Scoreboard) -> fmt::Result {
    head(out, "persona_build_info", "What is running; the value is always 1.", "gauge")?;
    writeln!(out, "persona_build_info{{version=\"{}\"}} 1", escaped(env!("CARGO_PKG_VERSION")))?;
    head(
        out,
        "persona_start_time_seconds",
        "When the server started, in seconds since the epoch.",
        "gauge",
    )?;
    writeln!(
        out,
        "persona_start_time_seconds {}",
        seconds(scoreboard.started_at().as_micros().unsigned_abs())
    )?;
    if let Some(end) = scoreboard.certificate_end() {
        let name = "persona_certificate_expiry_time_seconds";
        head(
            out,
            name,
            "When the certificate of the server expires, in seconds since the epoch.",
            "gauge",
        )?;
        writeln!(out, "{name} {}", seconds(end.as_micros().unsigned_abs()))?;
    }
    write_processes(out, scoreboard)?;
    write_waits(out, scoreboard)?;
    if scoreboard.is_on_server() {
        write_idle(out, scoreboard)?;
    }
    let is_there = |name: &str| {
        if scoreboard.is_on_server() {
            !OF_A_FILE.contains(&name)
        } else {
            !name.starts_with(OF_A_SERVER)
        }
    };
    for row in NUMBERS.iter().filter(|row| row.merge != Merge::Hidden && is_there(row.name)) {
        write_number(out, scoreboard, row)?;
    }
    for row in MEASURES.iter().filter(|row| is_there(row.name)) {
        head(out, row.name, row.help, "histogram")?;
        write_histogram(
            out,
            row.name,
            "",
            row.unit,
            &scoreboard.histogram(layout::offset_of_measure(row.measure)),
        )?;
    }
    write_requests(out, scoreboard)
}

fn write_processes(out: &mut String, scoreboard: &Scoreboard) -> fmt::Result {
    let mut alive = [0_u64; SLOTS];
    for process in scoreboard.processes() {
        alive[usize::from(process.slot)] += 1;
    }
    head(
        out,
        "persona_processes",
        "Living processes of a slot; slot 0 is the maintenance process.",
        "gauge",
    )?;
    scoreboard.used_slots().try_for_each(|slot| {
        writeln!(out, "persona_processes{{slot=\"{slot}\"}} {}", alive[usize::from(slot)])
    })
}

/// Writes the times of waits and holds that are going on now.
fn write_waits(out: &mut String, scoreboard: &Scoreboard) -> fmt::Result {
    let now = monotonic_micros();
    let waits: [(&str, &str, Number); 3] = [
        (
            "persona_write_lock_waiting_seconds",
            "How long a slot has been waiting for the write lock; 0 when it does not.",
            Number::WriteLockWaitingSince,
        ),
        (
            "persona_write_lock_holding_seconds",
            "How long a slot has been holding the write lock; 0 when it does not.",
            Number::WriteLockHeldSince,
        ),
        (
            "persona_longest_read_seconds",
            "Age of the oldest list or export that still runs.",
            Number::OldestReadSince,
        ),
    ];
    for (name, help, number) in waits
        .into_iter()
        .filter(|(name, ..)| !(scoreboard.is_on_server() && OF_A_FILE.contains(name)))
    {
        head(out, name, help, "gauge")?;
        for slot in scoreboard.used_slots() {
            writeln!(
                out,
                "{name}{{slot=\"{slot}\"}} {}",
                seconds(scoreboard.lasts_in_slot(slot, number, now))
            )?;
        }
    }
    Ok(())
}

/// Writes the number of idle connections to the database server. It follows from three numbers that
/// are read one after the other, so it is approximate.
fn write_idle(out: &mut String, scoreboard: &Scoreboard) -> fmt::Result {
    let name = "persona_database_connections_idle";
    head(out, name, "Connections to the database server that are open and idle now.", "gauge")?;
    scoreboard.used_slots().try_for_each(|slot| {
        let now = |number| scoreboard.number_of_slot(slot, number);
        let taken = now(Number::DatabaseInUse) + now(Number::DatabaseAbandoned);
        writeln!(
            out,
            "{name}{{slot=\"{slot}\"}} {}",
            now(Number::DatabaseOpen).saturating_sub(taken)
        )
    })
}

fn write_number(out: &mut String, scoreboard: &Scoreboard, row: &NumberRow) -> fmt::Result {
    head(out, row.name, row.help, if row.kind == Kind::Counter { "counter" } else { "gauge" })?;
    let shown =
        |value: u64| if row.kind == Kind::Moment { seconds(value) } else { value.to_string() };
    let mut values = scoreboard.used_entries().map(|entry| scoreboard.number(entry, row.number));
    match row.merge {
        Merge::Hidden => Ok(()),
        Merge::Sum => writeln!(out, "{} {}", row.name, values.sum::<u64>()),
        Merge::Max => {
            writeln!(out, "{} {}", row.name, shown(values.by_ref().max().unwrap_or_default()))
        }
        Merge::PerSlot => scoreboard.used_slots().try_for_each(|slot| {
            writeln!(
                out,
                "{}{{slot=\"{slot}\"}} {}",
                row.name,
                scoreboard.number_of_slot(slot, row.number)
            )
        }),
    }
}

fn write_requests(out: &mut String, scoreboard: &Scoreboard) -> fmt::Result {
    let counted: Vec<(String, Distribution)> = (0..routes::SERIES)
        .map(|series| {
            (request_labels(series), scoreboard.histogram(layout::offset_of_series(series)))
        })
        .filter(|(_, distribution)| distribution.count() > 0)
        .collect();
    let name = "persona_http_requests_total";
    head(out, name, "Requests that were answered.", "counter")?;
    for (labels, distribution) in &counted {
        writeln!(out, "{name}{{{labels}}} {}", distribution.count())?;
    }
    let name = "persona_http_request_duration_seconds";
    head(out, name, "Time from the head of a request to the head of its answer.", "histogram")?;
    counted.iter().try_for_each(|(labels, distribution)| {
        write_histogram(out, name, labels, Unit::Micros, distribution)
    })
}

fn request_labels(series: usize) -> String {
    let (method, route, class) = routes::labels_of(series);
    format!("method=\"{method}\",route=\"{}\",status=\"{class}\"", escaped(route))
}

fn write_histogram(
    out: &mut String,
    name: &str,
    labels: &str,
    unit: Unit,
    distribution: &Distribution,
) -> fmt::Result {
    let separator = if labels.is_empty() { "" } else { "," };
    let (bounds, shown): (&[u64], fn(u64) -> String) = match unit {
        Unit::Micros => (&BOUNDS, seconds),
        Unit::Count => (&COUNT_BOUNDS, |count| count.to_string()),
    };
    for bound in bounds {
        writeln!(
            out,
            "{name}_bucket{{{labels}{separator}le=\"{}\"}} {}",
            shown(*bound),
            distribution.count_up_to(*bound)
        )?;
    }
    let in_braces = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
    writeln!(out, "{name}_bucket{{{labels}{separator}le=\"+Inf\"}} {}", distribution.count())?;
    writeln!(out, "{name}_sum{in_braces} {}", shown(distribution.sum()))?;
    writeln!(out, "{name}_count{in_braces} {}", distribution.count())
}

fn head(out: &mut String, name: &str, help: &str, kind: &str) -> fmt::Result {
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}")
}

/// Microseconds as seconds, exactly and without trailing zeros.
fn seconds(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A label's value.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
#[path = "prometheus_tests.rs"]
mod tests;

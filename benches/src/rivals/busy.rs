//! Raw SQLite from four processes with a busy timeout only, as most applications use it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rusqlite::{Connection, params};
use serde_json::{Value, json};

use crate::Result;
use crate::arguments::Busy;
use crate::rivals::raw::{UPDATE, Version, Versions};

/// As many processes as the reference stack has workers.
const PROCESSES: usize = 4;
/// The busy timeout of the reference stack.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// The figures of all processes together.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Updates a second.
    pub rate: f64,
    /// Milliseconds that an update waited and took: the 99th percentile of the worst process, and
    /// the longest of all.
    pub p99: f64,
    pub max: f64,
    /// Updates of the least lucky process, divided by those of the luckiest.
    pub fairness: f64,
}

/// Runs the processes on a copy of a file of Persona Store.
pub fn measure(database: &Path, personas: u64, seconds: u32) -> Result<Measured> {
    let start = || {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("busy-process").arg("--database").arg(database);
        command.args(["--seconds", &seconds.to_string(), "--personas", &personas.to_string()]);
        Ok(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?)
    };
    let processes = (0..PROCESSES).map(|_| start()).collect::<Result<Vec<_>>>()?;
    let mut told = Vec::new();
    for process in processes {
        let output = process.wait_with_output()?;
        told.push(serde_json::from_slice::<Value>(&output.stdout)?);
    }
    let all =
        |name: &'static str| told.iter().map(move |one| one[name].as_f64().unwrap_or_default());
    let most = |name| all(name).fold(0.0, f64::max);
    let least = all("count").fold(f64::INFINITY, f64::min);
    let rate = all("count").sum::<f64>() / f64::from(seconds);
    Ok(Measured {
        rate,
        p99: most("p99") / 1000.0,
        max: most("max") / 1000.0,
        fairness: least / most("count").max(1.0),
    })
}

/// Role: writes for some seconds and prints the figures of this process.
pub fn write(options: &Busy) -> Result<()> {
    let connection = Connection::open(&options.database)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.execute_batch("PRAGMA synchronous = NORMAL")?;
    let (versions, mut count) = (Versions::new()?, 0);
    let mut update = connection.prepare(UPDATE)?;
    let mut took = Histogram::<u64>::new(3)?;
    let (began, time_max) = (Instant::now(), Duration::from_secs(options.seconds.into()));
    let mut dice = u64::from(std::process::id());
    while began.elapsed() < time_max {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let row = i64::try_from((dice >> 33) % options.personas + 1)?;
        let Version { head, document, .. } = versions.version(count);
        count += 1;
        let waiting = Instant::now();
        connection.execute_batch("BEGIN IMMEDIATE")?;
        update.query_row(params![row, count, head, document], |_| Ok(()))?;
        connection.execute_batch("COMMIT")?;
        took.record(u64::try_from(waiting.elapsed().as_micros())?)?;
    }
    println!(
        "{}",
        json!({ "count": took.len(), "p99": took.value_at_quantile(0.99), "max": took.max() })
    );
    Ok(())
}

//! The command: makes personas, sends requests on schedule, reports, deletes the personas.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Method;
use persona_server::config::Environment;
use persona_server::exit_code::ExitCode;
use serde_json::json;

use super::alarm::Alarm;
use super::schedule::{Schedule, Ticket};
use super::subjects;
use super::tally::Tally;
use crate::client::{Api, ServerAddress};
use crate::commands::arguments::Bench;
use crate::commands::target::server_address;
use crate::failure::Failure;
use crate::terminal::{Output, Table};

/// Time between making the schedule and its first request, in which the connections are opened.
const LEAD: Duration = Duration::from_millis(200);
/// How long late requests may still be sent after the last one was due. Requests that are left then
/// are reported as not sent, so that a server that is too slow for the rate cannot make the run
/// endless.
const LATE_MAX: Duration = Duration::from_secs(5);

/// Measures a server.
pub async fn run(
    arguments: &Bench,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    let (named, settings_file) = (arguments.server.as_deref(), arguments.config.as_ref());
    let server = server_address(named, &arguments.credentials, settings_file, environment, output)?;
    let api = Api::remote(server.clone());
    let (paths, created) = subjects::create(&api, arguments.personas).await;
    let paths = Arc::new(paths);
    let measured = match created {
        Ok(()) => tokio::select! {
            measured = measure(arguments, &server, &paths) => measured,
            // The personas are deleted nevertheless.
            _ = tokio::signal::ctrl_c() => Err(Failure::silent(ExitCode::Interrupted)),
        },
        Err(failure) => Err(failure),
    };
    let deleted = if arguments.keep { Ok(()) } else { subjects::delete(&api, &paths).await };
    let report = measured?;
    report.print(&server.to_string(), output)?;
    deleted?;
    match report.tally.failed() + report.unsent {
        0 => Ok(()),
        failed => Err(Failure::new(
            ExitCode::Failure,
            format!("{failed} of {} requests failed or were never sent", report.total),
        )),
    }
}

async fn measure(
    arguments: &Bench,
    server: &ServerAddress,
    paths: &Arc<Vec<String>>,
) -> Result<Report, Failure> {
    let start = Instant::now() + LEAD;
    let schedule =
        Arc::new(Schedule::new(start, arguments.rate, arguments.seconds, arguments.write_percent));
    let give_up_at = start + Duration::from_secs(arguments.seconds.into()) + LATE_MAX;
    let mut connections = tokio::task::JoinSet::new();
    for _ in 0..arguments.connections {
        // Each connection has a separate client, because a client shares its connections.
        let connection = Connection {
            api: Api::remote(server.clone()),
            schedule: Arc::clone(&schedule),
            paths: Arc::clone(paths),
            give_up_at,
        };
        connections.spawn(connection.run());
    }
    let mut tally = Tally::default();
    while let Some(ended) = connections.join_next().await {
        let failed = |error: &dyn std::error::Error| {
            Failure::new(ExitCode::Failure, "a connection ended early").because(error)
        };
        tally.add(&ended.map_err(|error| failed(&error))?.map_err(|error| failed(&error))?);
    }
    let unsent = schedule.total() - tally.answered() - tally.failed();
    Ok(Report {
        total: schedule.total(),
        unsent,
        took: start.elapsed(),
        wanted_rate: arguments.rate,
        tally,
    })
}

/// One connection, with the requests that it sends.
struct Connection {
    api: Api,
    schedule: Arc<Schedule>,
    paths: Arc<Vec<String>>,
    give_up_at: Instant,
}

impl Connection {
    async fn run(self) -> std::io::Result<Tally> {
        let alarm = Alarm::new()?;
        let mut tally = Tally::default();
        while let Some(ticket) = self.schedule.take() {
            let now = Instant::now();
            if now >= self.give_up_at {
                break;
            }
            if now > ticket.due {
                tally.delayed += 1;
            }
            alarm.wait_until(ticket.due).await?;
            self.send(ticket, &mut tally).await;
        }
        Ok(tally)
    }

    async fn send(&self, ticket: Ticket, tally: &mut Tally) {
        let path = &self.paths[usize::try_from(ticket.dice).unwrap_or_default() % self.paths.len()];
        let answer = if ticket.writes {
            let change = json!({ "nickname": format!("change {}", ticket.number) });
            self.api.write(Method::PATCH, path, &[], Some(&change)).await
        } else {
            self.api.get(path).await
        };
        let took = ticket.due.elapsed();
        let error = match answer {
            Ok(reply) if reply.status.is_success() => {
                let times = if ticket.writes { &mut tally.writes } else { &mut tally.reads };
                return times.record(took);
            }
            Ok(reply) => reply.status.as_str().to_string(),
            Err(failure) => failure.message,
        };
        *tally.errors.entry(error).or_default() += 1;
    }
}

/// The result of a run.
struct Report {
    total: u64,
    unsent: u64,
    took: Duration,
    wanted_rate: u32,
    tally: Tally,
}

impl Report {
    fn achieved_rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a rate has a handful of digits")]
        let answered = self.tally.answered() as f64;
        answered / self.took.as_secs_f64()
    }

    fn print(&self, url: &str, output: &Output) -> Result<(), Failure> {
        let Tally { reads, writes, errors, delayed } = &self.tally;
        if output.is_json() {
            return output.json(&json!({
                "server": url,
                "seconds": self.took.as_secs_f64(),
                "rate_wanted": self.wanted_rate,
                "rate_achieved": self.achieved_rate(),
                "requests": self.total,
                "unsent": self.unsent,
                "delayed": delayed,
                "reads": reads.to_json(),
                "writes": writes.to_json(),
                "errors": errors,
            }));
        }
        let mut table =
            Table::new(["", "COUNT", "P50 MS", "P90 MS", "P99 MS", "P99.9 MS", "MAX MS"]);
        for (name, times) in [("reads", reads), ("writes", writes)] {
            let [p50, p90, p99, p999, max] = times.cells();
            table.row([name.into(), times.count().to_string(), p50, p90, p99, p999, max]);
        }
        output.bytes(table.text().as_bytes())?;
        let achieved = self.achieved_rate();
        output.result(&format!(
            "{achieved:.0} requests a second of {} wanted; latency counts from when each was due",
            self.wanted_rate
        ))?;
        if *delayed > 0 {
            output.warn(&format!(
                "{delayed} requests found no free connection when they were due: \
                 more --connections, or a lower --rate"
            ));
        }
        if self.unsent > 0 {
            output.warn(&format!(
                "{} requests were never sent, so the true times are longer",
                self.unsent
            ));
        }
        errors.iter().try_for_each(|(what, count)| output.result(&format!("{count} times {what}")))
    }
}

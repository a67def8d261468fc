//! Reads over HTTP beside the bare server: how much of the time is the database's.

use std::net::SocketAddr;

use serde_json::Value;

use crate::client::Client;
use crate::rivals::bare;
use crate::rivals::ours::{Committer, Ours};
use crate::row::{Row, Target};
use crate::spread::Spread;
use crate::table::Session;
use crate::wrk::{Aim, Load, Measured};
use crate::{Result, child, personas};

/// Commits a second of another process while reads are measured.
const COMMITS: u32 = 1_000;
/// Requests a second of the measurement at a fixed rate: well below the limit of both servers, so
/// that no request queues.
const FIXED_RATE: &str = "2000";

pub fn compare(session: &Session) -> Result<Vec<Row>> {
    let (options, database) = (&session.options, session.store("reads")?);
    let ours = Ours::start(&database, options.workers(), "normal")?;
    let path = format!("{}{}", personas::PATH, personas::id(0));
    let answer = Client::connect(ours.server.address)?.get(&path)?;
    let folder = database.parent().ok_or("a database without a folder")?;
    let bare = bare::start(&answer, folder, options.workers())?;
    let tag = known_tag(ours.server.address, &path)?;
    if known_tag(bare.address, &path)? != tag {
        return Err("the bare server knows another entity tag".into());
    }
    let our_aim = Aim { tag, ..Aim::api(ours.server.url(), options.personas) };
    let bare_aim = Aim { url: bare.url(), ..our_aim.clone() };
    let run = |aim: &Aim, load| session.load(aim, load);
    // The first pair warms both servers up, and its figures are thrown away.
    run(&our_aim, Load::Get)?;
    run(&bare_aim, Load::Get)?;

    let get = session.pairs(|| run(&our_aim, Load::Get), || run(&bare_aim, Load::Get))?;
    let zipf = session.pairs(|| run(&our_aim, Load::Zipf), || run(&bare_aim, Load::Zipf))?;
    let known = session.pairs(|| run(&our_aim, Load::Known), || run(&bare_aim, Load::Known))?;
    let fixed = session.pairs(
        || at_fixed_rate(session, &ours, &our_aim.url),
        || at_fixed_rate(session, &ours, &bare_aim.url),
    )?;
    let beside_commits = |load| -> Result<_> {
        let mut commits = Vec::new();
        let pairs = session.pairs(
            || {
                let committer = Committer::start(&database, options.personas, COMMITS)?;
                let measured = run(&our_aim, load);
                commits.push(committer.stop()?);
                measured
            },
            || run(&bare_aim, load),
        )?;
        Ok((pairs, Spread::of(commits).median()))
    };
    let (popular, popular_commits) = beside_commits(Load::Zipf)?;
    let (even, even_commits) = beside_commits(Load::Get)?;
    let busy = |load: &str, commits: f64| {
        format!(
            "GET{load} while another process commits {commits:.0} updates/s, beside the bare server \
             idle"
        )
    };
    let rates = |name: &str, target, pairs: &[(Measured, Measured)]| {
        row(name, "requests/s", target, pairs, |load| load.rate)
    };
    Ok(vec![
        rates("GET by id beside a bare server", Target::RatioAtLeast(0.5), &get),
        rates("GET by id, Zipf, beside a bare server", Target::RatioAtLeast(0.7), &zipf),
        rates("304 beside a bare server", Target::RatioAtLeast(0.95), &known),
        row("p99 of GET beside a bare server", "ms", Target::RatioAtMost(1.3), &get, |load| {
            load.p99
        }),
        row("p99 of GET at 2,000/s, from when each was due", "ms", Target::None, &fixed, |p99| {
            *p99
        }),
        rates(&busy(", Zipf,", popular_commits), Target::RatioAtLeast(0.6), &popular),
        rates(&busy("", even_commits), Target::RatioAtLeast(0.6), &even),
        Row::alone(
            "errors of all reads of ours",
            "requests",
            Target::AtMost(0.0),
            errors(&[get, zipf, known, popular, even]),
        ),
    ])
}

/// The entity tag of the persona at a path. Checks that the server answers 304 to it, and sends no
/// body then.
fn known_tag(server: SocketAddr, path: &str) -> Result<String> {
    let mut client = Client::connect(server)?;
    let tag = client.get(path)?.etag.ok_or("an answer without ETag")?;
    let answer = client.send("GET", path, &format!("If-None-Match: {tag}\r\n"), "")?;
    if answer.status == 304 && answer.body.is_empty() {
        Ok(tag)
    } else {
        Err(format!("a known persona was answered with {}", answer.status).into())
    }
}

/// The 99th percentile in milliseconds at a fixed rate, measured by `persona bench`.
fn at_fixed_rate(session: &Session, ours: &Ours, url: &str) -> Result<f64> {
    let seconds = session.options.seconds.to_string();
    let flags = [
        "bench",
        "--json",
        "--write-percent",
        "0",
        "--rate",
        FIXED_RATE,
        "--seconds",
        &seconds,
        "--server",
        url,
    ];
    let report: Value = serde_json::from_str(&child::output(&mut ours.prepared(&flags))?)?;
    report["reads"]["p99_micros"]
        .as_f64()
        .map(|micros| micros / 1000.0)
        .ok_or_else(|| "persona bench told no p99".into())
}

fn errors(groups: &[Vec<(Measured, Measured)>]) -> Spread {
    Spread::of([groups.iter().flatten().map(|(ours, _)| ours.errors).sum()])
}

/// A row of one figure of each side, chosen from both measurements.
pub fn row<T>(
    name: &str,
    unit: &'static str,
    target: Target,
    pairs: &[(T, T)],
    figure: impl Fn(&T) -> f64,
) -> Row {
    let ours = Spread::of(pairs.iter().map(|(ours, _)| figure(ours)));
    let rival = Spread::of(pairs.iter().map(|(_, rival)| figure(rival)));
    Row::compared(name, unit, target, ours, rival)
}

//! Followers of events: their cost to writers and memory, how soon they are told, and how fast one
//! catches up.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use persona_model::Clock;
use persona_server::clock::SystemClock;
use persona_storage::sqlite::{Settings, SqliteStore};
use persona_storage::{NoObserver, Store, Token, TokenChange, TokenScope, TokenSecret};
use serde_json::json;

use crate::client::Client;
use crate::followers::{Acknowledged, Crowd, Follower, arrivals, worker_in};
use crate::hostile::raise_descriptors;
use crate::rivals::ours::Ours;
use crate::row::{Row, Target};
use crate::spread::Spread;
use crate::table::Session;
use crate::wrk::{Aim, Load};
use crate::{Result, machine, personas};

/// How many followers there are at once.
const FOLLOWERS: usize = 1_000;
/// How many writers there are while the delay of events is measured; the next constant is their
/// changes a second together.
const WRITERS: u64 = 16;
const CHANGES_A_SECOND: u64 = 1_000;
/// How many events a follower that catches up is behind at least.
const EVENTS_BEHIND: u64 = 1_000_000;
/// The query of a follower that is told of no change: no persona of the store has this identity.
const OF_NOTHING: &str = "?persona=00000000-0000-0000-0000-000000000000";

pub fn compare(session: &Session) -> Result<Vec<Row>> {
    raise_descriptors();
    let options = &session.options;
    let flags: Vec<OsString> = [
        "--connections-max=3072",
        "--connections-share=100",
        "--event-streams-max=2000",
        "--expose-worker",
        "--event-streams-per-client=2000",
    ]
    .map(Into::into)
    .into();
    let database = session.store("feed")?;
    let start = || Ours::start_with(&database, options.workers(), "normal", &flags);
    // Of new servers: one that had as many followers before has their memory still.
    let memory =
        (0..options.pairs).map(|_| memory_of_each(&start()?)).collect::<Result<Vec<_>>>()?;
    let ours = start()?;
    let server = ours.server.address;
    let aim = Aim::api(ours.server.url(), options.personas);
    session.load(&aim, Load::Patch)?;
    let beside = Beside { session, server };
    let free = [
        beside.row(
            "PATCH beside 1,000 followers of nothing",
            Target::RatioAtLeast(0.9),
            &aim,
            &Followed { query: OF_NOTHING, fields: "", is_told: false },
        )?,
        beside.row(
            "PATCH beside 1,000 followers of everything",
            Target::None,
            &aim,
            &Followed { query: "", fields: "", is_told: true },
        )?,
    ];
    let delays = (0..options.pairs)
        .map(|_| delay_p99_ms(server, options.seconds))
        .collect::<Result<Vec<_>>>()?;
    let far = if options.quick { 0 } else { EVENTS_BEHIND };
    while newest(server)? < far {
        session.load(&aim, Load::Patch)?;
    }
    let events = newest(server)?;
    let caught_up = (0..options.pairs)
        .map(|_| Follower::connect(server, "?after=0")?.drain(events))
        .collect::<Result<Vec<_>>>()?;
    // Last, because a server with tokens wants one with every request.
    let bound = beside.bound(&database, aim)?;
    let others = [
        Row::alone("memory of a follower", "KiB", Target::AtMost(64.0), Spread::of(memory)),
        Row::alone(
            "p99 from the answer of a change to its event on another worker, at 1,000 changes a second",
            "ms",
            Target::AtMost(20.0),
            Spread::of(delays),
        ),
        Row::alone(
            "a follower that catches up, a million events and more behind",
            "events/s",
            Target::AtLeast(50_000.0),
            Spread::of(caught_up),
        ),
    ];
    Ok(free.into_iter().chain(bound).chain(others).collect())
}

/// What all followers of a measurement ask for.
struct Followed<'a> {
    query: &'a str,
    /// Header fields, each with its end of the line.
    fields: &'a str,
    /// Whether they are told of the changes.
    is_told: bool,
}

/// Measures writes beside followers, and without them.
struct Beside<'a> {
    session: &'a Session,
    server: SocketAddr,
}

impl Beside<'_> {
    fn row(&self, name: &str, target: Target, aim: &Aim, followed: &Followed<'_>) -> Result<Row> {
        let pairs =
            self.session.pairs(|| self.rate(aim, Some(followed)), || self.rate(aim, None))?;
        let (ours, alone) = (pairs.iter().map(|pair| pair.0), pairs.iter().map(|pair| pair.1));
        Ok(Row::compared(name, "updates/s", target, Spread::of(ours), Spread::of(alone)))
    }

    fn rate(&self, aim: &Aim, followed: Option<&Followed<'_>>) -> Result<f64> {
        let crowd = followed
            .map(|all| Crowd::connect(self.server, FOLLOWERS, all.query, all.fields))
            .transpose()?;
        let before = crowd.as_ref().map_or(0, Crowd::bytes);
        let measured = self.session.load(aim, Load::Patch)?;
        let is_told = followed.is_some_and(|all| all.is_told);
        if crowd.is_some_and(|crowd| is_told && crowd.bytes() == before) {
            return Err("the followers were told of nothing".into());
        }
        Ok(measured.rate)
    }

    /// The same beside followers with tokens of an owner.
    fn bound(&self, database: &Path, aim: Aim) -> Result<[Row; 2]> {
        let tokens = add_tokens(database)?;
        let aim = aim.with("Authorization", &tokens.writer);
        let [with_shared, without_shared] = [&tokens.with_shared, &tokens.without_shared]
            .map(|token| format!("Authorization: {token}\r\n"));
        Ok([
            self.row(
                "PATCH beside 1,000 followers with tokens of an owner, of nothing",
                Target::RatioAtLeast(0.9),
                &aim,
                &Followed { query: "", fields: &without_shared, is_told: false },
            )?,
            self.row(
                "PATCH beside 1,000 followers with tokens of an owner, of everything",
                Target::None,
                &aim,
                &Followed { query: "", fields: &with_shared, is_told: true },
            )?,
        ])
    }
}

/// Header fields with tokens.
struct Tokens {
    /// Changes all personas.
    writer: String,
    /// Is bound to an owner that has no persona, and reads those of no owner: all of the store.
    with_shared: String,
    /// Is bound to such an owner, and reads none.
    without_shared: String,
}

/// Makes the tokens in the store of a running server.
fn add_tokens(database: &Path) -> Result<Tokens> {
    let store =
        SqliteStore::open(Settings::new(database), Arc::new(SystemClock), Arc::new(NoObserver))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let add = |name: &str, scope, owner: Option<&str>, shared| -> Result<String> {
        let secret = TokenSecret::random()?;
        let mut token = Token::new(name.into(), secret.hash(), scope, SystemClock.now())?;
        (token.owner, token.shared) = (owner.map(Into::into), shared);
        runtime.block_on(store.change_token(TokenChange::Create(token)))?;
        Ok(format!("Bearer {}", secret.expose()))
    };
    Ok(Tokens {
        writer: add("writer", TokenScope::Write, None, false)?,
        with_shared: add("ada", TokenScope::Read, Some("ada"), true)?,
        without_shared: add("bea", TokenScope::Read, Some("bea"), false)?,
    })
}

/// The memory of the workers that each of many followers takes up, in KiB.
fn memory_of_each(ours: &Ours) -> Result<f64> {
    let workers = ours.worker_pids()?;
    let memory = || -> f64 { workers.iter().filter_map(|pid| machine::resident_mb(*pid)).sum() };
    let before = memory();
    let crowd = Crowd::connect(ours.server.address, FOLLOWERS, OF_NOTHING, "")?;
    let after = memory();
    drop(crowd);
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    Ok((after - before).max(0.0) * 1e6 / 1024.0 / FOLLOWERS as f64)
}

/// The number of the newest event, which is the count of events.
fn newest(server: SocketAddr) -> Result<u64> {
    let page = Client::connect(server)?.send(
        "GET",
        "/api/v1/events",
        "Accept: application/json\r\n",
        "",
    )?;
    let place = page.success()?.json()?["next_after"].as_str().unwrap_or_default().to_owned();
    // On SQLite the numbers of events have no gaps.
    Ok(place.split('-').next().unwrap_or_default().parse()?)
}

/// The 99th percentile of the time from the answer of a change to its event on another worker, or
/// on another connection where the server has one worker.
fn delay_p99_ms(server: SocketAddr, seconds: u32) -> Result<f64> {
    let (is_over, acknowledged) = (AtomicBool::new(false), Mutex::new(Acknowledged::new()));
    let follower = Follower::connect(server, "")?;
    let here = follower.worker.clone();
    let told = thread::scope(|scope| -> Result<_> {
        let following = scope.spawn(|| arrivals(follower, &is_over));
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                scope.spawn({
                    let acknowledged = &acknowledged;
                    move || write(server, writer, seconds, acknowledged)
                })
            })
            .collect();
        for writer in writers {
            writer.join().map_err(|_| "a writer panicked")??;
        }
        is_over.store(true, Relaxed);
        // The follower ends after one more change.
        write(server, 0, 0, &acknowledged)?;
        Ok(following.join().map_err(|_| "the follower panicked")?)
    })?;
    let acknowledged = acknowledged.into_inner().unwrap_or_default();
    let is_one = acknowledged.values().all(|(_, worker)| *worker == here);
    let mut delays: Vec<f64> = told
        .iter()
        .filter_map(|(change, at)| Some((at, acknowledged.get(change)?)))
        .filter(|(_, (_, worker))| is_one || *worker != here)
        .map(|(at, (answered, _))| at.saturating_duration_since(*answered).as_secs_f64() * 1000.0)
        .collect();
    if delays.len() < usize::try_from(CHANGES_A_SECOND)? / 4 {
        return Err(format!("only {} changes were told", delays.len()).into());
    }
    delays.sort_by(f64::total_cmp);
    Ok(delays[(delays.len() - 1) * 99 / 100])
}

/// Changes its own personas at a fixed pace, at least once.
fn write(
    server: SocketAddr,
    writer: u64,
    seconds: u32,
    acknowledged: &Mutex<Acknowledged>,
) -> Result<()> {
    let mut client = Client::connect(server)?;
    let (began, each) = (Instant::now(), CHANGES_A_SECOND / WRITERS);
    let id = personas::id(writer).to_string();
    for number in 0..=each * u64::from(seconds) {
        let due = began + Duration::from_micros(number * 1_000_000 / each);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let body = json!({ "nickname": format!("{writer} {number} {began:?}") }).to_string();
        let answer = client.send("PATCH", &format!("{}{id}", personas::PATH), "", &body)?;
        let now = Instant::now();
        let (worker, persona) = (worker_in(&answer.fields), answer.success()?.json()?);
        let revision = persona["revision"].as_u64().unwrap_or_default();
        let mut acknowledged = acknowledged.lock().map_err(|_| "a writer panicked")?;
        acknowledged.insert((id.clone(), revision), (now, worker));
    }
    Ok(())
}

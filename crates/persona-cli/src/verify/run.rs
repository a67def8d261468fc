//! The whole course of a run: server, load, export, checks, report.

use std::fmt::Display;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;
use http_body_util::Full;
use persona_http::contract::OperationId;
use persona_http::contract::problem_body::ProblemBody;
use persona_http::contract::problems::Code;
use persona_http::contract::status::Status;
use tokio::task::JoinSet;

use super::autosaved;
use super::chaos::{self, Kills};
use super::checks::{self, Check, Poll, Told};
use super::client::Client;
use super::connection::{Answer, Connection, Silence, ask};
use super::error::Error;
use super::export;
use super::follow::Follower;
use super::hidden::Hidden;
use super::labelled;
use super::lives::{self, Led};
use super::load::Load;
use super::overtaken;
use super::permission;
use super::plan::{Chaos, Plan, ServerUnderTest};
use super::purged;
use super::random::Random;
use super::refusals;
use super::renamed;
use super::report::Report;
use super::scratch::Scratch;
use super::settled;
use super::streams::Stream;
use super::together::Together;
use crate::client::ServerAddress;

/// Time between two reports of progress.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);
/// Pause between two checks whether the load has ended by itself.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// How long a server may take to be ready again after the last kill.
const BACK_WAIT_MAX: Duration = Duration::from_secs(30);
/// The streams of random numbers for other uses than clients.
const STREAM_OF_CHAOS: u64 = u64::MAX;
const STREAM_OF_TOGETHER: u64 = u64::MAX - 1;
const STREAM_OF_LABELLED: u64 = u64::MAX - 2;
const STREAM_OF_RENAMED: u64 = u64::MAX - 3;

/// The progress of a run.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Time since the load began.
    pub elapsed: Duration,
    /// Length of the load.
    pub duration: Duration,
    /// Requests until now.
    pub operations: u64,
    /// Acknowledged writes until now.
    pub writes: u64,
    /// Requests without an answer until now.
    pub unknown: u64,
    /// Whether the load has ended and the history is being checked.
    pub checking: bool,
}

/// Runs the plan. When `interrupted` completes, the load ends early and is still checked.
pub async fn run(
    plan: &Plan,
    progress: &mut dyn FnMut(&Progress),
    interrupted: impl Future<Output = ()>,
) -> Result<Report, Error> {
    let (mut scratch, address) = match &plan.server {
        ServerUnderTest::Scratch(scratch) => {
            let scratch = Scratch::start(scratch).await?;
            let address = scratch.address.clone();
            (Some(scratch), address)
        }
        ServerUnderTest::Server(address) => (None, address.clone()),
    };
    permission::check(&address).await?;
    let workers = workers_of(&address).await?;
    let tag = format!("persona verify {:08x}", plan.run);
    let load = Arc::new(Load::new(address, tag, workers, plan.hot_keys, plan.chaos != Chaos::None));
    let follower = Follower::start(Arc::clone(&load)).await;
    let streams = Stream::start(&load).await;
    let mut first = Client::new(Arc::clone(&load), Random::new(plan.seed, 0));
    first.create_many(plan.hot_keys * 2).await;
    overtaken::overtake(&load).await;
    let reserved = Reserved::create(&load, &mut first).await;
    let began = Instant::now();
    let following = tokio::spawn(follower.run());
    let mut told: JoinSet<Stream> = streams.into_iter().map(Stream::run).collect();
    let mut clients = start_clients(plan, &load, first, &reserved);
    let random = Random::new(plan.seed, STREAM_OF_CHAOS);
    let killing = async {
        let Some(scratch) = &mut scratch else { return Ok(Kills::default()) };
        let kills = chaos::kill(plan.chaos, scratch, &load, random).await;
        // If killing fails, the load ends too.
        if kills.is_err() {
            load.stop();
        }
        kills
    };
    let (kills, ()) = tokio::join!(killing, watch(plan, &load, began, &mut *progress, interrupted));
    let mut kills = kills?;
    while clients.join_next().await.is_some() {}
    reserved.reveal();
    let lasted = began.elapsed();
    progress(&progress_of(plan, &load, began, true));
    // The task ends without a result only after a panic, which was reported.
    let mut followers = Followers { lists: following.await.ok(), streams: Vec::new() };
    while let Some(stream) = told.join_next().await {
        followers.streams.extend(stream);
    }
    if let Some(scratch) = scratch.as_mut().filter(|_| load.can_go_on()) {
        kills.refusals = refusals::refuse_and_kill(scratch, &load, plan.seed).await?;
    }
    judge(plan, &load, scratch, kills, lasted, followers).await
}

/// The personas that serve one check alone, until the load ends.
struct Reserved {
    together: Arc<Together>,
    labelled: Option<Arc<Hidden>>,
    renamed: Option<Arc<Hidden>>,
    autosaved: Option<Arc<Hidden>>,
}

impl Reserved {
    async fn create(load: &Arc<Load>, client: &mut Client) -> Self {
        Self {
            together: Together::create(Arc::clone(load), client).await,
            labelled: Hidden::create(load, client).await,
            renamed: Hidden::create(load, client).await,
            autosaved: Hidden::create(load, client).await,
        }
    }

    fn reveal(&self) {
        self.together.reveal();
        let all = [&self.labelled, &self.renamed, &self.autosaved];
        all.into_iter().flatten().for_each(|hidden| hidden.reveal());
    }
}

/// Starts the clients, which work until the load ends.
fn start_clients(plan: &Plan, load: &Arc<Load>, first: Client, reserved: &Reserved) -> JoinSet<()> {
    let client = |stream| Client::new(Arc::clone(load), Random::new(plan.seed, stream));
    let mut clients = JoinSet::new();
    clients.spawn(first.run());
    for number in 1..u64::from(plan.clients) {
        clients.spawn(client(number).run());
    }
    clients.spawn(Arc::clone(&reserved.together).write(client(STREAM_OF_TOGETHER)));
    clients.spawn(Arc::clone(&reserved.together).watch());
    if let Some(labelled) = &reserved.labelled {
        clients.spawn(labelled::move_on(Arc::clone(labelled), client(STREAM_OF_LABELLED)));
        clients.spawn(labelled::watch(Arc::clone(labelled)));
    }
    if let Some(renamed) = &reserved.renamed {
        clients.spawn(renamed::rename(Arc::clone(renamed), client(STREAM_OF_RENAMED)));
        clients.spawn(renamed::watch(Arc::clone(renamed)));
    }
    if let Some(autosaved) = &reserved.autosaved {
        clients.spawn(autosaved::save(Arc::clone(autosaved)));
    }
    clients.spawn(purged::purge(Arc::clone(load)));
    clients.spawn(purged::watch(Arc::clone(load)));
    clients
}

/// Waits until the load ends, for whatever reason, and reports the progress.
async fn watch(
    plan: &Plan,
    load: &Load,
    began: Instant,
    progress: &mut dyn FnMut(&Progress),
    interrupted: impl Future<Output = ()>,
) {
    let mut interrupted = std::pin::pin!(interrupted);
    let mut ticks = tokio::time::interval(PROGRESS_INTERVAL);
    let mut looks = tokio::time::interval(LOOK_INTERVAL);
    while !load.is_stopped() {
        tokio::select! {
            () = interrupted.as_mut() => break,
            _ = ticks.tick() => progress(&progress_of(plan, load, began, false)),
            _ = looks.tick() => {}
        }
        if began.elapsed() >= plan.duration {
            break;
        }
    }
    load.stop();
}

fn progress_of(plan: &Plan, load: &Load, began: Instant, checking: bool) -> Progress {
    let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Relaxed);
    let (operations, writes, unknown) =
        (count(&load.operations), count(&load.writes), count(&load.unknown));
    Progress {
        elapsed: began.elapsed(),
        duration: plan.duration,
        operations,
        writes,
        unknown,
        checking,
    }
}

/// Leads a scratch database through two lives. An error means that check T could not be made, with
/// a reason if it must be reported.
async fn lead_two_lives(scratch: &mut Scratch, load: &Load) -> Result<(), Option<String>> {
    if !load.can_go_on() {
        return Err(None);
    }
    match lives::lead(scratch, load).await {
        Ok(Led::Restored) => Ok(()),
        Ok(Led::NotTried(why)) => Err(Some(why)),
        Err(what) => {
            load.complain(Check::Errors, what);
            Err(None)
        }
    }
}

/// The clients that follow changes.
struct Followers {
    lists: Option<Follower>,
    streams: Vec<Stream>,
}

/// What the followers saw.
#[derive(Default)]
struct Followed {
    polls: Vec<Poll>,
    /// The events of each stream.
    told: Vec<Vec<Told>>,
}

impl Followers {
    /// Lets the followers read to the end; empty if the server cannot be reached any more.
    async fn finish(self, load: &Load) -> Followed {
        let mut followed = Followed::default();
        if load.gone().is_some() {
            return followed;
        }
        if let Some(lists) = self.lists {
            followed.polls = lists.finish().await;
        }
        let known = load.personas().clone();
        let personas = (0..).zip(known).filter_map(|(number, id)| Some((id?, number))).collect();
        for stream in self.streams {
            followed.told.push(stream.finish(&personas).await);
        }
        followed
    }
}

async fn judge(
    plan: &Plan,
    load: &Load,
    mut scratch: Option<Scratch>,
    kills: Kills,
    lasted: Duration,
    mut followers: Followers,
) -> Result<Report, Error> {
    match (read_all(load).await, &scratch) {
        (Ok(()), _) => {}
        // No other program ends the scratch server, so its end is a violation.
        (Err(error), Some(_)) => load.complain(Check::Errors, error.to_string()),
        (Err(error), None) => return Err(error),
    }
    purged::look_again(load).await;
    let is_held_up =
        load.can_go_on() && settled::end_of_changes(&load.address, &load.tag).await.is_none();
    if is_held_up {
        followers.streams.clear();
    }
    let Followed { polls, told } = followers.finish(load).await;
    let restored = match &mut scratch {
        Some(scratch) if !is_held_up => lead_two_lives(scratch, load).await,
        _ => Err(None),
    };
    let mut findings = std::mem::take(&mut *load.findings());
    match &mut scratch {
        Some(scratch) => scratch
            .stop_and_check()
            .await
            .into_iter()
            .for_each(|problem| findings.add(Check::Intact, problem)),
        None => remove_personas(load).await,
    }
    let mut records = load.history.take();
    findings.merge(checks::check_followed(&polls, &records));
    for told in &told {
        findings.merge(checks::check_told(told, &records));
    }
    findings.merge(checks::check(&mut records));
    // Violations count even if the load was cut short; but without violations a shortened load
    // proves little.
    if load.is_full() && findings.total() == 0 {
        return Err(Error::NoSpace {
            what: plan.server.to_string(),
            writes: load.writes.load(Relaxed),
        });
    }
    if is_held_up && findings.total() == 0 {
        let waited = settled::SETTLE_WAIT_MAX;
        return Err(Error::HeldUp { server: plan.server.to_string(), waited });
    }
    let kept = scratch.filter(|_| findings.total() > 0).map(Scratch::keep);
    let report = Report::new(plan, &load.workers, &records, findings, kills, lasted, kept);
    Ok(report.after_restore(restored))
}

/// Reads everything again, as soon as the server is ready after the last kill.
async fn read_all(load: &Load) -> Result<(), Error> {
    if let Some(why) = load.gone() {
        return Err(gone(&load.address, &why));
    }
    wait_until_back(&load.address).await?;
    export::read(load).await
}

fn gone(address: &ServerAddress, why: &dyn Display) -> Error {
    Error::Gone { server: address.to_string(), why: why.to_string() }
}

async fn get(address: &ServerAddress, path: &str) -> Result<Answer, Error> {
    ask(address, Method::GET, path, &[], Bytes::new()).await.map_err(|silence| match silence {
        Silence::NotSent => gone(address, &"it takes no connection, or closed it"),
        Silence::Unknown(why) => gone(address, &why),
    })
}

/// The slots of the workers; only 0 when the server does not name the worker that answers.
async fn workers_of(address: &ServerAddress) -> Result<Vec<u8>, Error> {
    let foreign = |why: String| Error::Foreign { server: address.to_string(), why };
    let answer = get(address, OperationId::GetStatus.path()).await?;
    let status: Status = serde_json::from_slice(&answer.body)
        .map_err(|error| foreign(format!("its status cannot be read: {error}")))?;
    if !answer.headers.contains_key("x-persona-worker") {
        return Ok(vec![0]);
    }
    Ok(status.workers.iter().filter_map(|worker| worker.slot.try_into().ok()).collect())
}

async fn wait_until_back(address: &ServerAddress) -> Result<(), Error> {
    let began = Instant::now();
    loop {
        match get(address, OperationId::GetReadiness.path()).await {
            // Without space for writes, reads still work, so that is enough.
            Ok(answer) if answer.status.is_success() || is_only_full(&answer.body) => return Ok(()),
            Ok(_) | Err(_) if began.elapsed() < BACK_WAIT_MAX => {
                tokio::time::sleep(LOOK_INTERVAL).await;
            }
            Ok(answer) => return Err(gone(address, &answer.status)),
            Err(error) => return Err(error),
        }
    }
}

/// Whether an answer about readiness says that only space is missing.
fn is_only_full(body: &[u8]) -> bool {
    ProblemBody::read(body).cause.as_deref() == Some(Code::StorageFull.facts().word)
}

/// Deletes the personas of this run on a server that the run did not start.
async fn remove_personas(load: &Load) {
    let Ok(mut connection) = Connection::open(&load.address).await else { return };
    let ids: Vec<_> = load.personas().iter().copied().flatten().collect();
    for id in ids {
        let path = OperationId::DeletePersona.path_of(&[&id.to_string()]);
        let request = load
            .address
            .request(Method::DELETE, &path)
            .header("if-match", "*")
            .body(Full::default());
        let Ok(request) = request else { return };
        if connection.send(request).await.is_err() {
            return;
        }
    }
}

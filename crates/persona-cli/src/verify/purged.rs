//! Personas that are purged: from the answer on no worker has anything of them, and nothing brings
//! them back.
//!
//! One client makes a persona with a handle, a label and some revisions, reads it by all of them on
//! every worker, so that they have it in memory, purges it, and reads again right behind the
//! answer. Another client reads the one that was purged last, on each worker in turn. After the
//! load all are looked for once more, also in the export, and each stream of events must have told
//! of each purge once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use persona_http::contract::OperationId;
use persona_http::contract::problem_body::ProblemBody;
use persona_http::contract::problems::Code;
use persona_model::PersonaId;
use serde_json::{Value, json};

use super::checks::Check;
use super::connection::{Answer, ask};
use super::load::Load;

/// The label.
const LABEL: &str = "verify";
/// Personas that are purged even if the load ends before.
const ROUNDS_MIN: u64 = 2;
/// Most of those that were purged that are looked for after the load.
const LOOKED_FOR_MAX: usize = 100;
/// Pause after a request that was not answered as wanted, and between two looks.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(20);
const PAUSE: Duration = Duration::from_millis(2);
/// Longest time for one of the requests that are repeated, when processes are killed.
const REPEATED_FOR: Duration = Duration::from_mins(1);

/// The name of every such persona.
pub fn name(load: &Load) -> String {
    format!("to be purged by {}", load.tag)
}

/// Makes personas and purges them until the load ends.
pub async fn purge(load: Arc<Load>) {
    let mut rounds = 0;
    while rounds < ROUNDS_MIN || !load.is_stopped() {
        rounds += 1;
        let Some(id) = create(&load, rounds).await else { return load.leave_unpurged() };
        fill(&load, id).await;
        for worker in load.workers.clone() {
            for path in paths(id) {
                get_on(&load, worker, &path).await;
            }
        }
        if is_purged(&load, id).await.is_none() {
            return load.leave_unpurged();
        }
        load.purged().push(id);
        for worker in load.workers.clone() {
            look(&load, worker, id).await;
        }
        load.findings().purged += 1;
    }
}

/// Reads the persona that was purged last on every worker in turn, until the load ends.
pub async fn watch(load: Arc<Load>) {
    while !load.is_stopped() {
        for worker in load.workers.clone() {
            let newest = load.purged().last().copied();
            if let Some(id) = newest {
                look(&load, worker, id).await;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Looks for purged personas after the load.
pub async fn look_again(load: &Load) {
    let newest: Vec<PersonaId> = load.purged().iter().rev().take(LOOKED_FOR_MAX).copied().collect();
    for (place, id) in newest.into_iter().enumerate() {
        look(load, load.workers[place % load.workers.len()], id).await;
    }
}

/// Creates a persona; repeated until it is answered, with a key. `None` if the server is gone or
/// full, which is reported elsewhere.
async fn create(load: &Load, number: u64) -> Option<PersonaId> {
    let key = format!("{}-purged-{number}", load.tag).replace(' ', "-");
    let handle = format!("{}-{number}", key.to_lowercase());
    let body = json!({ "name": name(load), "handle": handle.replace("persona-verify", "p") });
    let headers = [("idempotency-key", key.as_str())];
    let path = OperationId::CreatePersona.path_of(&[]);
    let began = Instant::now();
    loop {
        let answer = send(load, Method::POST, &path, &headers, &body).await;
        if let Some(answer) = answer.filter(|answer| answer.status.is_success()) {
            let made = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
            return made["id"].as_str().and_then(PersonaId::parse);
        }
        go_on(load, began).await?;
    }
}

/// Gives a persona a second revision and a label. What fails is left out.
async fn fill(load: &Load, id: PersonaId) {
    let id = id.to_string();
    let path = OperationId::PatchPersona.path_of(&[&id]);
    send(load, Method::PATCH, &path, &[], &json!({ "nickname": "second" })).await;
    let path = OperationId::SetLabel.path_of(&[&id, LABEL]);
    send(load, Method::PUT, &path, &[], &json!({ "revision": 1 })).await;
}

/// Purges a persona; repeated until it is answered. `None` if the server is gone, or if this client
/// may not purge.
async fn is_purged(load: &Load, id: PersonaId) -> Option<()> {
    let path = OperationId::DeletePersona.path_of(&[&id.to_string()]);
    let (purge, any) = (format!("{path}?purge=true"), [("if-match", "*")]);
    let began = Instant::now();
    loop {
        match send(load, Method::DELETE, &purge, &any, &Value::Null).await {
            Some(answer) if answer.status.is_success() => return Some(()),
            Some(answer) if ProblemBody::read(&answer.body).is(Code::Purged) => return Some(()),
            Some(Answer { status: StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, .. }) => {
                send(load, Method::DELETE, &path, &any, &Value::Null).await;
                return None;
            }
            _ => go_on(load, began).await?,
        }
    }
}

async fn go_on(load: &Load, began: Instant) -> Option<()> {
    tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
    (load.can_go_on() && began.elapsed() < REPEATED_FOR).then_some(())
}

/// Sends a request once, to any worker.
async fn send(
    load: &Load,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> Option<Answer> {
    let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
    let answer = ask(&load.address, method, path, headers, body).await.ok()?;
    if answer.status == StatusCode::INSUFFICIENT_STORAGE {
        load.fill();
    }
    Some(answer)
}

/// Every way to read a persona by its identity.
fn paths(id: PersonaId) -> [String; 3] {
    let id = id.to_string();
    let path = OperationId::GetPersona.path_of(&[&id]);
    let by_label = format!("{path}?label={LABEL}");
    [path, by_label, OperationId::GetRevision.path_of(&[&id, "1"])]
}

/// Looks for a purged persona on a worker. A read without an answer is judged by other clients.
async fn look(load: &Load, worker: u8, id: PersonaId) {
    for path in paths(id) {
        let Some(answer) = get_on(load, worker, &path).await else { continue };
        let status = answer.status;
        let is_told = ProblemBody::read(&answer.body).is(Code::Purged);
        if status.is_success() || status.is_client_error() && !is_told {
            let what = format!(
                "a persona was purged before a read of it began, which was answered {}: {path}",
                status.as_u16()
            );
            load.complain(Check::Purged, what);
        }
    }
}

async fn get_on(load: &Load, worker: u8, path: &str) -> Option<Answer> {
    let mut connection = load.pool.take(worker).await?;
    let request: Request<Full<Bytes>> =
        load.address.request(Method::GET, path).body(Full::default()).ok()?;
    let answer = connection.send(request).await.ok()?;
    load.pool.put_back(connection);
    Some(answer)
}

//! A persona with a label that is only ever moved on: no read by the label is older than a move
//! that was acknowledged before the read began.
//!
//! One client changes the persona and moves the label to the revision that it made, again and
//! again. It reads by the label on each worker right behind each answer, so that a worker that
//! believes old labels is certain to be asked. Another client reads meanwhile, on each worker in
//! turn.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, StatusCode};
use http_body_util::Full;
use persona_http::contract::OperationId;
use serde_json::{Value, json};

use super::batches::Change;
use super::checks::Check;
use super::client::Client;
use super::connection::{Answer, Connection};
use super::hidden::{Hidden, pause_after};

/// The label.
const LABEL: &str = "verify";

/// Changes the persona and moves its label, until the load ends. The number of a move is the
/// revision that it names.
pub async fn move_on(hidden: Arc<Hidden>, mut client: Client) {
    let (mut connection, mut replaces) = (None, None);
    let mut rounds = 0;
    while hidden.goes_on_after(rounds) {
        rounds += 1;
        let request = hidden.load.new_request();
        let change = Change { persona: hidden.persona, id: hidden.id, request, replaces };
        if client.send_batch(&[change], false, &json!({})).await.is_none() {
            return;
        }
        replaces = Some(request);
        let Some(revision) = moved(&hidden, &mut connection).await else {
            pause_after(None).await;
            continue;
        };
        hidden.acknowledge(revision);
        for worker in hidden.load.workers.clone() {
            // A read without an answer is judged by other clients.
            look(&hidden, worker).await;
        }
    }
}

/// Moves the label to the newest revision, and returns that revision; `None` if the move was not
/// acknowledged.
async fn moved(hidden: &Hidden, kept: &mut Option<Connection>) -> Option<u64> {
    let mut connection = match kept.take().filter(Connection::is_open) {
        Some(connection) => connection,
        None => Connection::open(&hidden.load.address).await.ok()?,
    };
    let path = OperationId::SetLabel.path_of(&[&hidden.id.to_string(), LABEL]);
    let request = hidden.load.address.request(Method::PUT, &path);
    let request = request.header("content-type", "application/json");
    let body = Bytes::from(json!({ "from": "latest" }).to_string());
    let answer = connection.send(request.body(Full::new(body)).ok()?).await.ok()?;
    *kept = Some(connection);
    if answer.status.is_success() { revision_in(&answer) } else { None }
}

/// Reads the persona by the label on every worker in turn, until the load ends.
pub async fn watch(hidden: Arc<Hidden>) {
    for worker in hidden.turns() {
        pause_after(look(&hidden, worker).await).await;
    }
}

/// One read on a worker; `None` if it was not answered, which other clients judge.
async fn look(hidden: &Hidden, worker: u8) -> Option<()> {
    let before = hidden.acknowledged();
    let path = OperationId::GetPersona.path_of(&[&hidden.id.to_string()]);
    let answer = hidden.get_on(worker, &format!("{path}?label={LABEL}")).await?;
    let seen = match answer.status {
        StatusCode::OK => revision_in(&answer)?,
        StatusCode::NOT_FOUND => 0,
        _ => return None,
    };
    if seen < before {
        let what = format!(
            "a label was moved to revision {before} before a read by it began, which has {seen}"
        );
        hidden.load.complain(Check::Labelled, what);
    }
    Some(())
}

/// The revision that an answer names.
fn revision_in(answer: &Answer) -> Option<u64> {
    serde_json::from_slice::<Value>(&answer.body).ok()?["revision"].as_u64()
}

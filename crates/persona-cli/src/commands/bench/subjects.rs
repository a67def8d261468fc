//! The personas of a run, created before it and deleted after it.

use std::collections::VecDeque;

use http::{Method, header};
use persona_server::exit_code::ExitCode;
use serde_json::{Value, json};

use crate::client::{Api, PERSONAS};
use crate::failure::Failure;

/// The tag of every persona of a bench, by which a user finds those that a killed run left.
pub(super) const TAG: &str = "persona-bench";
/// Bytes of the longest text: with everything else, an answer has about 2 KB, the median of public
/// collections.
const PROMPT_BYTES: usize = 1_200;
/// Most concurrent requests while the personas are created and deleted: enough to share
/// transactions.
const IN_FLIGHT_MAX: usize = 32;

/// Creates this many personas and returns their paths, even if a later one failed.
pub(super) async fn create(api: &Api, count: u32) -> (Vec<String>, Result<(), Failure>) {
    let mut paths = Vec::new();
    let requests =
        (0..count).map(|number| (Method::POST, PERSONAS.to_string(), Some(document(number))));
    let ended = send_all(api, requests, |answer| {
        let id = answer.get("id").and_then(Value::as_str).unwrap_or_default();
        paths.push(format!("{PERSONAS}/{id}"));
    });
    let ended = ended.await;
    (paths, ended)
}

/// Soft-deletes the personas, so that lists no longer show them.
pub(super) async fn delete(api: &Api, paths: &[String]) -> Result<(), Failure> {
    send_all(api, paths.iter().map(|path| (Method::DELETE, path.clone(), None)), |_| {}).await
}

async fn send_all(
    api: &Api,
    requests: impl Iterator<Item = (Method, String, Option<Value>)>,
    mut answered: impl FnMut(Value),
) -> Result<(), Failure> {
    let mut requests = requests.peekable();
    let mut pending = VecDeque::new();
    let mut failed = None;
    while requests.peek().is_some() || !pending.is_empty() {
        while pending.len() < IN_FLIGHT_MAX
            && failed.is_none()
            && let Some((method, path, body)) = requests.next()
        {
            let api = api.clone();
            let any =
                if body.is_none() { vec![(header::IF_MATCH, "*".to_string())] } else { Vec::new() };
            pending.push_back(tokio::spawn(async move {
                api.write(method, &path, &any, body.as_ref()).await?.success()
            }));
        }
        let Some(first) = pending.pop_front() else { break };
        match first.await.unwrap_or_else(|error| {
            Err(Failure::new(ExitCode::Failure, "a request ended early").because(error))
        }) {
            Ok(reply) => answered(reply.json()),
            Err(failure) => failed = Some(failure),
        }
    }
    failed.map_or(Ok(()), Err)
}

/// A persona of the usual size.
fn document(number: u32) -> Value {
    let sentence =
        "You answer in whole sentences, ask when something is unclear, and never invent a source. ";
    json!({
        "name": format!("Bench {number}"),
        "kind": "agent",
        "description": "Made by `persona bench` to be read and changed; deleted when the run ends.",
        "system_prompt": sentence.repeat(PROMPT_BYTES / sentence.len()),
        "tags": [TAG],
    })
}

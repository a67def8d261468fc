//! A persona that gets one handle after the other: each handle leads where the last acknowledged
//! rename says.
//!
//! One client gives the persona the next handle. Another client reads on each worker in turn, by
//! the handle that was acknowledged last and by the one that it read on that worker before. The
//! first one leads to the persona, also if the next rename was faster than the read. The second
//! one, which the worker may have kept in memory, is not a handle of the persona any more.

use std::collections::HashMap;
use std::sync::Arc;

use http::StatusCode;
use persona_http::contract::OperationId;
use persona_model::PersonaId;
use serde_json::json;

use super::batches::Change;
use super::checks::Check;
use super::client::Client;
use super::hidden::{Hidden, pause_after};

/// Gives the persona one handle after the other, until the load ends.
pub async fn rename(hidden: Arc<Hidden>, mut client: Client) {
    let (mut number, mut replaces) = (0, None);
    while hidden.goes_on_after(number) {
        number += 1;
        let request = hidden.load.new_request();
        let change = Change { persona: hidden.persona, id: hidden.id, request, replaces };
        let handle = json!({ "handle": handle(hidden.id, number) });
        let Some((done, _)) = client.send_batch(&[change], false, &handle).await else { return };
        replaces = Some(request);
        if done.contains(&hidden.persona) {
            hidden.acknowledge(number);
        }
    }
}

/// Reads by the handles on every worker in turn, until the load ends.
pub async fn watch(hidden: Arc<Hidden>) {
    // The handle that was read last on each worker.
    let mut before = HashMap::new();
    for worker in hidden.turns() {
        pause_after(look(&hidden, worker, before.entry(worker).or_default()).await).await;
    }
}

/// Two reads on a worker; `None` if one was not answered, which other clients judge.
async fn look(hidden: &Hidden, worker: u8, before: &mut u64) -> Option<()> {
    let number = hidden.acknowledged();
    if number == *before {
        return None;
    }
    let given = status_of(hidden, worker, number).await?;
    if given == StatusCode::NOT_FOUND {
        let what =
            format!("the persona got handle {number} before a read by it began, which found none");
        hidden.load.complain(Check::Renamed, what);
    }
    let given_up = std::mem::replace(before, number);
    if given_up > 0 && status_of(hidden, worker, given_up).await? == StatusCode::OK {
        let what = format!(
            "the persona gave handle {given_up} up before a read by it began, which found it so \
             called"
        );
        hidden.load.complain(Check::Renamed, what);
    }
    Some(())
}

async fn status_of(hidden: &Hidden, worker: u8, number: u64) -> Option<StatusCode> {
    let handle = handle(hidden.id, number);
    let path = OperationId::GetPersona.path_of(&[&format!("@{handle}")]);
    hidden.get_on(worker, &path).await.map(|answer| answer.status)
}

/// A handle of this persona alone.
fn handle(id: PersonaId, number: u64) -> String {
    format!("v-{id}-{number}")
}

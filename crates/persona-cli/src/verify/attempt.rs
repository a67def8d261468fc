//! Sends one request once, and records it with its answer.

use http::StatusCode;

use super::answer::Understood;
use super::ask::{Ask, effect, message};
use super::checks::Check;
use super::connection::{Connection, Silence};
use super::history::Record;
use super::load::Load;

/// Sends a request once and records the result; `None` when it was not sent.
pub(super) async fn attempt(
    load: &Load,
    ask: &Ask,
    connection: &mut Connection,
) -> Option<Understood> {
    let request = message(load, ask)?;
    let invoked_at = load.history.now();
    let understood = match connection.send(request).await {
        Err(Silence::NotSent) => return None,
        Err(Silence::Unknown(why)) => {
            if !load.killing {
                let what = format!("{} got no answer: {why}", ask.operation.as_str());
                load.complain(Check::Errors, what);
            }
            Understood::unknown()
        }
        Ok(answer) => {
            let is_full = answer.status == StatusCode::INSUFFICIENT_STORAGE;
            if is_full {
                load.fill();
            }
            let tolerates_refusals = is_full || load.tolerates_refusals();
            Understood::of(ask.operation, &answer, ask.expected_revision(), tolerates_refusals)
        }
    };
    let returned_at = load.history.now();
    if let Some((check, what)) = &understood.complaint {
        load.complain(*check, what.clone());
    }
    load.record(Record {
        invoked_at,
        returned_at,
        state: understood.state,
        effect: effect(ask),
        persona: ask.persona,
        revision: understood.revision,
        request: ask.request,
        expected: ask.expected_revision(),
        worker: connection.worker,
        operation: ask.operation,
        outcome: understood.outcome,
        replayed: understood.replayed,
    });
    Some(understood)
}

/// Sends a request once to this worker; `None` when it was not sent.
pub(super) async fn attempt_on(load: &Load, worker: u8, ask: &Ask) -> Option<Understood> {
    let mut connection = load.pool.take(worker).await?;
    let understood = attempt(load, ask, &mut connection).await;
    load.pool.put_back(connection);
    understood
}

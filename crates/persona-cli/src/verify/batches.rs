//! Changes of several personas in one request: every item is recorded as a write of its own.

use bytes::Bytes;
use http::{Request, header};
use http_body_util::Full;
use persona_http::contract::OperationId;
use persona_http::contract::batch::{BatchAnswer, BatchItemAnswer};
use persona_http::contract::problem_body::ProblemBody;
use persona_model::{EntityTag, PersonaId};
use serde_json::{Value, json};

use super::answer::{is_not_kept, key_of};
use super::ask::idempotency_key;
use super::checks::Check;
use super::connection::{Answer, Connection, Silence};
use super::history::{Knowledge, Record, RequestKind};
use super::load::Load;
use super::random::effect_of;
use super::search::word_of;

/// One item of a batch: it adds a key to a persona, as a single PATCH does.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    pub persona: u32,
    pub id: PersonaId,
    pub request: u32,
    /// An earlier request, if its key is removed by this item.
    pub replaces: Option<u32>,
}

impl Change {
    /// The effect of the item on the state.
    fn effect(&self) -> u64 {
        effect_of(self.request) ^ self.replaces.map_or(0, effect_of)
    }
}

/// The result of an item.
#[derive(Clone, Copy, Debug)]
struct Told {
    outcome: Knowledge,
    revision: Option<u32>,
    replayed: bool,
}

impl Told {
    fn of(outcome: Knowledge) -> Self {
        Self { outcome, revision: None, replayed: false }
    }
}

/// Sends a batch once, with these further members in each patch, and records the result of each
/// item. Returns the personas that were changed; `None` if there was no answer, so that the batch
/// must be sent again.
pub async fn send(
    load: &Load,
    connection: &mut Connection,
    changes: &[Change],
    is_atomic: bool,
    more: &Value,
) -> Option<Vec<u32>> {
    let invoked_at = load.history.now();
    let answered = connection.send(message(load, changes, is_atomic, more)?).await;
    let told = match answered {
        Err(Silence::NotSent) => return None,
        Err(Silence::Unknown(why)) => {
            if !load.killing {
                load.complain(Check::Errors, format!("a batch got no answer: {why}"));
            }
            vec![Told::of(Knowledge::Unknown); changes.len()]
        }
        Ok(answer) => understood(load, &answer, changes.len(), is_atomic),
    };
    let (returned_at, worker) = (load.history.now(), connection.worker);
    for (change, told) in changes.iter().zip(&told) {
        load.record(Record {
            invoked_at,
            returned_at,
            state: None,
            effect: change.effect(),
            persona: change.persona,
            revision: told.revision,
            request: change.request,
            expected: 0,
            worker,
            operation: RequestKind::Patch,
            outcome: told.outcome,
            replayed: told.replayed,
        });
    }
    let is_lost = told.iter().any(|told| told.outcome == Knowledge::Unknown);
    let done = changes.iter().zip(&told).filter(|(_, told)| told.outcome == Knowledge::Done);
    (!is_lost).then(|| done.map(|(change, _)| change.persona).collect())
}

fn message(
    load: &Load,
    changes: &[Change],
    is_atomic: bool,
    more: &Value,
) -> Option<Request<Full<Bytes>>> {
    let item = |change: &Change| {
        let mut patch = more.clone();
        patch["extensions"] = json!({ key_of(change.request): 1 });
        if let Some(earlier) = change.replaces {
            patch["extensions"][key_of(earlier)] = Value::Null;
        }
        patch["creator_notes"] = word_of(change.request).into();
        let key = idempotency_key(load, change.request);
        json!({ "op": "patch", "id": change.id.to_string(), "patch": patch, "idempotency_key": key })
    };
    let items: Vec<Value> = changes.iter().map(item).collect();
    let operation = OperationId::BatchPersonas;
    let query = if is_atomic { "?atomic=true" } else { "" };
    load.request(operation, &format!("{}{query}", operation.path()))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::from(json!({ "items": items }).to_string()))
        .ok()
}

/// The result of each item of a batch.
fn understood(load: &Load, answer: &Answer, count: usize, is_atomic: bool) -> Vec<Told> {
    let Answer { status, body, .. } = answer;
    let items = serde_json::from_slice(body).map(|BatchAnswer { items, .. }| items).ok();
    match (status.as_u16(), is_atomic, items) {
        (200, true, Some(items)) | (207, false, Some(items)) if items.len() == count => {
            items.iter().map(|item| of_item(load, item, is_atomic)).collect()
        }
        (400.., true, _) => of_refusal(load, status.as_u16(), body, count),
        (503, false, _) if load.tolerates_refusals() => {
            vec![of_problem(load, 503, &ProblemBody::read(body)); count]
        }
        _ => {
            load.complain(Check::Errors, format!("a batch was answered {status}"));
            vec![Told::of(Knowledge::Unknown); count]
        }
    }
}

fn of_item(load: &Load, item: &BatchItemAnswer, is_atomic: bool) -> Told {
    let is_done = item.status == 200;
    if let (Some(problem), false) = (&item.problem, is_atomic || is_done) {
        return of_problem(load, item.status, problem);
    }
    let tag = item.etag.as_deref().map(|tag| tag.trim_matches('"')).and_then(EntityTag::parse);
    let number = tag.and_then(|tag| u32::try_from(tag.revision.number()).ok());
    if !is_done || number.is_none() || item.revision != number.map(u64::from) {
        load.complain(Check::Errors, format!("an item of a batch was answered {item:?}"));
        return Told::of(Knowledge::Unknown);
    }
    Told { outcome: Knowledge::Done, revision: number, replayed: item.replayed }
}

/// The result of each item of an atomic batch that was refused.
fn of_refusal(load: &Load, status: u16, body: &[u8], count: usize) -> Vec<Told> {
    let problem = ProblemBody::read(body);
    let reason = of_problem(load, status, &problem);
    let place = problem.item;
    // The other items were not applied either; the answer says nothing about their personas.
    let other = match reason.outcome {
        Knowledge::Unknown => Told::of(Knowledge::Unknown),
        _ => Told::of(Knowledge::Refused),
    };
    (0..count).map(|item| if Some(item) == place { reason } else { other }).collect()
}

/// The result of an item with a problem: the persona can be deleted, and a server that is being
/// killed can be busy.
fn of_problem(load: &Load, status: u16, problem: &ProblemBody) -> Told {
    let revision = problem.current_revision.and_then(|revision| u32::try_from(revision).ok());
    let outcome = match status {
        410 => return Told { revision, ..Told::of(Knowledge::Deleted) },
        404 => return Told { revision: Some(0), ..Told::of(Knowledge::Refused) },
        507 => {
            load.fill();
            Knowledge::Refused
        }
        _ if is_not_kept(problem) => Knowledge::Refused,
        _ => Knowledge::Unknown,
    };
    if !(load.tolerates_refusals() && matches!(status, 503 | 507)) && status != 507 {
        let (code, detail) = (&problem.code, &problem.detail);
        load.complain(Check::Errors, format!("an item was answered {status} {code}: {detail}"));
    }
    Told::of(outcome)
}

//! `POST /api/v1/personas/batch?atomic=true`: all changes of a request in one transaction, or none.
//!
//! A refusal is the problem of the first item that caused it, with the index of that item. Broken
//! rules are reported for all items at once.

use std::sync::Arc;

use axum::response::Response;
use http::StatusCode;
use persona_model::{PersonaId, ValidationErrors};
use persona_storage::{ATOMIC_WRITES_MAX, AtomicBatch, NoBatch, NotApplied, Write};

use super::batch::{Asked, respond_with_items};
use crate::Context;
use crate::contract::batch::{BatchAnswer, BatchItemAnswer};
use crate::extract::batch::items;
use crate::extract::conditions;
use crate::extract::request::{MediaType, WriteRequest};
use crate::problem::Problem;

/// Applies all items or none.
pub(super) async fn respond(
    context: &Arc<Context>,
    mut request: WriteRequest,
) -> Result<Response, Problem> {
    let (ids, have_keys) = (Arc::clone(context), request.has_key());
    let read = move |_, body| items(body, have_keys, || PersonaId::new(ids.new_id()));
    let items = request.read(context, MediaType::PERSONA, read).await?;
    conditions::none(&request.parts.headers, "is said in each item of a batch")?;
    if items.len() > ATOMIC_WRITES_MAX {
        return Err(of_no_batch(NoBatch::Count(items.len())));
    }
    let view = context.store.view(request.viewer()?);
    let mut led = Vec::with_capacity(items.len());
    for item in items {
        led.push(match item {
            Ok(item) => item.led(view).await,
            Err(problem) => Err(problem),
        });
    }
    let items = led;
    let writes = all_or_problem(request.writes(context, items, true)?)?;
    let asked: Vec<Asked> = writes.iter().map(|write| Asked::of(&write.operation)).collect();
    let batch = AtomicBatch::new(writes).map_err(of_no_batch)?;
    let written = context.store.view(request.viewer()?).write_all(batch).await;
    let written = written.map_err(|NotApplied { place, error }| match place {
        None => Problem::from(error),
        Some(place) => match asked.get(place) {
            Some(asked) => asked.problem(error).not_applied(place),
            None => Problem::from(error),
        },
    })?;
    let items: Vec<BatchItemAnswer> =
        asked.iter().zip(&written).map(|(asked, written)| asked.answer(written)).collect();
    let client = request.client();
    let answer = BatchAnswer { items, problem: None };
    Ok(respond_with_items(context, client, StatusCode::OK, answer))
}

/// The writes, or the problem of the items: the first one, and if it is about broken rules, with
/// the broken rules of all items.
fn all_or_problem(items: Vec<Result<Write, Problem>>) -> Result<Vec<Write>, Problem> {
    let mut writes = Vec::with_capacity(items.len());
    let mut first: Option<Problem> = None;
    for (place, item) in items.into_iter().enumerate() {
        match (item, &mut first) {
            (Ok(write), _) => writes.push(write),
            (Err(problem), None) => first = Some(problem.not_applied(place)),
            (Err(problem), Some(first)) => first.add_errors(problem.of_item(place)),
        }
    }
    first.map_or(Ok(writes), Err)
}

fn of_no_batch(error: NoBatch) -> Problem {
    let repeated = |place: usize, member: &str, what: &str, first: usize| {
        let message = format!("is the {what} of item {first} too; an atomic batch has each once");
        ValidationErrors::one(format!("/items/{place}/{member}"), "repeated", message)
    };
    match error {
        NoBatch::Count(count) => {
            let message =
                format!("must have 1 to {ATOMIC_WRITES_MAX} items with atomic=true, has {count}");
            ValidationErrors::one("/items", "too_many", message).into()
        }
        NoBatch::SamePersona { place, first } => {
            Problem::from(repeated(place, "id", "persona", first))
                .hint("put all changes of a persona into one item")
        }
        NoBatch::SameKey { place, first } => {
            repeated(place, "idempotency_key", "key", first).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use persona_model::ValidationErrors;

    use super::all_or_problem;
    use crate::problem::{Code, Problem};

    #[test]
    fn the_first_problem_is_told_with_the_broken_rules_of_all_items() {
        let rule = |pointer: &str| {
            Err(Problem::from(ValidationErrors::one(pointer, "required", "must be there")))
        };
        let missing = Err(Problem::new(Code::ConditionRequired, "If-Match is missing"));
        let problem = all_or_problem(vec![rule("/op"), missing, rule("/id")]).expect_err("refused");
        let body = problem.body("r-1");
        let pointers: Vec<_> = body.errors.iter().map(|error| error.pointer.as_deref()).collect();
        assert_eq!(pointers, [Some("/items/0/op"), Some("/items/2/id")]);
        assert_eq!((body.item, &*body.code), (Some(0), "invalid"));
        let missing = Err(Problem::new(Code::ConditionRequired, "If-Match is missing"));
        let problem = all_or_problem(vec![missing, rule("/id")]).expect_err("refused");
        let body = problem.body("r-1");
        assert_eq!((body.item, &*body.code, body.errors.len()), (Some(0), "condition_required", 0));
        assert_eq!(body.detail, "item 0: if_match is missing; nothing of the batch was applied");
    }
}

//! The problem for each error of the store.

use http::HeaderValue;
use http::header::{ETAG, RETRY_AFTER};
use persona_model::{EntityTag, PersonaId};
use persona_storage::Error;

use super::{Code, Problem};
use crate::contract::OperationId;
use crate::tag_headers;

/// `Retry-After` of a busy server, in seconds: the queue is empty again within one second.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// `Retry-After` of a full table of idempotency keys, in seconds: keys expire after a day, and the
/// maintenance process removes expired keys once a minute.
const RETRY_KEY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("300");

/// The hint on an `If-Match` that no state can meet. The usual hint (read again) would not help:
/// the client would get the same tag, and a proxy would change it again.
const NO_STATE: &str = "send the ETag as this server sent it, such as \"7-9f3c21aa\": a proxy that compresses answers puts W/ before it, \
                        and a weak tag never matches (RFC 9110, section 13.1.1), or -gzip behind it; the revision alone, or the ETag of a label, names no content";

impl Problem {
    /// The problem of a condition that no state can meet; `current` is the state that the persona
    /// has.
    pub(crate) fn of_no_state(current: EntityTag) -> Self {
        let detail = format!(
            "the current revision is {}, and nothing in If-Match is an ETag of this server",
            current.revision
        );
        Self::at(Code::Stale, current, detail).hint(NO_STATE)
    }

    /// The problem for an error of a read or write of this persona.
    pub fn of_persona(id: PersonaId, error: Error) -> Self {
        match error {
            Error::NotFound => Self::no_such_persona(&id.to_string()),
            Error::Purged { at } => Self::new(Code::Purged, format!("{id} was purged at {at}")),
            Error::Deleted { current } => Self::deleted(id, current),
            Error::AlreadyExists { current } => {
                Self::at(Code::AlreadyExists, current, format!("{id} exists already"))
            }
            Error::Stale { current } => Self::at(
                Code::Stale,
                current,
                format!("the current revision is {}", current.revision),
            )
            .hint("read the persona again, not by a label, apply your change to what you get, and send its ETag"),
            error => Self::from(error),
        }
    }

    /// No persona was ever at this path.
    pub fn no_such_persona(id: &str) -> Self {
        Self::new(Code::NoSuchPersona, format!("there is no persona {id}"))
    }

    /// The persona is soft-deleted.
    pub fn deleted(id: PersonaId, current: EntityTag) -> Self {
        let undelete = OperationId::UndeletePersona.path_of(&[&id.to_string()]);
        Self::at(Code::Deleted, current, format!("{id} is deleted"))
            .hint(format!("POST {undelete} brings it back"))
            .with(|body| body.undelete = Some(undelete))
    }

    /// The server cannot answer requests now.
    pub fn not_ready(error: Error) -> Self {
        let detail = match &error {
            Error::Full(_) => {
                "reads work, and writes are refused: the disk has less free than is to stay free"
            }
            _ => "the store cannot be read",
        };
        let cause = Self::from(error);
        let word = cause.code().facts().word;
        Self::new(Code::NotReady, detail)
            .retry()
            .with(|body| body.cause = Some(word.into()))
            .caused_as(cause)
    }

    fn at(code: Code, current: EntityTag, detail: String) -> Self {
        Self::new(code, detail)
            .with(|body| body.current_revision = Some(current.revision.number()))
            .header(ETAG, tag_headers::of(current))
    }

    /// Tells the client when to try again.
    pub fn retry(self) -> Self {
        self.header(RETRY_AFTER, RETRY_AFTER_SECONDS)
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(invalid) => Self::from(invalid),
            Error::NotFound => Self::new(Code::NoSuchPersona, "there is no such persona"),
            Error::Purged { at } => Self::new(Code::Purged, format!("the persona was purged at {at}")),
            Error::Deleted { current } => Self::at(Code::Deleted, current, "the persona is deleted".into()),
            Error::AlreadyExists { current } => Self::at(Code::AlreadyExists, current, "the persona exists already".into()),
            Error::Stale { current } => Self::at(Code::Stale, current, format!("the current revision is {}", current.revision)),
            Error::HandleTaken { handle, holder } => {
                Self::new(Code::HandleTaken, format!("the handle {handle} is taken by {holder}")).with(|body| body.holder = Some(holder.to_string()))
            }
            // The next request finds where the handle leads then.
            Error::HandleMoved { handle } => {
                Self::new(Code::Busy, format!("the handle {handle} was given up meanwhile; nothing was changed")).retry()
            }
            Error::OwnerRefused { owner } => Self::new(
                Code::OwnerRefused,
                format!("the token is bound to {owner}, and the persona would have another owner, or none"),
            ),
            Error::TestFailed { pointer, current } => {
                Self::at(Code::TestFailed, current, format!("the test at {pointer} failed")).with(|body| body.pointer = Some(pointer))
            }
            Error::UnknownPosition => Self::new(
                Code::UnknownPosition,
                "the place to go on from is of another database, or of a state that was given up when a backup was restored",
            )
            .hint("read everything again: a list from updated_since=1970-01-01T00:00:00Z on, or events without after, and go on from there"),
            Error::UnknownRevision { revision, current } => Self::at(
                Code::NoSuchRevision,
                current,
                format!("there is no revision {revision}, the current one is {}", current.revision),
            ),
            Error::RevisionDropped { revision } => Self::new(
                Code::RevisionDropped,
                format!("revision {revision} was dropped from the history"),
            ),
            Error::UnknownBase { base } => Self::new(Code::UnknownBase, format!("revision {base} does not exist, or was dropped from the history")),
            Error::Conflicts { conflicts, current } => {
                let detail = format!("{} changed on both sides since the base revision", counted(conflicts.len()));
                Self::at(Code::Conflict, current, detail).conflicts(conflicts)
            }
            Error::KeyReused => Self::new(Code::KeyReused, "this key was used for another request, whose answer is still kept"),
            Error::TooManyKeys { max } => {
                Self::new(Code::TooManyKeys, format!("{max} keys are kept, which is the most")).header(RETRY_AFTER, RETRY_KEY_AFTER_SECONDS)
            }
            Error::TooMuchAtOnce { max } => Self::new(
                Code::BatchTooLarge,
                format!("the documents of an atomic batch may have {max} bytes together, these have more"),
            )
            .hint("divide the batch, or send it without atomic=true"),
            Error::Label(error) => Self::of_label(*error),
            Error::Token(error) => Self::of_token_error(error),
            Error::Busy { what } => Self::new(Code::Busy, format!("the wait for {what} took too long")).retry(),
            Error::ReadTimedOut { limit } => {
                Self::new(Code::ReadTimeout, format!("the read took longer than {} ms", limit.as_millis())).retry()
            }
            Error::ReadGaveWay => Self::new(Code::Busy, "the read was ended because writers filled the log beside it").retry(),
            Error::Closed(_) => Self::new(Code::Closing, "this worker takes no more requests").retry(),
            failure => Self::of_failure(failure),
        }
    }
}

impl Problem {
    /// The problem for a failure of the database, its disk or its server.
    fn of_failure(error: Error) -> Self {
        let (code, detail) = match &error {
            Error::Unreachable => (Code::Unreachable, "the database cannot be reached now"),
            Error::OutcomeUnknown => (
                Code::OutcomeUnknown,
                "the database failed while it committed this; whether it was kept is unknown",
            ),
            Error::OutOfMemory => {
                (Code::Busy, "the server has no memory left for this; nothing was changed")
            }
            Error::Full(_) => {
                (Code::StorageFull, "there is no space left for the database; nothing was changed")
            }
            Error::Damaged(_) => {
                (Code::Damaged, "the database is damaged; the server's log says how")
            }
            Error::Disk(_) => (Code::StorageFailed, "the disk failed; the server's log says how"),
            Error::Unsynced(_) => (
                Code::StorageFailed,
                "the disk failed to keep a write; whether it has it is unknown",
            ),
            _ => (Code::Internal, "the database failed; the server's log says how"),
        };
        let problem = Self::new(code, detail);
        let can_pass =
            matches!(error, Error::Unreachable | Error::OutcomeUnknown | Error::OutOfMemory);
        let problem = if can_pass { problem.retry() } else { problem };
        problem.caused_by(error)
    }
}

/// Logs the failure that caused an answer. Errors of the client and temporary lack of room are not
/// logged, because the answer says everything.
pub(super) fn log_failure(error: &Error, request_id: &str) {
    let cause = std::error::Error::source(error);
    match error {
        Error::Unreachable => {
            tracing::warn!(request.id = request_id, "the database cannot be reached");
        }
        Error::OutcomeUnknown => tracing::error!(
            request.id = request_id,
            "the database failed, or its connection broke, while it committed a write"
        ),
        Error::OutOfMemory => tracing::error!(
            request.id = request_id,
            "a request was refused: this process may have no more memory"
        ),
        Error::Full(_) => tracing::error!(
            request.id = request_id,
            cause,
            "a write was refused: no space left for the database"
        ),
        Error::Damaged(report) => {
            tracing::error!(request.id = request_id, report, "the database is damaged");
        }
        Error::Disk(_) => tracing::error!(request.id = request_id, cause, "the disk failed"),
        Error::Unsynced(_) => {
            tracing::error!(request.id = request_id, cause, "the disk failed to sync");
        }
        _ => tracing::error!(request.id = request_id, cause, "the database failed"),
    }
}

fn counted(conflicts: usize) -> String {
    if conflicts == 1 { "1 place was".into() } else { format!("{conflicts} places were") }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::{Context as TaskContext, Poll, Waker};
    use std::time::Duration;

    use axum::body::Body;
    use axum::response::{IntoResponse, Response};
    use http::Request;
    use http::header::RETRY_AFTER;
    use http_body_util::BodyExt;
    use persona_model::{Conflict, EntityTag, Revision};
    use persona_storage::Error;
    use serde_json::{Value, json};

    use super::super::{Problem, render};
    use crate::answering::Answering;
    use crate::middleware::finish;
    use crate::testing::{context, memory_store};

    async fn rendered(problem: Problem) -> (Option<String>, Value) {
        let mut response: Response = problem.into_response();
        render(&mut response, "r-1");
        let retry = response
            .headers()
            .get(RETRY_AFTER)
            .map(|value| value.to_str().expect("digits").to_owned());
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        (retry, serde_json::from_slice(&body).expect("JSON"))
    }

    #[tokio::test]
    async fn a_busy_store_is_503_with_retry_after() {
        let (retry, body) = rendered(Error::Busy { what: "the write queue" }.into()).await;
        assert_eq!(retry.as_deref(), Some("1"));
        assert_eq!(
            body,
            json!({
                "type": "/api/v1/problems#busy",
                "title": "The store is busy",
                "status": 503,
                "code": "busy",
                "detail": "the wait for the write queue took too long",
                "request_id": "r-1",
            })
        );
    }

    #[tokio::test]
    async fn failures_of_the_database_have_their_own_codes_and_leak_nothing() {
        let secret = "row 7 of /var/lib/persona.db";
        let cases = [
            (Error::Full(secret.into()), 507, "storage_full", None),
            (Error::Damaged(secret.into()), 500, "damaged", None),
            (Error::Disk(secret.into()), 500, "storage_failed", None),
            (Error::Unsynced(secret.into()), 500, "storage_failed", None),
            (Error::Backend(secret.into()), 500, "internal", None),
            (Error::TooManyKeys { max: 3 }, 503, "too_many_keys", Some("300")),
            (Error::Unreachable, 503, "database_unreachable", Some("1")),
            (Error::OutcomeUnknown, 503, "outcome_unknown", Some("1")),
            (Error::ReadTimedOut { limit: Duration::from_secs(5) }, 503, "read_timeout", Some("1")),
            (Error::ReadGaveWay, 503, "busy", Some("1")),
            (Error::Closed(secret), 503, "closing", Some("1")),
        ];
        for (error, status, code, expected_retry) in cases {
            let (retry, body) = rendered(error.into()).await;
            assert_eq!(
                (body["status"].as_u64(), body["code"].as_str(), retry.as_deref()),
                (Some(status), Some(code), expected_retry)
            );
            assert!(!body.to_string().contains("persona.db"), "{body}");
        }
    }

    #[tokio::test]
    async fn a_store_that_cannot_be_read_is_not_ready() {
        let (retry, body) = rendered(Problem::not_ready(Error::Damaged("page 7".into()))).await;
        assert_eq!(
            (retry.as_deref(), &body["status"], &body["code"], &body["cause"]),
            (Some("1"), &json!(503), &json!("not_ready"), &json!("damaged"))
        );
    }

    /// A conflict over a text of so many lines, of which both sides changed the last one.
    fn conflict(lines: usize) -> Problem {
        let text = |last: &str| Some(Value::from(format!("{}{last}", "a line\n".repeat(lines))));
        let conflict = Conflict {
            pointer: "/description".into(),
            base: text("base"),
            theirs: text("theirs"),
            yours: text("yours"),
            has_lines: true,
            reason: None,
        };
        let current = EntityTag { revision: Revision::FIRST, checksum: 7 };
        Error::Conflicts { conflicts: vec![conflict], current }.into()
    }

    /// Texts of a large conflict are merged for its answer, which takes long enough to hold up
    /// every other client of a thread that serves.
    #[tokio::test]
    async fn only_the_body_of_a_large_conflict_is_written_on_another_thread() {
        let context = context(Arc::new(memory_store()));
        for (lines, is_there_at_once) in [(10, true), (10_000, false)] {
            let id = ("x-request-id", "r-1");
            let request = Request::get("/").header(id.0, id.1).body(Body::empty());
            let handle =
                |_| -> Answering { Box::pin(async move { conflict(lines).into_response() }) };
            let mut answering =
                pin!(finish(&context, None, "/", request.expect("a request"), handle));
            let polled = answering.as_mut().poll(&mut TaskContext::from_waker(Waker::noop()));
            assert_eq!(polled.is_ready(), is_there_at_once, "{lines} lines");
            let response = match polled {
                Poll::Ready(response) => response,
                Poll::Pending => answering.await,
            };
            let body = response.into_body().collect().await.expect("a body").to_bytes();
            let body: Value = serde_json::from_slice(&body).expect("JSON");
            assert_eq!(body, rendered(conflict(lines)).await.1);
            let merged = body["conflicts"][0]["merged"].as_str().expect("a text");
            assert!(merged.ends_with("yours\n>>>>>>> yours"), "{}", &merged[merged.len() - 99..]);
        }
    }
}

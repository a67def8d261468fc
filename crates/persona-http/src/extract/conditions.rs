//! The conditions of a request, and which of them apply (RFC 9110, section 13.2.2): tags outweigh
//! dates.
//!
//! Conditions of reads are evaluated here, against the state in the answer. Conditions of writes
//! become preconditions, which the write transaction evaluates.

use http::header::{ETAG, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE};
use http::{HeaderMap, HeaderName};
use persona_model::{Precondition, Timestamp};
use persona_storage::{Error, Representation};

use crate::extract::{date, etag};
use crate::problem::{Code, Problem};

/// The names of all conditional headers begin with this text.
const PREFIX: &str = "if-";

/// Evaluates the conditions of a read against its answer; returns whether the client has this state
/// already (304). A condition that is not met is a problem (412).
///
/// An invalid date is ignored, as the RFC demands (sections 13.1.3 and 13.1.4).
pub(crate) fn is_known(headers: &HeaderMap, answer: &Representation) -> Result<bool, Problem> {
    // Most reads have no condition, and need only this look at the names of the headers.
    if !headers.keys().any(|name| name.as_str().starts_with(PREFIX)) {
        return Ok(false);
    }
    let precondition = match etag::precondition(headers)? {
        None => only_date(headers, &IF_UNMODIFIED_SINCE).map(Precondition::UnmodifiedSince),
        tags => tags,
    };
    let is_met = |wanted: &Precondition| wanted.is_met_by(answer.tag(), answer.updated_at());
    if let Some(precondition) = precondition.filter(|precondition| !is_met(precondition)) {
        return Err(if names_no_state(&precondition) {
            Problem::of_no_state(answer.tag())
        } else {
            Problem::of_persona(answer.id, Error::Stale { current: answer.tag() })
        });
    }
    if headers.contains_key(IF_NONE_MATCH) {
        return etag::is_known(headers, answer.tag());
    }
    Ok(only_date(headers, &IF_MODIFIED_SINCE).is_some_and(|date| answer.updated_at() <= date))
}

/// The same for an answer with a tag of another kind, which has no date: a condition of dates is
/// ignored, as it has to be where there is none (sections 13.1.3 and 13.1.4).
pub(crate) fn is_known_by_tag(headers: &HeaderMap, tag: &str) -> Result<bool, Problem> {
    if etag::is_matched(headers, tag)? == Some(false) {
        return Err(Problem::new(Code::LabelMoved, "nothing in If-Match is the current ETag")
            .header(ETAG, etag::quoted(tag)));
    }
    etag::is_known_text(headers, tag)
}

/// What a writer expects; `None` without a condition.
///
/// An invalid date is refused, although section 13.1.4 says to ignore it: ignoring it would
/// overwrite a state that the client did not see.
pub(crate) fn precondition(headers: &HeaderMap) -> Result<Option<Precondition>, Problem> {
    if let Some(precondition) = etag::precondition_of_write(headers)? {
        return Ok(Some(precondition));
    }
    if !headers.contains_key(IF_UNMODIFIED_SINCE) {
        return Ok(None);
    }
    let date = only_date(headers, &IF_UNMODIFIED_SINCE);
    let date = date.ok_or_else(|| {
        Problem::bad_header("If-Unmodified-Since", "bad_value", "must be one date of HTTP")
    })?;
    Ok(Some(Precondition::UnmodifiedSince(date)))
}

/// The precondition of a write on a route that demands entity tags.
pub(crate) fn required_precondition(headers: &HeaderMap) -> Result<Precondition, Problem> {
    etag::precondition_of_write(headers)?.ok_or_else(|| {
        let hint = if headers.contains_key(IF_UNMODIFIED_SINCE) {
            "a date does not say which content is meant: send If-Match with the ETag that a GET answered"
        } else {
            "send If-Match with the ETag that a GET answered, or If-Match: * to mean whatever is there"
        };
        Problem::new(Code::ConditionRequired, "If-Match is missing, so a change of another client could be overwritten").hint(hint)
    })
}

/// Evaluates the conditions of a creation in which the server chooses the identity. There is no
/// persona yet, so `If-Match` is never met and `If-None-Match: *` always is (sections 13.1.1 and
/// 13.1.2). Nothing was changed since any date.
pub(crate) fn judge_creation(headers: &HeaderMap) -> Result<(), Problem> {
    if etag::precondition(headers)?.is_some() {
        return Err(Problem::new(
            Code::Stale,
            "a persona that does not exist yet meets no If-Match",
        )
        .hint("send it without If-Match, or PUT to the persona that is meant"));
    }
    etag::must_be_new(headers).map(|_| ())
}

/// Whether the precondition names no state, so that no persona can meet it.
pub(crate) fn names_no_state(precondition: &Precondition) -> bool {
    matches!(precondition, Precondition::OneOf(tags) if tags.is_empty())
}

/// The precondition of a PUT; `None` where the PUT must create the persona.
pub(crate) fn of_replacement(headers: &HeaderMap) -> Result<Option<Precondition>, Problem> {
    if etag::must_be_new(headers)? {
        return Ok(None);
    }
    required_precondition(headers).map(Some)
}

/// Refuses conditions where they would be ignored, because an ignored condition is a lost update.
/// `reason` says why the route takes no condition.
pub(crate) fn none(headers: &HeaderMap, reason: &str) -> Result<(), Problem> {
    let all = [
        (IF_MATCH, "If-Match"),
        (IF_NONE_MATCH, "If-None-Match"),
        (IF_UNMODIFIED_SINCE, "If-Unmodified-Since"),
    ];
    match all.into_iter().find(|(name, _)| headers.contains_key(name)) {
        Some((_, spelled)) => Err(Problem::bad_header(spelled, "not_here", reason)),
        None => Ok(()),
    }
}

/// The date in a header; `None` if the header is missing, has several lines or no valid date.
fn only_date(headers: &HeaderMap, name: &HeaderName) -> Option<Timestamp> {
    let mut lines = headers.get_all(name).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return None };
    date::parse(line.as_bytes())
}

//! Interprets an answer: outcome, revision, state. Also checks what no answer may contain (check
//! E).

use std::fmt;
use std::num::NonZeroU64;

use bytes::Bytes;
use http::header;
use persona_http::contract::problem_body::ProblemBody;
use persona_http::contract::problems::Code;
use persona_model::{EntityTag, PersonaId};
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::checks::{Check, DELETED};
use super::connection::Answer;
use super::history::{Knowledge, RequestKind};
use super::random::effect_of;

/// The prefix of every key that this program writes into documents; the number of the request
/// follows.
const KEY_PREFIX: &str = "v";
/// A word that no client may ever read.
const LOCKED: &[u8] = b"locked";
/// Codes of problems that mean that nothing was changed (`/api/v1/problems`), besides those of
/// conditions.
const NOT_KEPT: [Code; 5] =
    [Code::Busy, Code::TooManyKeys, Code::Unreachable, Code::StorageFailed, Code::StorageFull];
/// Most characters of a body that are quoted.
const QUOTED_CHARS_MAX: usize = 120;

/// The key that a request adds to a document.
pub fn key_of(request: u32) -> String {
    format!("{KEY_PREFIX}{request}")
}

/// The members of a persona that the checks need.
#[derive(Deserialize, Debug)]
pub struct Seen {
    /// The identity, as text.
    pub id: String,
    /// The revision.
    pub revision: u32,
    deleted_at: Option<IgnoredAny>,
    extensions: Keys,
}

impl Seen {
    /// The state of the persona, as [`super::checks`] defines it.
    pub fn state(&self) -> Option<NonZeroU64> {
        NonZeroU64::new(self.extensions.state ^ if self.is_deleted() { DELETED } else { 0 })
    }

    /// Whether the persona is deleted.
    pub fn is_deleted(&self) -> bool {
        self.deleted_at.is_some()
    }
}

/// The keys of a document, of which only number and combined effect are kept.
#[derive(Debug, Default)]
struct Keys {
    state: u64,
    count: usize,
}

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Adder;

        impl<'de> Visitor<'de> for Adder {
            type Value = Keys;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object with keys of this program")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
                let mut keys = Keys::default();
                while let Some((key, _)) = map.next_entry::<&str, IgnoredAny>()? {
                    let request =
                        key.strip_prefix(KEY_PREFIX).and_then(|number| number.parse().ok());
                    keys.state ^= effect_of(request.ok_or_else(|| {
                        A::Error::custom("a key that this program did not write")
                    })?);
                    keys.count += 1;
                }
                Ok(keys)
            }
        }

        deserializer.deserialize_map(Adder)
    }
}

/// The meaning of an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Understood {
    /// How the request ended.
    pub outcome: Knowledge,
    /// The revision that the answer names; 0 when there is no such persona.
    pub revision: Option<u32>,
    /// The entity tag that the answer names.
    pub tag: Option<EntityTag>,
    /// The state that the answer shows.
    pub state: Option<NonZeroU64>,
    /// How many keys the document has.
    pub keys: usize,
    /// Whether the persona is deleted.
    pub is_deleted: bool,
    /// Whether the answer repeats an earlier one.
    pub replayed: bool,
    /// The identity that the answer names.
    pub id: Option<PersonaId>,
    /// What is wrong with the answer.
    pub complaint: Option<(Check, String)>,
}

impl Understood {
    /// The meaning of a missing answer.
    pub fn unknown() -> Self {
        let outcome = Knowledge::Unknown;
        Self {
            outcome,
            revision: None,
            tag: None,
            state: None,
            keys: 0,
            is_deleted: false,
            replayed: false,
            id: None,
            complaint: None,
        }
    }

    fn complaining(check: Check, what: String) -> Self {
        Self { complaint: Some((check, what)), ..Self::unknown() }
    }

    /// Reads an answer. While processes are being killed, or writes are refused on purpose, a 503
    /// with `Retry-After` is allowed, and so is a 507.
    pub fn of(operation: RequestKind, answer: &Answer, expected: u32, killing: bool) -> Self {
        let Answer { status, body, .. } = answer;
        let undeclared =
            || format!("{} was answered {}: {}", operation.as_str(), status.as_u16(), quoted(body));
        if !status.is_success() && contains_locked(body) {
            return Self::complaining(Check::Errors, undeclared());
        }
        let tag = answer.tag();
        let revision = tag.and_then(|tag| u32::try_from(tag.revision.number()).ok());
        let named = Self {
            revision,
            tag,
            replayed: answer.headers.contains_key("idempotency-replayed"),
            ..Self::unknown()
        };
        match (operation, status.as_u16()) {
            (RequestKind::Create, 201)
            | (
                RequestKind::Patch
                | RequestKind::Replace
                | RequestKind::Undelete
                | RequestKind::Read
                | RequestKind::Visit,
                200,
            ) => Self::with_body(named, body, operation),
            (RequestKind::Delete, 204) | (RequestKind::Read | RequestKind::Visit, 410) => {
                Self { outcome: Knowledge::Done, is_deleted: true, ..named }
            }
            (RequestKind::Read | RequestKind::Visit, 304) => {
                Self { outcome: Knowledge::Done, revision: Some(expected), ..named }
            }
            (RequestKind::Patch | RequestKind::Replace, 410) => {
                Self { outcome: Knowledge::Deleted, is_deleted: true, ..named }
            }
            (RequestKind::Replace | RequestKind::Delete | RequestKind::Undelete, 412) => {
                Self { outcome: Knowledge::Refused, ..named }
            }
            (RequestKind::Create, 404) => Self::complaining(Check::Errors, undeclared()),
            (_, 404) => Self {
                outcome: if operation.is_write() { Knowledge::Refused } else { Knowledge::Done },
                revision: Some(0),
                ..named
            },
            (_, 503) if killing && answer.headers.contains_key(header::RETRY_AFTER) => {
                Self { outcome: said_by(body), ..Self::unknown() }
            }
            (_, 507) if killing => Self { outcome: said_by(body), ..Self::unknown() },
            _ => Self { outcome: said_by(body), ..Self::complaining(Check::Errors, undeclared()) },
        }
    }

    fn with_body(named: Self, body: &Bytes, operation: RequestKind) -> Self {
        let seen: Seen = match serde_json::from_slice(body) {
            Ok(seen) => seen,
            Err(error) => {
                return Self::complaining(
                    Check::Intact,
                    format!("{} cannot be read: {error}: {}", operation.as_str(), quoted(body)),
                );
            }
        };
        if named.revision != Some(seen.revision) {
            let what = format!(
                "{} was answered with revision {} and the entity tag of {:?}",
                operation.as_str(),
                seen.revision,
                named.revision
            );
            return Self::complaining(Check::Intact, what);
        }
        Self {
            outcome: Knowledge::Done,
            state: seen.state(),
            keys: seen.extensions.count,
            is_deleted: seen.is_deleted(),
            id: PersonaId::parse(&seen.id),
            ..named
        }
    }
}

/// What a problem says about a write: that it was not kept, or nothing reliable.
fn said_by(body: &[u8]) -> Knowledge {
    if is_not_kept(&ProblemBody::read(body)) { Knowledge::Refused } else { Knowledge::Unknown }
}

/// Whether a problem says that nothing was changed.
pub fn is_not_kept(problem: &ProblemBody) -> bool {
    NOT_KEPT.into_iter().any(|code| problem.is(code))
}

fn contains_locked(body: &[u8]) -> bool {
    body.windows(LOCKED.len()).any(|part| part.eq_ignore_ascii_case(LOCKED))
}

fn quoted(body: &[u8]) -> String {
    String::from_utf8_lossy(body).chars().take(QUOTED_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, StatusCode};

    use super::{Understood, key_of};
    use crate::verify::checks::{Check, DELETED};
    use crate::verify::connection::Answer;
    use crate::verify::history::{Knowledge, RequestKind};
    use crate::verify::random::effect_of;

    fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Answer {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| {
                (http::HeaderName::from_static(name), HeaderValue::from_static(value))
            })
            .collect();
        Answer {
            status: StatusCode::from_u16(status).expect("a status"),
            headers,
            body: body.to_owned().into(),
        }
    }

    fn persona(deleted_at: &str) -> String {
        let id = "0192d3e4-0000-7000-8000-000000000001";
        format!(
            r#"{{"id":"{id}","revision":3,"deleted_at":{deleted_at},"extensions":{{"{}":1,"{}":1}}}}"#,
            key_of(7),
            key_of(8)
        )
    }

    #[test]
    fn a_persona_shows_its_revision_and_its_state() {
        let read = Understood::of(
            RequestKind::Read,
            &answer(200, &[("etag", "\"3-9f3c21aa\"")], &persona("null")),
            0,
            false,
        );
        assert_eq!(
            (read.outcome, read.revision, read.keys, read.complaint),
            (Knowledge::Done, Some(3), 2, None)
        );
        assert_eq!(read.state.map(u64::from), Some(effect_of(7) ^ effect_of(8)));
        let deleted = Understood::of(
            RequestKind::Read,
            &answer(200, &[("etag", "\"3-9f3c21aa\"")], &persona("\"2026\"")),
            0,
            false,
        );
        assert_eq!(deleted.state.map(u64::from), Some(effect_of(7) ^ effect_of(8) ^ DELETED));
    }

    #[test]
    fn a_problem_is_a_refusal_only_where_it_says_that_nothing_was_changed() {
        for (status, code, outcome) in [
            (503, "busy", Knowledge::Refused),
            (507, "storage_full", Knowledge::Refused),
            (500, "storage_failed", Knowledge::Refused),
            (503, "outcome_unknown", Knowledge::Unknown),
            (503, "closing", Knowledge::Unknown),
            (500, "internal", Knowledge::Unknown),
        ] {
            let answer =
                answer(status, &[("retry-after", "1")], &format!(r#"{{"code":"{code}"}}"#));
            assert_eq!(
                Understood::of(RequestKind::Patch, &answer, 0, true).outcome,
                outcome,
                "{code}"
            );
        }
        assert_eq!(
            Understood::of(
                RequestKind::Patch,
                &answer(503, &[("retry-after", "1")], "busy"),
                0,
                true
            )
            .outcome,
            Knowledge::Unknown
        );
    }

    #[test]
    fn answers_that_break_a_promise_are_complaints() {
        let complaint = |operation, answer, killing| {
            Understood::of(operation, &answer, 0, killing).complaint.map(|(check, _)| check)
        };
        let busy = || answer(503, &[("retry-after", "1")], "{}");
        assert_eq!(complaint(RequestKind::Patch, busy(), true), None);
        assert_eq!(complaint(RequestKind::Patch, busy(), false), Some(Check::Errors));
        assert_eq!(
            complaint(RequestKind::Patch, answer(503, &[], "{}"), true),
            Some(Check::Errors)
        );
        assert_eq!(
            complaint(
                RequestKind::Patch,
                answer(503, &[("retry-after", "1")], "Database is LOCKED"),
                true
            ),
            Some(Check::Errors)
        );
        assert_eq!(
            complaint(RequestKind::Patch, answer(412, &[("etag", "\"3-9f3c21aa\"")], "{}"), false),
            Some(Check::Errors)
        );
        assert_eq!(complaint(RequestKind::Read, answer(500, &[], "{}"), true), Some(Check::Errors));
        assert_eq!(
            complaint(RequestKind::Patch, answer(507, &[], "{}"), false),
            Some(Check::Errors)
        );
        assert_eq!(complaint(RequestKind::Patch, answer(507, &[], "{}"), true), None);
        assert_eq!(
            complaint(
                RequestKind::Read,
                answer(200, &[("etag", "\"4-9f3c21aa\"")], &persona("null")),
                false
            ),
            Some(Check::Intact)
        );
        assert_eq!(
            complaint(
                RequestKind::Read,
                answer(200, &[("etag", "\"3-9f3c21aa\"")], "{\"id\":"),
                false
            ),
            Some(Check::Intact)
        );
    }
}

//! One example of each problem, for the OpenAPI document: made by the code that makes real
//! problems, wherever possible.

use std::time::Duration;

use persona_model::{
    BadLabel, Conflict, Document, EntityTag, LabelName, PersonaId, Revision, SearchError, Timestamp,
};
use persona_storage::{ATOMIC_BYTES_MAX, Error, LabelError, TokenError, TokenScope};
use serde_json::json;
use uuid::Uuid;

use super::{Code, FieldError, Problem, Refusal};
use crate::auth::Denial;
use crate::extract::json::read;
use crate::origins::refusal;

/// The persona that the examples are about.
const ID: PersonaId = PersonaId::new(Uuid::from_u128(0x0193_b0c2_7f3e_7a10_8c1d_0000_0000_0001));
/// The entity tag of the persona.
const CURRENT: EntityTag = EntityTag { revision: Revision::FIRST, checksum: 0x5d0c_7e42 };

/// An example answer with this code.
///
/// Failures of the store are written out here, because an example of them would need the error of a
/// driver.
pub fn example(code: Code) -> Problem {
    let new = |detail: &'static str| Problem::new(code, detail);
    match code {
        Code::MalformedRequest | Code::HeadTooSlow | Code::ForeignHost | Code::HeadTooLarge | Code::UnknownCoding | Code::OldProtocol => {
            of_head(code)
        }
        Code::BodyCutOff => new("the connection broke before the body was complete"),
        Code::MalformedJson => read(b"{\"name\": Ada}").expect_err("broken on purpose"),
        Code::BadParameter => Problem::bad_parameters(vec![FieldError {
            parameter: Some("limit".into()),
            code: "bad_value".into(),
            message: "must be a whole number from 1 to 1000, is \"many\"".into(),
            ..FieldError::default()
        }]),
        Code::BadHeader => Problem::bad_header("Idempotency-Key", "bad_value", "must be 1 to 255 visible ASCII characters"),
        Code::TokenRequired => Denial::Missing.into(),
        Code::TokenRefused => Denial::Revoked.into(),
        Code::ScopeTooSmall => Denial::Scope { needed: TokenScope::Write, has: TokenScope::Read }.into(),
        Code::AuthorRefused => Denial::Author { name: "ci".into() }.into(),
        Code::OwnerRefused => Denial::Bound.into(),
        Code::TaskBusy => new("a check is under way, and one task is done at a time").retry(),
        Code::TaskNotOffered => new("PostgreSQL is backed up by its own tools: pg_dump or pg_basebackup"),
        Code::CrossSite => refusal("https://app.example"),
        Code::NoSuchPersona => Problem::no_such_persona(&ID.to_string()),
        Code::NoSuchRevision => new("it has no revision 7, the current one is 1").with(|body| body.current_revision = Some(1)),
        Code::NoSuchLabel => Problem::no_such_label("production"),
        Code::NoSuchToken => Problem::no_such_token("ci"),
        Code::BadLabel => Problem::bad_label("latest", BadLabel::Latest),
        Code::LabelProtected => {
            let label = LabelName::parse("production").expect("a label");
            Denial::Label { label, has: TokenScope::Write }.into()
        }
        Code::NoSuchRoute => new("there is nothing at /api/v1/persona").hint("did you mean /api/v1/personas?"),
        Code::MethodNotAllowed => new("PUT is not possible at /api/v1/personas").hint("it answers to GET, POST"),
        Code::BodyTooSlow => new("a body has to come with at least 16384 bytes a second, after the first 5 seconds"),
        Code::RateLimited => new("this client may make 50 writes a second, and 100 at once"),
        Code::BodyTooLarge => new("a body may have 8388608 bytes, this one has 9000000").with(|body| body.body_bytes = Some(9_000_000)),
        Code::Deleted | Code::Purged | Code::RevisionDropped | Code::Stale | Code::AlreadyExists => of_persona(code),
        Code::HandleAmbiguous => Problem::of_ambiguous_handle(ID),
        Code::UnsupportedMediaType => new("text/plain is not accepted here; accepted: application/json"),
        Code::Invalid => Document::from_json(json!({ "nmae": "Ada" })).map_or_else(Problem::from, |_| new("")),
        Code::BadSearch => Problem::new(code, format!("the search {}", SearchError::NoWord)),
        Code::ConditionRequired => new("If-Match is missing, so a change of another client could be overwritten")
            .hint("send If-Match with the ETag that a GET answered, or If-Match: * to mean whatever is there"),
        Code::NotReady => new("the store cannot be read").with(|body| body.cause = Some(Code::Closing.facts().word.into())),
        Code::Internal | Code::Damaged | Code::StorageFailed | Code::Unreachable | Code::OutcomeUnknown | Code::StorageFull => {
            of_failure(code)
        }
        Code::Conflict
        | Code::TestFailed
        | Code::HandleTaken
        | Code::UnknownPosition
        | Code::UnknownBase
        | Code::KeyReused
        | Code::Busy
        | Code::TooManyKeys
        | Code::BatchTooLarge
        | Code::ReadTimeout
        | Code::LabelMoved
        | Code::TooManyLabels
        | Code::TokenNameTaken
        | Code::RightsExceeded
        | Code::NotRotated
        | Code::TooManyTokens
        | Code::Closing => of_store(code),
    }
}

/// The example of a problem of one persona.
fn of_persona(code: Code) -> Problem {
    let at = Timestamp::from_micros(1_795_543_841_000_120);
    let error = match code {
        Code::Purged => Error::Purged { at },
        Code::RevisionDropped => Error::RevisionDropped { revision: Revision::FIRST.next() },
        Code::Stale => Error::Stale { current: CURRENT },
        Code::AlreadyExists => Error::AlreadyExists { current: CURRENT },
        _ => Error::Deleted { current: CURRENT },
    };
    Problem::of_persona(ID, error)
}

fn of_failure(code: Code) -> Problem {
    let detail = match code {
        Code::Damaged => "the database is damaged; the server's log says how",
        Code::StorageFailed => "the disk failed; the server's log says how",
        Code::Unreachable => "the database cannot be reached now",
        Code::OutcomeUnknown => {
            "the database failed while it committed this; whether it was kept is unknown"
        }
        Code::StorageFull => "there is no space left for the database; nothing was changed",
        _ => "the server met a fault of its own; its log says which",
    };
    Problem::new(code, detail)
}

fn of_head(code: Code) -> Problem {
    Problem::from(match code {
        Code::HeadTooSlow => Refusal::TooSlow,
        Code::ForeignHost => Refusal::ForeignHost,
        Code::HeadTooLarge => Refusal::TooManyBytes,
        Code::UnknownCoding => Refusal::UnknownCoding,
        Code::OldProtocol => Refusal::UnknownVersion,
        _ => Refusal::Malformed("the target of the request is no URI"),
    })
}

/// The example of a problem that follows from an ordinary answer of the store.
fn of_store(code: Code) -> Problem {
    Problem::from(match code {
        Code::Conflict => Error::Conflicts {
            conflicts: vec![Conflict {
                pointer: "/scenario".into(),
                base: Some("London, 1843.\nRain.".into()),
                theirs: Some("London, 1843.\nFog.".into()),
                yours: Some("London, 1842.\nSnow.".into()),
                has_lines: true,
                reason: None,
            }],
            current: CURRENT,
        },
        Code::TestFailed => Error::TestFailed { pointer: "/name".into(), current: CURRENT },
        Code::HandleTaken => Error::HandleTaken { handle: "ada".into(), holder: ID },
        Code::UnknownPosition => Error::UnknownPosition,
        Code::UnknownBase => Error::UnknownBase { base: Revision::FIRST },
        Code::KeyReused => Error::KeyReused,
        Code::TooManyKeys => Error::TooManyKeys { max: 10_000_000 },
        Code::BatchTooLarge => Error::TooMuchAtOnce { max: ATOMIC_BYTES_MAX },
        Code::ReadTimeout => Error::ReadTimedOut { limit: Duration::from_secs(5) },
        Code::LabelMoved => LabelError::Stale { current: None }.into(),
        Code::TooManyLabels => LabelError::TooMany.into(),
        Code::TokenNameTaken => TokenError::NameTaken.into(),
        Code::NotRotated => TokenError::Ended.into(),
        Code::TooManyTokens => TokenError::TooMany.into(),
        Code::RightsExceeded => TokenError::Exceeds.into(),
        Code::Closing => Error::Closed("it is closing"),
        _ => Error::Busy { what: "the write queue" },
    })
}

#[cfg(test)]
mod tests {
    use super::{Code, example};

    #[test]
    fn each_example_has_the_code_that_it_is_an_example_of() {
        for code in Code::all() {
            let problem = example(code);
            assert_eq!(problem.code(), code);
            assert!(!problem.detail().is_empty());
        }
    }
}

//! What the rows of the table of operations are made of.

use crate::contract::headers::{self, Header};
use crate::contract::operation::{
    Answer, Body, Content, Method, OperationRow, RateClass, Scope, StoreUse, Tag,
};
use crate::contract::schema::BodySchema;

/// The scope that a client needs, and the budget that a request counts against.
pub(super) type Access = (Scope, RateClass);

pub(super) const READ: Access = (Scope::Read, RateClass::Read);
pub(super) const SCAN: Access = (Scope::Read, RateClass::Scan);
pub(super) const WRITE: Access = (Scope::Write, RateClass::Write);
pub(super) const ADMIN: Access = (Scope::Admin, RateClass::Write);
pub(super) const OPEN: Access = (Scope::Open, RateClass::Exempt);

/// The media type of most bodies.
pub(super) const JSON: &str = "application/json";

/// A row without parameters, bodies and answers, to be completed. Scope and rate class have no
/// default: each row must name them.
pub(super) const fn row(
    (scope, rate): Access,
    name: &'static str,
    method: Method,
    path: &'static str,
) -> OperationRow {
    OperationRow {
        name,
        method,
        path,
        tag: Tag::Personas,
        summary: "",
        query: &[],
        headers: &[],
        bodies: &[],
        body_can_be_absent: false,
        takes_file: false,
        answers: &[],
        problems: &[],
        store: StoreUse::None,
        scope,
        rate,
    }
}

pub(super) const fn answer(status: u16, about: &'static str, content: Content) -> Answer {
    Answer { status, about, headers: &[], content }
}

/// The answer to a write: the persona.
pub(super) const fn kept(
    status: u16,
    about: &'static str,
    headers: &'static [&'static str],
) -> Answer {
    Answer { status, about, headers, content: Content::Kept }
}

/// The conditions of a read of one persona.
pub(super) const CONDITIONS_OF_READ: &[Header] = &[
    headers::IF_MATCH_OF_READ,
    headers::IF_NONE_MATCH,
    headers::IF_UNMODIFIED_SINCE_OF_READ,
    headers::IF_MODIFIED_SINCE,
];

/// The answer to a read of one persona.
pub(super) const fn found(about: &'static str) -> Answer {
    let headers = &["ETag", "LastModified"];
    Answer { status: 200, about, headers, content: Content::Json(BodySchema::Persona("Persona")) }
}

/// The same where the read can follow a label.
pub(super) const fn found_by_label(about: &'static str) -> Answer {
    Answer { headers: &["ETag", "LastModified", "ContentLocation"], ..found(about) }
}

/// The answer to a read of a state that the client has already.
pub(super) const NOT_MODIFIED: Answer = Answer {
    status: 304,
    about: "The client has this state already.",
    headers: &["ETag"],
    content: Content::Empty,
};

pub(super) const fn body(
    media_type: &'static str,
    schema: BodySchema,
    example: &'static str,
) -> Body {
    Body { media_type, schema, example }
}

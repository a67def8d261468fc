//! The rows of sessions: how a page signs in with a one-time link, and out.

use super::row::{Access, answer, row};
use crate::contract::operation::{Content, Method, OperationRow, RateClass, Scope, Tag};
use crate::contract::problems::Code;
use crate::contract::schema::schema_of;
use crate::contract::session::Session;

/// Every token may ask about itself and end its own session, whatever it may change besides. Each
/// change uses a link or a session up, so there is nothing to limit.
const OWN: Access = (Scope::Read, RateClass::Exempt);

pub(super) const GET_SESSION: OperationRow = OperationRow {
    tag: Tag::Access,
    summary: "Read which token lets requests in, and what they may do",
    answers: &[answer(200, "Token and scope.", Content::Json(schema_of::<Session>()))],
    ..row(OWN, "get_session", Method::Get, "/api/v1/session")
};

pub(super) const CREATE_SESSION: OperationRow = OperationRow {
    tag: Tag::Access,
    summary: "Exchange a one-time link for a session, in a cookie",
    answers: &[answer(
        200,
        "The session; with another token than that of a link nothing is exchanged.",
        Content::Json(schema_of::<Session>()),
    )],
    problems: &[Code::CrossSite],
    ..row(OWN, "create_session", Method::Post, "/api/v1/session")
};

pub(super) const DELETE_SESSION: OperationRow = OperationRow {
    tag: Tag::Access,
    summary: "End a session",
    answers: &[answer(204, "The session has ended, and its cookie is gone.", Content::Empty)],
    problems: &[Code::CrossSite, Code::BadHeader],
    ..row(OWN, "delete_session", Method::Delete, "/api/v1/session")
};

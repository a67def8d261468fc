//! The rows of access tokens: what `persona token` does, for an admin at a distance.

use super::row::{ADMIN, JSON, answer, body, row};
use crate::contract::operation::{Content, Method, OperationRow, RateClass, Scope, StoreUse, Tag};
use crate::contract::parameters as of;
use crate::contract::problems::Code;
use crate::contract::schema::schema_of;
use crate::contract::tokens::{
    NEW_TOKEN_EXAMPLE, NewToken, ROTATION_EXAMPLE, Rotation, TokenAnswer, TokenList,
};

pub(super) const LIST_TOKENS: OperationRow = OperationRow {
    tag: Tag::Access,
    summary: "List the access tokens, never their secrets",
    query: &[of::LIMIT.parameter, of::TOKEN_CURSOR.parameter],
    answers: &[answer(200, "One page.", Content::Json(schema_of::<TokenList>()))],
    problems: &[Code::ReadTimeout],
    store: StoreUse::Reads,
    ..row((Scope::Admin, RateClass::Read), "list_tokens", Method::Get, "/api/v1/tokens")
};

pub(super) const CREATE_TOKEN: OperationRow = OperationRow {
    tag: Tag::Access,
    summary: "Make an access token; its secret is told in the answer and nowhere else",
    bodies: &[body(JSON, schema_of::<NewToken>(), NEW_TOKEN_EXAMPLE)],
    answers: &[answer(201, "The token, with its secret.", ANSWER)],
    problems: &[
        Code::TokenNameTaken,
        Code::TooManyTokens,
        Code::OwnerRefused,
        Code::RightsExceeded,
    ],
    store: StoreUse::ChangesTokens,
    ..row(ADMIN, "create_token", Method::Post, "/api/v1/tokens")
};

pub(super) const REVOKE_TOKEN: OperationRow = OperationRow {
    tag: Tag::Access,
    summary: "End an access token, also the own one: no request that begins later is let in by it",
    answers: &[answer(200, "The token, which has ended.", ANSWER)],
    problems: &[Code::NoSuchToken],
    store: StoreUse::ChangesTokens,
    ..row(ADMIN, "revoke_token", Method::Post, "/api/v1/tokens/{token}/revoke")
};

pub(super) const ROTATE_TOKEN: OperationRow = OperationRow {
    tag: Tag::Access,
    summary: "Give an access token a new secret; the former one counts for a while",
    bodies: &[body(JSON, schema_of::<Rotation>(), ROTATION_EXAMPLE)],
    body_can_be_absent: true,
    answers: &[answer(200, "The token, with its new secret.", ANSWER)],
    problems: &[Code::NoSuchToken, Code::NotRotated, Code::RightsExceeded],
    store: StoreUse::ChangesTokens,
    ..row(ADMIN, "rotate_token", Method::Post, "/api/v1/tokens/{token}/rotate")
};

const ANSWER: Content = Content::Json(schema_of::<TokenAnswer>());

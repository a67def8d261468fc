//! The rows of operations for monitoring the server.

use super::row::{ADMIN, OPEN, answer, row};
use crate::contract::health::{Health, Readiness};
use crate::contract::operation::{Content, Method, OperationRow, RateClass, Scope, StoreUse, Tag};
use crate::contract::problems::Code;
use crate::contract::schema::schema_of;
use crate::contract::status::Status;

pub(super) const GET_STATUS: OperationRow = OperationRow {
    tag: Tag::Server,
    summary: "Read the state of database and processes",
    answers: &[answer(200, "The state.", Content::Json(schema_of::<Status>()))],
    problems: &[Code::ReadTimeout],
    store: StoreUse::Reads,
    ..row((Scope::Read, RateClass::Read), "get_status", Method::Get, "/api/v1/status")
};

pub(super) const RESTART_SERVER: OperationRow = OperationRow {
    tag: Tag::Server,
    summary: "Replace the workers one by one; no request fails by it",
    answers: &[answer(202, "The supervisor was told.", Content::Empty)],
    problems: &[Code::CrossSite, Code::NotReady],
    ..row(ADMIN, "restart_server", Method::Post, "/api/v1/server/restart")
};

pub(super) const GET_HEALTH: OperationRow = OperationRow {
    tag: Tag::Server,
    summary: "Ask whether the process lives",
    answers: &[answer(200, "It lives.", Content::Json(schema_of::<Health>()))],
    ..row(OPEN, "get_health", Method::Get, "/healthz")
};

pub(super) const GET_READINESS: OperationRow = OperationRow {
    tag: Tag::Server,
    summary: "Ask whether requests can be answered",
    answers: &[answer(200, "They can.", Content::Json(schema_of::<Readiness>()))],
    problems: &[Code::NotReady],
    store: StoreUse::Probes,
    ..row(OPEN, "get_readiness", Method::Get, "/readyz")
};

pub(super) const GET_METRICS: OperationRow = OperationRow {
    tag: Tag::Server,
    summary: "Read the metrics of all processes, for Prometheus",
    answers: &[answer(200, "The metrics.", Content::Text("text/plain"))],
    ..row((Scope::Read, RateClass::Exempt), "get_metrics", Method::Get, "/metrics")
};

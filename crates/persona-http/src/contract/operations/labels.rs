//! The rows of labels.

use super::row::{JSON, NOT_MODIFIED, READ, SCAN, WRITE, answer, body, row};
use crate::contract::headers as of;
use crate::contract::labels::{
    LabelEntry, LabelList, LabelMoves, LabelTarget, RELEASE_EXAMPLE, Release, ReleaseAnswer,
    TARGET_EXAMPLE,
};
use crate::contract::operation::{Answer, Content, Method, OperationRow, StoreUse};
use crate::contract::parameters::{LIMIT, MOVE_CURSOR};
use crate::contract::problems::Code;
use crate::contract::schema::schema_of;

/// An answer with a label.
const fn set(status: u16, about: &'static str, headers: &'static [&'static str]) -> Answer {
    Answer { headers, ..answer(status, about, Content::Json(schema_of::<LabelEntry>())) }
}

pub(super) const LIST_LABELS: OperationRow = OperationRow {
    summary: "List the labels of a persona, also of a deleted one",
    answers: &[answer(200, "Its labels.", Content::Json(schema_of::<LabelList>()))],
    problems: &[Code::NoSuchPersona, Code::ReadTimeout],
    store: StoreUse::Reads,
    ..row(READ, "list_labels", Method::Get, "/api/v1/personas/{id}/labels")
};

pub(super) const GET_LABEL: OperationRow = OperationRow {
    summary: "Read where a label points",
    headers: &[of::IF_MATCH_OF_READ, of::IF_NONE_MATCH],
    answers: &[set(200, "The label.", &["LabelTag"]), NOT_MODIFIED],
    problems: &[Code::NoSuchPersona, Code::NoSuchLabel, Code::LabelMoved, Code::ReadTimeout],
    store: StoreUse::Reads,
    ..row(READ, "get_label", Method::Get, "/api/v1/personas/{id}/labels/{label}")
};

pub(super) const SET_LABEL: OperationRow = OperationRow {
    summary: "Set a label, or move it to another revision",
    headers: &[of::IF_MATCH_OF_LABEL, of::IF_NONE_MATCH_LABEL],
    bodies: &[body(JSON, schema_of::<LabelTarget>(), TARGET_EXAMPLE)],
    answers: &[
        set(200, "The label, which points there now.", &["LabelTag", "Replayed"]),
        set(201, "The label, which was not set before.", &["LabelTag", "Location", "Replayed"]),
    ],
    problems: &[
        Code::NoSuchPersona,
        Code::NoSuchRevision,
        Code::NoSuchLabel,
        Code::Deleted,
        Code::LabelMoved,
        Code::TooManyLabels,
        Code::BadLabel,
    ],
    store: StoreUse::MovesLabels,
    ..row(WRITE, "set_label", Method::Put, "/api/v1/personas/{id}/labels/{label}")
};

pub(super) const REMOVE_LABEL: OperationRow = OperationRow {
    summary: "Remove a label; its moves are kept",
    headers: &[of::IF_MATCH_OF_LABEL],
    answers: &[Answer { headers: &["Replayed"], ..answer(204, "It is removed.", Content::Empty) }],
    problems: &[
        Code::NoSuchPersona,
        Code::NoSuchLabel,
        Code::Deleted,
        Code::LabelMoved,
        Code::BadLabel,
    ],
    store: StoreUse::MovesLabels,
    ..row(WRITE, "remove_label", Method::Delete, "/api/v1/personas/{id}/labels/{label}")
};

pub(super) const LIST_LABEL_MOVES: OperationRow = OperationRow {
    summary: "List the moves of a label, the newest first, also of one that was removed",
    query: &[LIMIT.parameter, MOVE_CURSOR.parameter],
    answers: &[answer(200, "One page.", Content::Json(schema_of::<LabelMoves>()))],
    problems: &[Code::NoSuchPersona, Code::NoSuchLabel, Code::ReadTimeout],
    store: StoreUse::Reads,
    ..row(SCAN, "list_label_moves", Method::Get, "/api/v1/personas/{id}/labels/{label}/moves")
};

pub(super) const RELEASE_LABELS: OperationRow = OperationRow {
    summary: "Move labels of many personas, all of them or none",
    bodies: &[body(JSON, schema_of::<Release>(), RELEASE_EXAMPLE)],
    answers: &[Answer {
        headers: &["Replayed"],
        ..answer(200, "All are moved.", Content::Json(schema_of::<ReleaseAnswer>()))
    }],
    problems: &[
        Code::NoSuchPersona,
        Code::NoSuchRevision,
        Code::NoSuchLabel,
        Code::Deleted,
        Code::LabelMoved,
        Code::TooManyLabels,
    ],
    store: StoreUse::MovesLabels,
    ..row(WRITE, "release_labels", Method::Post, "/api/v1/personas/release")
};

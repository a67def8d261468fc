//! The rows of the operations that describe the API.

use super::row::{NOT_MODIFIED, OPEN, answer, row};
use crate::contract::health::Landing;
use crate::contract::operation::{Answer, Content, Method, OperationRow, Tag};
use crate::contract::problem_body::ProblemPage;
use crate::contract::problems::Code;
use crate::contract::schema::schema_of;

pub(super) const LIST_PROBLEMS: OperationRow = OperationRow {
    tag: Tag::Documentation,
    summary: "List every problem that an answer can have",
    answers: &[answer(200, "Every problem.", Content::Json(schema_of::<ProblemPage>()))],
    ..row(OPEN, "list_problems", Method::Get, "/api/v1/problems")
};

pub(super) const GET_OPENAPI: OperationRow = OperationRow {
    tag: Tag::Documentation,
    summary: "Read this document",
    answers: &[answer(200, "This document.", Content::Object)],
    ..row(OPEN, "get_openapi", Method::Get, "/api/v1/openapi.json")
};

pub(super) const LANDING: OperationRow = OperationRow {
    tag: Tag::Documentation,
    summary: "Find the way",
    answers: &[
        answer(
            200,
            "Name, version and links; a browser gets the studio.",
            Content::JsonOrPage(schema_of::<Landing>()),
        ),
        Answer {
            headers: &["Location"],
            ..answer(
                303,
                "A browser, where the program has no studio: the documentation is there.",
                Content::Empty,
            )
        },
        NOT_MODIFIED,
    ],
    ..row(OPEN, "landing", Method::Get, "/")
};

pub(super) const GET_DOCS: OperationRow = OperationRow {
    tag: Tag::Documentation,
    summary: "Read and try the API in a browser",
    answers: &[answer(200, "A page.", Content::Text("text/html"))],
    ..row(OPEN, "get_docs", Method::Get, "/api/v1/docs")
};

pub(super) const GET_DOCS_FILE: OperationRow = OperationRow {
    tag: Tag::Documentation,
    summary: "Read a file of the page",
    answers: &[answer(200, "The file.", Content::Files)],
    problems: &[Code::NoSuchRoute],
    ..row(OPEN, "get_docs_file", Method::Get, "/api/v1/docs/{file}")
};

pub(super) const GET_STUDIO_FILE: OperationRow = OperationRow {
    tag: Tag::Documentation,
    summary: "Read a file of the studio",
    answers: &[answer(200, "The file.", Content::Files)],
    problems: &[Code::NoSuchRoute],
    ..row(OPEN, "get_studio_file", Method::Get, "/studio/{version}/{folder}/{file}")
};

//! `GET /api/v1/problems`.

use axum::Json;

use super::Code;
use crate::contract::problem_body::{ProblemKind, ProblemPage};

/// Every problem that an answer can have, with what to do about it.
pub async fn list_problems() -> Json<ProblemPage> {
    let kind = |code: Code| {
        let facts = code.facts();
        ProblemKind {
            r#type: code.type_uri(),
            code: facts.word.into(),
            status: facts.status.as_u16(),
            title: facts.title.into(),
            remedy: facts.remedy.into(),
        }
    };
    Json(ProblemPage { items: Code::all().map(kind).collect(), next_cursor: () })
}

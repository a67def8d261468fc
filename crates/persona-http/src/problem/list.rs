//! `GET /api/v1/problems`.

use axum::Json;
use serde_json::{Value, json};

use super::Code;

/// Every problem that an answer can have, with what to do about it.
pub async fn list_problems() -> Json<Value> {
    let item = |code: Code| {
        let facts = code.facts();
        json!({
            "type": code.type_uri(),
            "code": facts.word,
            "status": facts.status.as_u16(),
            "title": facts.title,
            "remedy": facts.remedy,
        })
    };
    Json(json!({ "items": Code::all().map(item).collect::<Vec<_>>(), "next_cursor": null }))
}

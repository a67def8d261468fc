//! Where the words of a search are in the personas of a page.

use persona_model::{Search, Snippet};
use persona_storage::{Answer, Error};
use serde_json::{Value, json};

/// The highlights of some answers as a JSON text: a list for each, in their order.
pub(super) fn text(items: &[Answer], search: &Search) -> Result<String, Error> {
    let mut highlights = Vec::with_capacity(items.len());
    for item in items {
        let damaged = |error: serde_json::Error| Error::Damaged(format!("a stored answer cannot be read: {error}"));
        let persona: Value = serde_json::from_slice(&item.body).map_err(damaged)?;
        highlights.push(search.snippets(&persona).iter().map(shown).collect());
    }
    Ok(Value::Array(highlights).to_string())
}

fn shown(snippet: &Snippet) -> Value {
    json!({ "pointer": snippet.pointer, "html": snippet.html })
}

//! Searches for writes that were just acknowledged (check S).
//!
//! A new persona must be found by its name, which never changes. Every write puts a unique word
//! into a text of the persona. After the answer, a search for that word must find the persona on
//! any worker. The search may miss the persona only if it was written again meanwhile, which its
//! revision shows.

use http::Method;
use http_body_util::Full;
use persona_http::contract::OperationId;
use persona_http::contract::page::Page;
use persona_model::PersonaId;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::checks::Check;
use super::connection::{Answer, Connection};
use super::load::Load;

/// An acknowledged write with its unique word.
pub struct Written {
    pub id: PersonaId,
    pub revision: u32,
    /// The number of the request, from which its word is made.
    pub request: u32,
}

/// The word that a request puts into the text of the persona.
pub fn word_of(request: u32) -> String {
    format!("word{request}")
}

/// Searches for a new persona by its name.
pub async fn search_name(load: &Load, persona: u32, id: PersonaId, connection: &mut Connection) {
    let name = load.name_of(persona);
    if is_found(load, id, &phrase(&name), connection).await == Some(false) {
        let what = format!(
            "persona {id} was created, and a search for its name that began after the answer did \
             not find it"
        );
        load.complain(Check::Found, what);
    }
}

/// Searches for the word of a write, and reports a violation if it is not found although the
/// persona was not written again.
pub async fn search_word(load: &Load, written: &Written, connection: &mut Connection) {
    let Written { id, revision, request } = written;
    // The name excludes personas of earlier runs, which have the same words.
    let query = format!("{}+{}", word_of(*request), phrase(&load.tag));
    if is_found(load, *id, &query, connection).await != Some(false) {
        return;
    }
    let Some(now) = get::<Value>(load, connection, &format!("/{id}")).await else { return };
    if now["revision"] == *revision {
        let what = format!(
            "persona {id} was written at revision {revision} and is still there, and a search for \
             its words that began after the answer did not find it"
        );
        load.complain(Check::Found, what);
    }
}

/// Whether a search finds a persona; `None` without an answer.
async fn is_found(
    load: &Load,
    id: PersonaId,
    query: &str,
    connection: &mut Connection,
) -> Option<bool> {
    let path = format!("?q={query}&include_deleted=true&fields=id&limit=1000");
    let page = get::<Page<Value>>(load, connection, &path).await?;
    let id = id.to_string();
    Some(page.items.iter().any(|item| item["id"] == id.as_str()))
}

/// The words of a text in their order, as a part of a query.
pub fn phrase(text: &str) -> String {
    format!("%22{}%22", text.replace(' ', "+"))
}

/// The body of an answer 200. Other answers are judged elsewhere, by the clients of the load.
async fn get<T: DeserializeOwned>(
    load: &Load,
    connection: &mut Connection,
    path: &str,
) -> Option<T> {
    let request =
        load.address.request(Method::GET, &format!("{}{path}", OperationId::ListPersonas.path()));
    let Answer { status, body, .. } =
        connection.send(request.body(Full::default()).ok()?).await.ok()?;
    (status == 200).then(|| serde_json::from_slice(&body).ok()).flatten()
}

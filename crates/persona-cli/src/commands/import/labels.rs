//! The labels that a line of a history has: set again where they are not set here.

use bytes::Bytes;
use http::{HeaderName, Method, StatusCode, header};
use persona_formats::Item;
use persona_http::contract::OperationId;
use persona_http::contract::problems::Code;
use persona_model::LabelName;
use serde_json::{Value, json};

use super::patience::{patiently, reasons_of};
use crate::client::{Api, Reply};
use crate::failure::Failure;

/// Names the author of the move.
const AUTHOR: HeaderName = HeaderName::from_static("x-persona-author");

/// Sets the labels of the persona of a line, and tells why some are not set. One that is set here
/// already stays where it is, and so do those of a persona that is deleted here.
pub(super) async fn set_again(api: &Api, item: &Item) -> Result<Vec<String>, Failure> {
    let labels = item.origin.stamps.get("history").and_then(|history| history.get("labels"));
    let Some(labels) = labels.and_then(Value::as_object) else { return Ok(Vec::new()) };
    let mut refused = Vec::new();
    for (word, label) in labels {
        let why = match LabelName::parse(word) {
            Ok(name) => set(api, item, &name, label).await?,
            Err(bad) => vec![bad.to_string()],
        };
        refused.extend(why.iter().map(|why| format!("the label {word:?} is not set: {why}")));
    }
    Ok(refused)
}

async fn set(
    api: &Api,
    item: &Item,
    name: &LabelName,
    label: &Value,
) -> Result<Vec<String>, Failure> {
    let path = OperationId::SetLabel.path_of(&[&item.id.to_string(), name.as_str()]);
    let body = Bytes::from(json!({ "revision": label["revision"] }).to_string());
    let mut headers = vec![(header::IF_NONE_MATCH, "*".to_owned())];
    let is_plain = |by: &&str| !by.trim().is_empty() && !by.chars().any(char::is_control);
    let author = label["by"].as_str().filter(is_plain);
    headers.extend(author.map(|author| (AUTHOR, author.to_owned())));
    let mut reply = patiently(api, Method::PUT, &path, &headers, Some(&body)).await?;
    if is_of_author(&reply) {
        // A token that does not name authors moves labels as its own.
        headers.truncate(1);
        reply = patiently(api, Method::PUT, &path, &headers, Some(&body)).await?;
    }
    Ok(match reply.status {
        StatusCode::CREATED | StatusCode::PRECONDITION_FAILED | StatusCode::GONE => Vec::new(),
        _ => reasons_of(reply),
    })
}

fn is_of_author(reply: &Reply) -> bool {
    reply.status == StatusCode::FORBIDDEN && reply.problem().is(Code::AuthorRefused)
}

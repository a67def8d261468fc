//! Requests of every operation about a persona, with any headers and bodies that a client can send.

use std::sync::atomic::{AtomicU64, Ordering};

use persona_http::contract::{Method, OPERATIONS, OperationRow};
use persona_model::PersonaId;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::cast::{CREATED_WITH_KEY, Cast, HANDLE, Hidden, KEY, LABEL};
use crate::common::Reply;

/// What stands for the persona in a probe, for its entity tag, and for that of its label.
const ID: &str = "{id}";
const TAG: &str = "{tag}";
const LABEL_TAG: &str = "{tag of label}";

/// A request that names a persona in its path or in its body.
#[derive(Clone, Debug)]
pub struct Probe {
    pub method: &'static str,
    pub path: String,
    pub headers: Vec<(&'static str, &'static str)>,
    pub body: String,
}

/// Headers that can change the answer.
const HEADERS: &[(&str, &str)] = &[
    ("if-match", "*"),
    ("if-match", TAG),
    ("if-match", LABEL_TAG),
    ("if-match", "\"1-00000000\""),
    ("if-none-match", "*"),
    ("if-none-match", TAG),
    ("if-none-match", LABEL_TAG),
    ("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ("if-unmodified-since", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ("idempotency-key", KEY),
    ("idempotency-key", "a key of its own"),
    ("x-persona-note", "why"),
    ("x-persona-author", "b"),
    ("accept", "text/html"),
];
const QUERIES: &[&str] = &[
    "",
    "?revision=1",
    "?revision=2",
    "?revision=9",
    "?base_revision=1",
    "?base_revision=9",
    "?from=1&to=2",
    "?from=1",
    "?from=9",
    "?to=1",
    "?limit=1",
    "?cursor=2",
    "?atomic=true",
    "?purge=true",
    "?label=production",
    "?label=none",
    "?label=latest",
    "?include=labels",
    "?label=production&include=labels",
    "?revision=1&include=labels",
    "?revision=9&include=labels",
    "?mode=validate",
    "?on_duplicate=update",
    "?on_duplicate=keep_both",
    "?nonsense=1",
];
const MERGE: &str = "application/merge-patch+json";
const JSON_PATCH: &str = "application/json-patch+json";

/// Bodies, each with its media type.
fn bodies() -> Vec<(&'static str, String)> {
    let plain = "application/json";
    let texts = [
        (plain, r#"{"name":"x"}"#.to_owned()),
        (plain, CREATED_WITH_KEY.to_owned()),
        (plain, r#"{"name":"x","owner":"ada"}"#.to_owned()),
        (plain, r#"{"name":"x","owner":"bea"}"#.to_owned()),
        (plain, format!(r#"{{"name":"x","handle":"{HANDLE}"}}"#)),
        (plain, format!(r#"{{"id":"{ID}","name":"x","revision":1}}"#)),
        (plain, "{".to_owned()),
        (MERGE, r#"{"nickname":"x"}"#.to_owned()),
        (MERGE, r#"{"owner":"ada"}"#.to_owned()),
        (MERGE, r#"{"owner":null,"handle":null}"#.to_owned()),
        (MERGE, r#"{"name":null}"#.to_owned()),
        (JSON_PATCH, r#"[{"op":"test","path":"/owner","value":"bea"}]"#.to_owned()),
        (JSON_PATCH, r#"[{"op":"copy","from":"/name","path":"/nickname"}]"#.to_owned()),
        (
            plain,
            r#"{"name":"x","created_at":"2026-11-24T12:00:00Z","updated_at":"2026-11-24T12:00:00Z"}"#
                .to_owned(),
        ),
        (plain, r#"{"revision":1}"#.to_owned()),
        (plain, r#"{"revision":9}"#.to_owned()),
        (plain, r#"{"from":"latest"}"#.to_owned()),
        (plain, format!(r#"{{"from":"{LABEL}"}}"#)),
        (plain, r#"{"from":"none"}"#.to_owned()),
        ("application/x-ndjson", format!("{{\"id\":\"{ID}\",\"name\":\"x\"}}\n")),
    ];
    let items = [
        format!(r#"{{"op":"delete","id":"{ID}","if_match":"*"}}"#),
        format!(r#"{{"op":"delete","id":"{ID}","if_match":{TAG_IN_JSON}}}"#),
        format!(r#"{{"op":"patch","id":"{ID}","patch":{{"nickname":"x"}}}}"#),
        format!(r#"{{"op":"patch","id":"{ID}","patch":{{"nickname":"x"}},"base_revision":1}}"#),
        format!(r#"{{"op":"patch","id":"{ID}","patch":{{}},"idempotency_key":"{KEY}"}}"#),
        format!(r#"{{"op":"put","id":"{ID}","document":{{"name":"x"}},"if_match":"*"}}"#),
        format!(r#"{{"op":"put","id":"{ID}","document":{{"name":"x"}},"if_none_match":"*"}}"#),
    ];
    let batches = items.map(|item| (plain, format!(r#"{{"items":[{item}]}}"#)));
    let moves = [
        r#""revision":1"#.to_owned(),
        r#""revision":9"#.to_owned(),
        r#""revision":2,"if_none_match":"*""#.to_owned(),
        format!(r#""from":"{LABEL}""#),
        r#""from":"none""#.to_owned(),
        r#""remove":true"#.to_owned(),
    ];
    let label = |place: usize| if place.is_multiple_of(2) { LABEL } else { "staging" };
    let moves = moves.iter().enumerate().map(|(place, target)| {
        let body = format!(r#"{{"moves":[{{"id":"{ID}","label":"{}",{target}}}]}}"#, label(place));
        (plain, body)
    });
    texts.into_iter().chain(batches).chain(moves).collect()
}

/// The placeholder of the entity tag as a text of JSON.
const TAG_IN_JSON: &str = "\"{tag in json}\"";

/// The operations that can be about one persona.
fn rows() -> Vec<&'static OperationRow> {
    let takes_ids = |row: &&OperationRow| {
        row.path.contains(ID)
            || matches!(row.name, "batch_personas" | "import_personas" | "release_labels")
    };
    OPERATIONS.iter().filter(takes_ids).collect()
}

/// Any probe of this operation.
fn probe_of(row: &'static OperationRow) -> impl Strategy<Value = Probe> {
    let bodies: Vec<_> = bodies()
        .into_iter()
        .filter(|(kind, _)| {
            row.takes_file || row.bodies.iter().any(|body| body.media_type == *kind)
        })
        // An import without an identity would meet the personas of the request before it.
        .filter(|(_, body)| row.path.contains(ID) || body.contains(ID))
        .collect();
    let body = if bodies.is_empty() || row.method == Method::Get {
        Just(("", String::new())).boxed()
    } else {
        select(bodies).boxed()
    };
    let labels = &[LABEL, "none", "latest", "No%20Label"][..];
    let path = (select(&["1", "2", "9", "x"][..]), select(labels), select(QUERIES));
    let parts = (path, subsequence(HEADERS, 0..4), body);
    parts.prop_map(move |((revision, label, query), headers, body)| {
        let (media_type, body) = body;
        let mut headers = headers;
        headers.extend((!media_type.is_empty()).then_some(("content-type", media_type)));
        let path = row.path.replace("{revision}", revision).replace("{label}", label) + query;
        Probe { method: row.method.as_str(), path, headers, body }
    })
}

/// Any probe.
pub fn any_probe() -> impl Strategy<Value = Probe> {
    select(rows()).prop_flat_map(probe_of)
}

impl Probe {
    /// The answer to the probe about this persona.
    fn answer(&self, cast: &Cast<'_>, token: &str, persona: &Hidden) -> Reply {
        let quoted = serde_json::Value::from(persona.etag.as_str()).to_string();
        let put = |text: &str| {
            text.replace(TAG_IN_JSON, &quoted)
                .replace(LABEL_TAG, &persona.label_etag)
                .replace(TAG, &persona.etag)
                .replace(ID, &persona.id)
        };
        let headers: Vec<(&str, String)> =
            self.headers.iter().map(|(name, value)| (*name, put(value))).collect();
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        cast.ask(token, self.method, &put(&self.path), &headers, &put(&self.body))
    }

    /// How the answer about a hidden persona differs from that about a persona that never existed;
    /// `None` where both are equal.
    pub fn difference(&self, cast: &Cast<'_>, token: &str, hidden: &Hidden) -> Option<String> {
        static NEVER: AtomicU64 = AtomicU64::new(0);
        let number = NEVER.fetch_add(1, Ordering::Relaxed);
        let id = format!("0193b0c2-7f3e-7a10-8c1d-{number:012x}");
        let never = Hidden { id, ..hidden.clone() };
        let found = told(&self.answer(cast, token, hidden));
        let missing = told(&self.answer(cast, token, &never));
        (found != missing).then(|| format!("{self:?}\n{found}\nand not\n{missing}"))
    }
}

/// An answer without what differs between any two answers: identities, and the time.
fn told(reply: &Reply) -> String {
    let is_of_time = |name: &str| matches!(name, "date" | "content-length" | "last-modified");
    let headers = reply.headers.iter().filter(|(name, _)| !is_of_time(name));
    let head: Vec<String> = headers.map(|(name, value)| format!("{name}: {value}")).collect();
    let body = without_identities(&String::from_utf8_lossy(&reply.body));
    format!("{} {}\n{body}", reply.status, without_identities(&head.join("\n")))
}

/// The same text with a word in place of each UUID.
pub fn without_identities(text: &str) -> String {
    const CHARS: usize = 36;
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(char) = rest.chars().next() {
        if rest.get(..CHARS).is_some_and(|part| PersonaId::parse(part).is_some()) {
            kept.push_str("an identity");
            rest = &rest[CHARS..];
        } else {
            kept.push(char);
            rest = &rest[char.len_utf8()..];
        }
    }
    kept
}

//! `GET /api/v1/openapi.json`: the API as an OpenAPI 3.1 document.
//!
//! The document is built from the tables that the server itself uses, so that it cannot differ from
//! the server: fields from `persona_model::FIELDS`, everything else from `contract/`.
//!
//! - `paths.rs`: the rows of the table of operations; start there.
//! - `persona.rs`: the schemas of a persona; `grammar.rs`: the forms of texts that are no JSON.
//! - `components.rs`: all named schemas, and the headers.

#[cfg(test)]
mod bound;
mod components;
#[cfg(test)]
mod declared;
#[cfg(test)]
pub(crate) mod failing;
mod grammar;
#[cfg(test)]
mod met;
mod ordered;
mod paths;
mod persona;

use std::sync::{Arc, LazyLock, OnceLock};

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde::Serialize;
use serde_json::{Value, json};

use self::ordered::Ordered;
use crate::Context;
use crate::contract::schema;

/// The document as text; it is the same for the life of the process.
static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| written("/"));

/// The document of a server behind a proxy: its paths have the prefix of the proxy.
static BEHIND_PROXY: OnceLock<Bytes> = OnceLock::new();

/// Writes the document of an API below this path.
fn written(root: &str) -> Bytes {
    // The paths are written first, because each body adds the schemas of its type to `types`.
    let mut types = schema::generator();
    let paths = paths::paths(&mut types);
    let document = Document {
        openapi: "3.1.0",
        info: json!({
            "title": "Persona Store",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": { "name": "MIT", "identifier": "MIT" },
        }),
        servers: json!([{ "url": root, "description": "This server." }]),
        // The document as a whole demands no token; each operation that can need one says so.
        security: json!([]),
        tags: json!([
            { "name": "personas", "description": "Read and change personas." },
            { "name": "access", "description": "Tokens and sessions." },
            { "name": "server", "description": "What the server says of itself." },
            { "name": "documentation", "description": "What the API can do." },
        ]),
        paths,
        components: json!({
            "securitySchemes": components::security_schemes(),
            "schemas": components::schemas(&mut types),
            "headers": components::headers(),
            "examples": components::examples(),
        }),
    };
    Bytes::from(serde_json::to_vec(&document).expect("a document is JSON"))
}

/// Members in the order of the specification (OpenAPI 3.1, section 4.8.1).
#[derive(Serialize)]
struct Document {
    openapi: &'static str,
    info: Value,
    servers: Value,
    security: Value,
    tags: Value,
    paths: Ordered<Ordered<Value>>,
    components: Value,
}

const ABOUT: &str = "Keeps personas: characters, users, agents and prompts.\n\n\
    An acknowledged change is never lost, and every read that starts after it sees it, whichever worker answers. \
    Each persona has a revision, and each state of it an ETag, which is opaque. Replacing and deleting need If-Match, so that no client \
    overwrites what another client wrote meanwhile; patches touch only what they name.\n\n\
    Errors are problem documents (RFC 9457) with a stable code; the list is at /api/v1/problems. Every answer carries \
    X-Request-Id: the one that came in (1 to 128 visible ASCII characters), or a new one. A server that runs with \
    --expose-worker adds X-Persona-Worker and Server-Timing.";

/// Answers with the document.
pub async fn get_openapi(State(context): State<Arc<Context>>) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
    ];
    let root = &*context.root_path;
    let document = if root.is_empty() {
        document()
    } else {
        BEHIND_PROXY.get_or_init(|| written(root)).clone()
    };
    (headers, document).into_response()
}

/// The document, as JSON.
pub fn document() -> Bytes {
    DOCUMENT.clone()
}

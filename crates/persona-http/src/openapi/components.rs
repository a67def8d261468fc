//! The named parts of the OpenAPI document: schemas, headers and examples.

use schemars::SchemaGenerator;
use serde_json::{Value, json};

use super::persona;
use crate::problem::{Code, example};

/// The id of the request in the examples.
const REQUEST_ID: &str = "0193b0c2-8a51-7c44-9d0e-5f6a7b8c9d0e";

/// Every named schema: those that follow from the table of fields, and those of the types that the
/// operations named.
pub(super) fn schemas(types: &mut SchemaGenerator) -> Value {
    let mut schemas = types.take_definitions(true);
    for (name, schema) in persona::schemas() {
        let before = schemas.insert(name.into(), schema);
        debug_assert!(before.is_none(), "{name} is the name of a type too");
    }
    schemas.into()
}

/// How clients send their token.
pub(super) fn security_schemes() -> Value {
    json!({
        "token": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "psk_ and 49 letters and digits",
            "description": "A token that `persona token create` made. A server without any token on a loopback address needs none.",
        },
    })
}

/// Every named header of an answer.
pub(super) fn headers() -> Value {
    let text = |about: &str| json!({ "description": about, "schema": { "type": "string" } });
    json!({
        "ETag": text("What names this state of the persona, such as \"7-9f3c21aa\" with its quotes. Opaque: send it back as it is."),
        "LastModified": text("When the persona changed last, as the end of that second, and no later than this answer. A date says less than the ETag."),
        "Location": text("The path of the new persona."),
        "ContentLocation": text("With a label: the path of the revision that it points to."),
        "LabelTag": text("What names this state of the label, such as \"l3-9f3c21aa\" with its quotes. Opaque: send it back as it is."),
        "RequestId": text("The id of the request: the X-Request-Id that came in, or a new one."),
        "Replayed": text("true when this is the stored answer of an earlier request with the same Idempotency-Key."),
        "Authenticate": text("Bearer, and what is wrong with the token that was sent (RFC 6750)."),
        "RetryAfter": { "description": "After how many seconds to try again.", "schema": { "type": "integer" } },
        "RateLimit": text("What is left of the budget of this client: r requests now, and all of them again in t seconds."),
        "RateLimitPolicy": text("The budget of this client: q requests, which take w seconds to be filled."),
        "AcceptPatch": text("The media types that a patch may have."),
        "Accept": text("The media types that the body may have."),
    })
}

/// An example of each problem, by its code.
pub(super) fn examples() -> Value {
    let one = |code: Code| {
        let facts = code.facts();
        let value = example(code).body(REQUEST_ID);
        (
            facts.word.to_owned(),
            json!({ "summary": facts.title, "description": facts.remedy, "value": value }),
        )
    };
    // No operation answers with this problem, because it means that there is no such operation.
    Code::all()
        .filter(|code| *code != Code::MethodNotAllowed)
        .map(one)
        .collect::<serde_json::Map<_, _>>()
        .into()
}

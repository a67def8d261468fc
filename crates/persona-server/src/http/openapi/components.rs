//! The schemas that are not a persona, and the headers.

use serde_json::{Value, json};

use super::persona;
use crate::http::problem::Code;
use crate::http::request::{AUTHOR_CHARS_MAX, KEY_CHARS_MAX};

/// Every named schema.
pub(super) fn schemas() -> Value {
    json!({
        "Persona": persona::answered(),
        "PersonaCreate": persona::created(),
        "PersonaReplace": persona::replaced(),
        "PersonaMergePatch": persona::merge_patch(),
        "PersonaJsonPatch": persona::json_patch(),
        "PersonaPage": page(),
        "Problem": problem(),
        "Fault": fault(),
        "Conflict": conflict(),
        "ProblemKind": problem_kind(),
        "Status": status(),
        "Contention": contention(),
        "Percentiles": percentiles(),
        "Process": process(),
    })
}

/// Every named header of an answer.
pub(super) fn headers() -> Value {
    let text = |about: &str| json!({ "description": about, "schema": { "type": "string" } });
    json!({
        "ETag": text("The revision in double quotes, such as \"7\" with its quotes."),
        "Location": text("The path of the new persona."),
        "RequestId": text("The id of the request: the X-Request-Id that came in, or a new one."),
        "Replayed": text("true when this is the stored answer of an earlier request with the same Idempotency-Key."),
        "RetryAfter": { "description": "After how many seconds to try again.", "schema": { "type": "integer" } },
        "AcceptPatch": text("The media types that a patch may have."),
        "Accept": text("The media types that the body may have."),
    })
}

/// What a request may name itself: who, and which.
pub(super) fn write_headers() -> [Value; 2] {
    [
        json!({
            "name": "Idempotency-Key", "in": "header", "required": false,
            "description": "Makes a repetition safe: the first answer is kept for 24 hours and given again.",
            "schema": { "type": "string", "minLength": 1, "maxLength": KEY_CHARS_MAX },
        }),
        json!({
            "name": "X-Persona-Author", "in": "header", "required": false,
            "description": "Who makes the change; becomes created_by and updated_by.",
            "schema": { "type": "string", "minLength": 1, "maxLength": AUTHOR_CHARS_MAX },
        }),
    ]
}

fn page() -> Value {
    json!({
        "type": "object",
        "properties": {
            "items": { "type": "array", "items": { "$ref": "#/components/schemas/Persona" }, "description": "With fields: only those members." },
            "next_cursor": { "type": ["string", "null"], "description": "Where the next page starts; null on the last page." },
            "total": { "type": "integer", "minimum": 0, "description": "How many personas there are in all pages; with count=exact." },
        },
        "required": ["items", "next_cursor"],
    })
}

fn problem() -> Value {
    let codes = Code::ALL.map(|code| code.facts().word);
    json!({
        "type": "object",
        "description": "An error (RFC 9457).",
        "properties": {
            "type": { "type": "string", "format": "uri-reference", "description": "Leads to what the code means." },
            "title": { "type": "string", "description": "What happened, the same for every answer with this code." },
            "status": { "type": "integer", "description": "The status code." },
            "code": { "type": "string", "enum": codes, "description": "A stable word for programs." },
            "detail": { "type": "string", "description": "What happened in this case." },
            "hint": { "type": "string", "description": "How to go on." },
            "errors": { "type": "array", "items": { "$ref": "#/components/schemas/Fault" }, "description": "Everything that is wrong." },
            "request_id": { "type": "string", "description": "As in X-Request-Id." },
            "current_revision": { "type": "integer", "minimum": 1, "description": "The revision to start again from." },
            "conflicts": { "type": "array", "items": { "$ref": "#/components/schemas/Conflict" }, "description": "With code conflict." },
            "restore": { "type": "string", "description": "With code deleted: the path that brings the persona back." },
            "holder": { "type": "string", "format": "uuid", "description": "With code handle_taken: who has it." },
            "pointer": { "type": "string", "description": "With code test_failed: what was tested." },
            "line": { "type": "integer", "description": "With code malformed_json: the line, from 1." },
            "column": { "type": "integer", "description": "With code malformed_json: the column, from 1, in bytes." },
            "body_bytes": { "type": "integer", "description": "With code body_too_large: the actual size, where known." },
            "body_bytes_max": { "type": "integer", "description": "With code body_too_large: the limit." },
            "cause": { "type": "string", "enum": codes, "description": "With code not_ready: what a read would answer." },
        },
        "required": ["type", "title", "status", "code", "detail", "request_id"],
    })
}

fn fault() -> Value {
    json!({
        "type": "object",
        "description": "One thing that is wrong, at exactly one place.",
        "properties": {
            "pointer": { "type": "string", "description": "Where in the body: a JSON Pointer (RFC 6901)." },
            "parameter": { "type": "string", "description": "Which query parameter." },
            "header": { "type": "string", "description": "Which header." },
            "code": { "type": "string", "description": "A stable word for programs." },
            "message": { "type": "string", "description": "What is wrong, for people." },
        },
        "required": ["code", "message"],
    })
}

fn conflict() -> Value {
    json!({
        "type": "object",
        "description": "A field, or a key of a free-form object, that both sides changed differently; null where a side has none.",
        "properties": {
            "pointer": { "type": "string", "description": "Which unit: a JSON Pointer." },
            "base": { "description": "Its value in the base revision." },
            "theirs": { "description": "Its value now." },
            "yours": { "description": "The value that the request wanted." },
        },
        "required": ["pointer", "base", "theirs", "yours"],
    })
}

fn problem_kind() -> Value {
    json!({
        "type": "object",
        "properties": {
            "type": { "type": "string", "format": "uri-reference" },
            "code": { "type": "string" },
            "status": { "type": "integer" },
            "title": { "type": "string" },
            "remedy": { "type": "string", "description": "What a client can do about it." },
        },
        "required": ["type", "code", "status", "title", "remedy"],
    })
}

fn status() -> Value {
    json!({
        "type": "object",
        "properties": {
            "version": { "type": "string", "description": "Version of the server." },
            "backend": { "type": "string", "description": "What keeps the personas." },
            "engine_version": { "type": "string", "description": "Version of the database engine." },
            "journal_mode": { "type": "string", "description": "As read back from the database." },
            "durability": { "type": "string", "description": "Durability class." },
            "durability_meaning": { "type": "string", "description": "What the class promises." },
            "schema_version": { "type": "integer" },
            "personas": { "type": "integer", "description": "Living personas." },
            "database_bytes": { "type": "integer" },
            "wal_bytes": { "type": "integer", "description": "Bytes of the write-ahead log in use." },
            "contention": { "$ref": "#/components/schemas/Contention" },
            "requests_in_flight": { "type": "integer", "description": "Requests that are being answered now." },
            "keeper": { "anyOf": [{ "$ref": "#/components/schemas/Process" }, { "type": "null" }] },
            "workers": { "type": "array", "items": { "$ref": "#/components/schemas/Process" } },
        },
        "required": [
            "version", "backend", "engine_version", "journal_mode", "durability", "durability_meaning", "schema_version", "personas",
            "database_bytes", "wal_bytes", "contention", "requests_in_flight", "keeper", "workers",
        ],
    })
}

fn contention() -> Value {
    let times = |about: &str| json!({ "$ref": "#/components/schemas/Percentiles", "description": about });
    json!({
        "type": "object",
        "description": "How long writers of all processes waited for each other since the server started, and how often in vain.",
        "properties": {
            "queue_wait_micros": times("How long writes waited for their transaction."),
            "gate_wait_micros": times("How long writers waited for the gate, the lock between the processes."),
            "gate_hold_micros": times("How long writers held the gate."),
            "transaction_micros": times("Time from BEGIN to the end of COMMIT."),
            "lock_retries": { "type": "integer", "description": "Attempts that met a lock held outside the gate." },
            "writes_given_up": { "type": "integer", "description": "Writes that did not get their turn in time; answered with 503." },
        },
        "required": ["queue_wait_micros", "gate_wait_micros", "gate_hold_micros", "transaction_micros", "lock_retries", "writes_given_up"],
    })
}

fn percentiles() -> Value {
    let share = |about: &str| json!({ "type": ["integer", "null"], "description": about });
    json!({
        "type": "object",
        "description": "Upper bounds in microseconds, known to one digit; null when nothing was measured.",
        "properties": {
            "count": { "type": "integer", "description": "How many were measured." },
            "p50": share("Half of them took no longer."),
            "p99": share("Ninety-nine in a hundred took no longer."),
            "p999": share("All but one in a thousand took no longer."),
        },
        "required": ["count", "p50", "p99", "p999"],
    })
}

fn process() -> Value {
    json!({
        "type": "object",
        "properties": {
            "slot": { "type": "integer", "description": "0 for the keeper, 1 and up for workers." },
            "pid": { "type": "integer" },
            "started_at": { "type": "string", "format": "date-time" },
            "uptime_ms": { "type": "integer" },
            "restarts": { "type": "integer", "description": "How often this slot was filled again." },
            "requests": { "type": "integer", "description": "Requests answered by this slot since the server started." },
            "connections": { "type": "integer", "description": "Connections that are open now." },
        },
        "required": ["slot", "pid", "started_at", "uptime_ms", "restarts", "requests", "connections"],
    })
}

//! What the server says of itself, as schemas.

use serde_json::{Value, json};

pub(super) fn status() -> Value {
    json!({
        "type": "object",
        "properties": {
            "version": { "type": "string", "description": "Version of the server." },
            "started_at": { "type": "string", "format": "date-time" },
            "uptime_ms": { "type": "integer" },
            "backend": { "type": "string", "description": "What keeps the personas." },
            "engine_version": { "type": "string", "description": "Version of the database engine." },
            "journal_mode": { "type": ["string", "null"], "description": "As read back from the database; null where that is no file." },
            "durability": { "type": "string", "description": "Durability class." },
            "durability_meaning": { "type": "string", "description": "What the class promises." },
            "schema_version": { "type": "integer" },
            "personas": { "type": "integer", "description": "Living personas." },
            "database_bytes": { "type": "integer" },
            "wal_bytes": { "type": ["integer", "null"], "description": "Bytes of the write-ahead log in use; null where the database is no file." },
            "wal_bytes_max": { "type": ["integer", "null"], "description": "Bytes that the write-ahead log is kept below." },
            "wal_autocheckpoint": { "type": ["integer", "null"], "description": "From how many pages in the log on they are copied back." },
            "file_system": { "type": ["string", "null"], "description": "Name of the file system that the database lies on." },
            "disk": or_null("Disk"),
            "server": or_null("DatabaseServer"),
            "checkpoints": or_null("Checkpoints"),
            "write_lock": {
                "anyOf": [{ "type": "array", "items": { "$ref": "#/components/schemas/WriteLockUser" } }, { "type": "null" }],
                "description": "The processes that wait for the turn to write, and the one that has it, at this moment; null where the database is no file.",
            },
            "contention": { "$ref": "#/components/schemas/Contention" },
            "backups": or_null("Backups"),
            "damage_found": { "type": ["integer", "null"], "description": "Damaged personas that the maintenance process, or reads or writes of a worker, came across, counted once by each; anything above 0 needs a look." },
            "requests_in_flight": { "type": "integer", "description": "Requests that are being answered now." },
            "maintenance": or_null("Process"),
            "workers": { "type": "array", "items": { "$ref": "#/components/schemas/Process" } },
        },
        "required": [
            "version", "backend", "engine_version", "journal_mode", "durability", "durability_meaning", "schema_version", "personas",
            "database_bytes", "wal_bytes", "contention", "requests_in_flight", "maintenance", "workers", "started_at", "uptime_ms",
            "wal_bytes_max", "wal_autocheckpoint", "file_system", "disk", "server", "checkpoints", "write_lock", "backups", "damage_found",
        ],
    })
}

fn or_null(schema: &str) -> Value {
    json!({ "anyOf": [{ "$ref": format!("#/components/schemas/{schema}") }, { "type": "null" }] })
}

pub(super) fn disk() -> Value {
    json!({
        "type": "object",
        "description": "Space on the disk of the database; null where that is no file.",
        "properties": {
            "free_bytes": { "type": ["integer", "null"], "description": "Bytes that the server may still write." },
            "reserve_bytes": { "type": "integer", "description": "Bytes that writes leave free." },
            "state": { "type": "string", "enum": ["ok", "short"], "description": "short: writes are answered 507, reads go on." },
        },
        "required": ["free_bytes", "reserve_bytes", "state"],
    })
}

pub(super) fn server() -> Value {
    json!({
        "type": "object",
        "description": "The server that the database is on; null where it is a file.",
        "properties": {
            "place": { "type": "string", "description": "Hosts and database." },
            "connections": { "type": "integer", "description": "Connections to it now, of all its clients." },
            "connections_max": { "type": "integer", "description": "Most connections that it takes." },
        },
        "required": ["place", "connections", "connections_max"],
    })
}

pub(super) fn backups() -> Value {
    json!({
        "type": "object",
        "description": "The server's own backups; all 0 and null where none are wanted.",
        "properties": {
            "last_at": { "type": ["string", "null"], "format": "date-time", "description": "When the newest one was made." },
            "made": { "type": "integer", "description": "How many were made and checked since the server started." },
            "failed": { "type": "integer", "description": "How many failed since the server started." },
        },
        "required": ["last_at", "made", "failed"],
    })
}

pub(super) fn contention() -> Value {
    let times =
        |about: &str| json!({ "$ref": "#/components/schemas/Percentiles", "description": about });
    let of_a_file = |about: &str| json!({ "anyOf": [{ "$ref": "#/components/schemas/Percentiles" }, { "type": "null" }], "description": about });
    json!({
        "type": "object",
        "description": "How long writers of all processes waited for each other since the server started, and how often in vain.",
        "properties": {
            "queue_wait_micros": times("How long writes waited for their transaction."),
            "write_lock_wait_micros": of_a_file("How long writers waited for the write lock, the lock between the processes."),
            "write_lock_hold_micros": of_a_file("How long writers held the write lock."),
            "transaction_micros": times("Time from BEGIN to the end of COMMIT."),
            "lock_retries": { "type": ["integer", "null"], "description": "Attempts that met a lock held outside the write lock." },
            "writes_given_up": { "type": "integer", "description": "Writes that did not get their turn in time; answered with 503." },
            "recent": {
                "anyOf": [{ "type": "array", "items": { "$ref": "#/components/schemas/WriteLockWindow" } }, { "type": "null" }],
                "description": "Quarters of an hour of the last six hours in which there were writes, the oldest first.",
            },
        },
        "required": [
            "queue_wait_micros", "write_lock_wait_micros", "write_lock_hold_micros", "transaction_micros", "lock_retries", "writes_given_up", "recent",
        ],
    })
}

pub(super) fn percentiles() -> Value {
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

pub(super) fn process() -> Value {
    json!({
        "type": "object",
        "properties": {
            "slot": { "type": "integer", "description": "0 for the maintenance process, 1 and up for workers." },
            "pid": { "type": "integer" },
            "started_at": { "type": "string", "format": "date-time" },
            "uptime_ms": { "type": "integer" },
            "restarts": { "type": "integer", "description": "How often this slot was filled again." },
            "requests": { "type": "integer", "description": "Requests answered by this slot since the server started." },
            "connections": { "type": "integer", "description": "Connections that are open now." },
            "writes": { "type": "integer", "description": "Writes of this slot since the server started." },
            "queue_depth": { "type": "integer", "description": "Writes that wait for their transaction now." },
            "longest_read_micros": { "type": "integer", "description": "Age of the oldest list or export that still runs." },
            "write_lock_wait_micros": or_null("Percentiles"),
            "write_lock_hold_micros": or_null("Percentiles"),
        },
        "required": [
            "slot", "pid", "started_at", "uptime_ms", "restarts", "requests", "connections", "writes", "queue_depth",
            "longest_read_micros", "write_lock_wait_micros", "write_lock_hold_micros",
        ],
    })
}

pub(super) fn window() -> Value {
    json!({
        "type": "object",
        "description": "A quarter of an hour at the write lock.",
        "properties": {
            "began": { "type": "string", "format": "date-time" },
            "waits": { "type": "integer", "description": "How often a writer entered." },
            "write_lock_wait_p99_micros": { "type": "integer", "description": "Of the worst minute." },
            "writes_given_up": { "type": "integer" },
            "lock_retries": { "type": "integer" },
        },
        "required": ["began", "waits", "write_lock_wait_p99_micros", "writes_given_up", "lock_retries"],
    })
}

pub(super) fn checkpoints() -> Value {
    json!({
        "type": "object",
        "description": "How the write-ahead log was copied back since the server started.",
        "properties": {
            "complete": { "type": "integer", "description": "Copied everything." },
            "blocked": { "type": "integer", "description": "Kept from finishing by a reader on an old snapshot." },
            "failed": { "type": "integer" },
            "last": { "type": ["string", "null"], "format": "date-time", "description": "When the last complete one ended." },
            "last_age_ms": { "type": ["integer", "null"], "description": "How long ago that was." },
            "took_micros": { "$ref": "#/components/schemas/Percentiles" },
        },
        "required": ["complete", "blocked", "failed", "last", "last_age_ms", "took_micros"],
    })
}

pub(super) fn write_lock_users() -> Value {
    json!({
        "type": "object",
        "properties": {
            "slot": { "type": "integer", "description": "0 for the maintenance process, 1 and up for workers." },
            "pid": { "type": "integer" },
            "waiting_micros": { "type": "integer", "description": "0 when it does not wait." },
            "holding_micros": { "type": "integer", "description": "0 when it is not in." },
        },
        "required": ["slot", "pid", "waiting_micros", "holding_micros"],
    })
}

//! The HTTP API over PostgreSQL: the tests of `tests/http`, as far as they are about personas, with
//! the same answers.

#[path = "../http/client.rs"]
mod client;
#[path = "../common/mod.rs"]
mod common;
#[path = "../http/export.rs"]
mod export;
#[path = "../http/fields.rs"]
mod fields;
#[path = "../http/personas/mod.rs"]
mod personas;
#[path = "../http/request.rs"]
mod request;
#[path = "../http/server.rs"]
mod server;
#[path = "../http/weapons.rs"]
mod weapons;
#[path = "../http/workers.rs"]
mod workers;

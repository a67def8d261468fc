//! The HTTP API over PostgreSQL: those tests of `program/http` that are about personas and access,
//! with the same answers.

#[path = "../../program/http/access.rs"]
mod access;
#[path = "../../program/http/both_ways.rs"]
mod both_ways;
#[path = "../../program/http/client.rs"]
mod client;
#[path = "../../program/http/events.rs"]
mod events;
#[path = "../../program/http/events_of_labels.rs"]
mod events_of_labels;
#[path = "../../program/http/events_of_owners.rs"]
mod events_of_owners;
#[path = "../../program/http/events_pruned.rs"]
mod events_pruned;
#[path = "../../program/http/events_waiting.rs"]
mod events_waiting;
#[path = "../../program/http/export.rs"]
mod export;
#[path = "../../program/http/fields.rs"]
mod fields;
#[path = "../../program/http/late_bodies.rs"]
mod late_bodies;
mod machines;
mod maintenance;
#[path = "../../program/http/owners/mod.rs"]
mod owners;
#[path = "../../program/http/parties.rs"]
mod parties;
#[path = "../../program/http/personas/mod.rs"]
mod personas;
#[path = "../../program/http/rate_limits.rs"]
mod rate_limits;
#[path = "../../program/http/request.rs"]
mod request;
#[path = "../../program/http/server.rs"]
mod server;
#[path = "../../program/http/sessions.rs"]
mod sessions;
#[path = "../../program/http/token_routes.rs"]
mod token_routes;
#[path = "../../program/http/tokens.rs"]
mod tokens;
#[path = "../../program/http/weapons.rs"]
mod weapons;
#[path = "../../program/http/workers.rs"]
mod workers;

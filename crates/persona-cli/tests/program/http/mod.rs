//! The HTTP API as a client sees it. The tree mirrors the paths of
//! `persona-http/src/contract/operations/`; every test talks to a server over TCP.

mod access;
mod both_ways;
mod client;
mod docs;
mod events;
mod events_of_labels;
mod events_of_owners;
mod events_pruned;
mod events_waiting;
mod export;
mod fields;
mod health;
mod landing;
mod late_bodies;
mod maintenance;
mod middleware;
mod openapi;
mod owners;
mod parties;
mod personas;
mod problems;
mod rate_limits;
mod read_cache;
mod request;
mod restart;
mod router;
mod scanners;
mod server;
mod sessions;
mod status;
mod token_routes;
mod tokens;
mod weapons;
mod workers;

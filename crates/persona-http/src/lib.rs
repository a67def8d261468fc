//! The HTTP API: the contract of `docs/api.md`.
//!
//! Start reading at `contract/operations/`, the table of operations; `router.rs` binds each row
//! to its handler. What handlers share:
//!
//! - `auth/` decides whether a request may do what its operation does;
//! - `extract/` takes a request apart: body, JSON, parameters, conditions;
//! - `limits/` is what one client may hold of a worker: memory, turns, time;
//! - `rate_limit.rs` is how many requests one client may make of the server;
//! - `problem/` is every error answer, and the only place that picks their status codes;
//! - `aside.rs` does long work beside the thread that serves;
//! - `wire.rs` reads a persona that a client sends back;
//! - `middleware.rs` is what happens to every request, `origins.rs` which pages may send one;
//! - `events/` tells followers of changes as they are committed;
//! - `labels/` has the routes of labels, and reads by a label; `tokens/` those of access tokens;
//! - `maintenance/` has what an admin can have the server do for its database;
//! - `studio/` serves the web studio;
//! - `plain_reads.rs` is the short way of a GET of one persona, past the router.
//!
//! Nothing here knows a backend: handlers speak to the [`View`](persona_storage::View) of their
//! client only.

mod allow;
mod answering;
mod aside;
mod auth;
#[cfg(test)]
mod autosave_tests;
pub mod contract;
mod docs;
mod events;
mod export;
mod extract;
mod handles;
mod health;
mod history;
mod labels;
mod landing;
mod limits;
mod maintenance;
mod middleware;
mod openapi;
mod origins;
mod personas;
mod plain_reads;
mod problem;
mod rate_limit;
#[cfg(test)]
mod request_fuzz;
mod restart;
mod router;
mod server;
mod sessions;
mod status;
mod studio;
mod tag_headers;
#[cfg(test)]
mod testing;
mod tokens;
mod wire;

use std::sync::Arc;
use std::time::{Duration, Instant};

use persona_model::Clock;
use persona_storage::{GuardedStore, Store};
use uuid::Uuid;

pub use self::problem::{Damage, Refusal};
pub use auth::{AccessRules, KnownSecrets, ProtectedLabels, TokenUses};
pub use axum::Error as BodyError;
/// The body of an answer, and what can go wrong while it is read.
pub use axum::body::Body;
pub use events::{EventFeed, EventLimits};
pub use limits::answer_memory::AnswerMemoryLimit;
pub use limits::batch_turns::BatchTurns;
pub use limits::body_memory::BodyMemoryLimit;
pub use limits::client_address::ClientAddress;
pub use limits::client_limit::{ClientLimit, Turn};
pub use limits::heavy::HeavyTurns;
pub use limits::network::Network;
pub use limits::patience::{BYTES_PER_SECOND_MIN, Patience};
pub use limits::token_note::TokenNote;
pub use middleware::REFUSALS;
pub use openapi::document as openapi_document;
pub use origins::{ANY_ORIGIN, Origins};
pub use plain_reads::PlainReads;
pub use rate_limit::{Budget, Rate, RateCells, RateLimits, Taken};
pub use router::{Router, router};
pub use server::{Alone, Metrics, Restart, ServerFigures, ServerState, TaskRefusal};

/// What every handler shares.
#[derive(Clone)]
pub struct Context {
    /// The store of personas. Which of them a request reaches depends on its client.
    pub store: GuardedStore,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// The counters of this process.
    pub metrics: Arc<dyn Metrics>,
    /// The state of all processes of the server.
    pub server: Arc<dyn ServerState>,
    /// The pages of other sites that may use the server.
    pub origins: Origins,
    /// The prefix that a proxy puts in front of every path, such as `/personas`; mostly empty.
    pub root_path: Arc<str>,
    /// Whether answers name the worker and its timing.
    pub expose_worker: bool,
    /// Whether each request gets a line in the log.
    pub access_log: bool,
    /// Longest wait of a write for its turn.
    pub write_wait_max: Duration,
    /// Most time for the highlights of a list, counted from when its page was read. The store
    /// itself bounds the time of reads.
    pub read_time_max: Duration,
    /// The memory that the bodies of this process may take up together.
    pub bodies: BodyMemoryLimit,
    /// The turns of requests with large bodies.
    pub heavy: HeavyTurns,
    /// The turns of the items of batches.
    pub batch: BatchTurns,
    /// Most bytes of a document as JSON.
    pub document_bytes_max: usize,
    /// The memory that large answers of this process may take up together.
    pub answers: AnswerMemoryLimit,
    /// The turns of lists and exports in this process.
    pub turns: ReadTurns,
    /// What followers of changes share.
    pub events: EventFeed,
    /// Which requests need a token.
    pub access: AccessRules,
    /// Labels that only some tokens move.
    pub protected_labels: ProtectedLabels,
    /// When tokens were used last.
    pub token_uses: TokenUses,
    /// The secrets that are no guesses.
    pub known_secrets: KnownSecrets,
    /// How many requests a client may make.
    pub rates: RateLimits,
}

/// The turns of long reads, which are shared fairly among clients.
#[derive(Clone)]
pub struct ReadTurns {
    /// Lists and searches: they wait for theirs.
    pub lists: Arc<ClientLimit>,
    /// Exports: an export without a free turn is refused.
    pub exports: Arc<ClientLimit>,
    /// Single personas with a large document: they wait for theirs.
    pub large: Arc<ClientLimit>,
}

impl ReadTurns {
    /// As many turns as the store serves long reads at once.
    pub fn of(store: &dyn Store) -> Self {
        let room = store.read_room();
        Self {
            lists: ClientLimit::new("a place for a list", room.lists),
            exports: ClientLimit::new("a place for an export", room.exports),
            large: ClientLimit::new("a place for a large persona", room.large),
        }
    }
}

impl Context {
    /// A new identity, ordered by time (UUID version 7).
    fn new_id(&self) -> Uuid {
        let micros = u64::try_from(self.clock.now().as_micros()).unwrap_or_default();
        let nanos = u32::try_from(micros % 1_000_000 * 1000).unwrap_or_default();
        Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, micros / 1_000_000, nanos))
    }

    /// The deadline of a write that arrives now.
    fn write_deadline(&self) -> Instant {
        Instant::now() + self.write_wait_max
    }
}

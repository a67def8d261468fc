//! `GET /api/v1/events`: changes as they are committed, as a stream of server-sent events or page
//! by page (ADR 0067).
//!
//! A request is a **follower**: it has a place in the feed and goes on from there. One watcher in
//! each process reads every change once, and followers share what it read; a follower that is
//! further behind reads pages of the store for itself.
//!
//! - `follow_events.rs`: the handler; start there. `asked.rs`: what a request asks for.
//! - `feed.rs`: the watcher and what followers share; `recent.rs`: the events that are kept for
//!   them; `batch.rs`: events that were read together, as text; `waiting.rs`: the followers that
//!   wait for more.
//! - `follower.rs`: the way of one follower through the feed.
//! - `selection.rs`: which events a request may see, and which it wants; `marks.rs`: the tags and
//!   owners by which it wants them.
//! - `pick.rs`: the events of a batch that a request is told of; `shared_look.rs`: a look that
//!   followers share.
//! - `stream.rs`: a stream of events; `page.rs`: a page of them.

mod asked;
mod batch;
mod feed;
mod follow_events;
mod follower;
mod marks;
mod page;
mod pick;
mod reach;
mod recent;
mod selection;
mod shared_look;
mod stream;
mod waiting;

pub use asked::{EVENT_LABELS_MAX, EVENT_PERSONAS_MAX};
pub use feed::{EventFeed, EventLimits};
pub use follow_events::follow_events;

//! Heads of requests, checked before the HTTP library sees them.
//!
//! The HTTP library reads leniently, and answers a request that it cannot read by itself, with an
//! empty body. So `stream.rs` is between the library and the socket: it lets a head through only
//! when `head.rs` has checked all of it, follows bodies (`body.rs`) to find the next head, knows
//! for which hosts the server answers (`host.rs`), and has a refusal answered like any other
//! problem. `progress.rs` is what the rest of the program sees of a connection: whether it waits
//! for a head, has begun one, or is being answered ([ADR
//! 0030](../../../../docs/adr/0030-a-connection-is-a-lease-too.md)).
//!
//! What must not be here: what a request means, and which status a refusal has (`problem/` of
//! persona-http).

mod body;
mod head;
mod host;
mod line;
mod progress;
mod stream;

pub use host::Hosts;
pub use progress::{Progress, Stage};
pub use stream::Checked;

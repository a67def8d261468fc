//! `persona top`: shows the activity of a running server, second by second.
//!
//! What lives here: the figures from two looks at a server (`metrics.rs`, `reading.rs`), their last
//! minute (`history.rs`), the view (`view.rs`, a pure function), and the terminal (`screen.rs`).
//! What must not: how a server is reached (`commands/top.rs`).
//!
//! Start reading at `reading.rs`.

mod history;
mod metrics;
mod reading;
mod screen;
mod view;

pub use history::History;
pub use metrics::Metrics;
pub use reading::{Look, Reading};
pub use screen::{Input, Screen};
pub use view::{Emphasis, Line, Size, Span, View, line};

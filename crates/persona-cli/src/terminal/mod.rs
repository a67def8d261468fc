//! The output of the program: results on standard output, messages on standard error.
//!
//! What lives here: how text, tables, progress and failures are written, and how a question is
//! asked. What must not: the content of any command's output. Start reading at `output.rs`.

mod harmless;
mod output;
mod progress;
mod question;
mod table;
mod time;

pub use harmless::harmless;
pub use persona_server::shell::shell_word;

pub use output::{Format, Output, Tone, print_failure, print_failure_as_json};
pub use progress::ProgressDisplay;
pub use question::{can_be_asked, confirmed};
pub use table::{GivesWay, Table, shortened};
pub use time::whole_seconds;

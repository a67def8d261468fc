//! Rules of the house: over all sources of the workspace, and over the command `./test`.

mod test_command;
mod tidy;

//! Rules of the house: over all sources of the workspace, over the dependencies of
//! its packages, and over the command `./test`.

mod dependencies;
mod sleeps;
mod test_command;
mod tidy;
mod words;

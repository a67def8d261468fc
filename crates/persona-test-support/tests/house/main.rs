//! Rules of the house: over all sources of the workspace, over the dependencies of
//! its packages, over the records of decisions, over the promises of its security page, and over
//! the command `./test`.

mod circles;
mod decisions;
mod dependencies;
mod links;
mod promises;
mod sleeps;
mod test_command;
mod tidy;
mod words;

//! The command line of Persona Store, and the programs inside it that look at a store from outside.
//!
//! In reading order: `commands/` parses and runs the commands, one file each. `persona doctor`
//! looks for what is wrong with a file, its folder and its server (`doctor`), `persona top` shows
//! what a server does (`top`), `persona verify` puts a server under load as any client would and
//! judges its answers (`verify`). How personas are served is in `persona-server`.

mod client;
pub mod commands;
pub mod doctor;
mod failure;
mod terminal;
pub mod top;
pub mod verify;

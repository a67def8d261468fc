//! `persona verify`: the checker on histories that were made up, and the command on real servers.

mod checker;
mod command;
mod controls;
mod histories;

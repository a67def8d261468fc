//! `persona verify`: the checker on invented histories, and the command on real servers.

mod checker;
mod command;
mod controls;
mod histories;

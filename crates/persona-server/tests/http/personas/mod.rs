//! Personas, verb by verb.

mod create;
mod delete;
mod get;
mod list;
mod patch;
mod replace;
mod restore;

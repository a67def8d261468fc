//! Personas, verb by verb.

mod batch;
mod batch_atomic;
mod batch_stream;
mod conditions;
mod counts;
mod create;
mod delete;
mod diff;
mod get;
mod get_revision;
mod handles;
mod highlights;
mod import;
mod import_file;
mod labels;
mod labels_read;
mod list;
mod list_revisions;
mod patch;
mod purge;
mod replace;
mod revert;
mod squash;
mod undelete;

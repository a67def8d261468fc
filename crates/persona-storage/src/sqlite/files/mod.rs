//! Files, without SQLite: names, owners, access, the header of a database before it is open.
//!
//! Nothing here opens a database through SQLite.

pub(super) mod access;
pub(super) mod atomic_file;
pub(super) mod file_system;
pub(super) mod file_watch;
pub(super) mod header;
pub(super) mod obstacle;
pub(super) mod own_files;
pub(super) mod ownership;
pub(super) mod paths;
pub(super) mod second_name;

//! The web studio: its page at `/`, and its files.
//!
//! The files are part of the program (`build.rs`). Their address has a hash of all of them, so a
//! browser keeps them for ever and never mixes those of two versions. The page itself is asked for
//! anew each time, and names the files.

#[cfg(feature = "studio")]
mod files;
#[cfg(not(feature = "studio"))]
#[path = "without.rs"]
mod files;
mod get_studio_file;

pub(crate) use files::page;
pub(crate) use get_studio_file::get_studio_file;

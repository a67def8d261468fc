//! The web studio: its page at `/`, and its files.
//!
//! The files are part of the program (`build/`). Their addresses contain a hash of all files, so
//! a browser keeps them for ever and never mixes files of two versions. The page names the files
//! and is revalidated each time.

#[cfg(feature = "studio")]
mod files;
#[cfg(not(feature = "studio"))]
#[path = "without.rs"]
mod files;
mod get_studio_file;

pub(crate) use files::page;
pub(crate) use get_studio_file::get_studio_file;

//! Fuzz targets: each gives bytes from outside to a parser, and fails if the parser panics or
//! breaks a law.
//!
//! `cargo fuzz` runs one for as long as one lets it (`README.md` of this folder). The tests of the
//! program run each of them over its seeds and some changes of these
//! (`persona-cli/tests/program/fuzz.rs`), so the files here use no library that those tests do not
//! have.

mod api;
pub mod conditions;
pub mod credentials;
pub mod documents;
pub mod files;
pub mod heads;
pub mod patches;
pub mod queries;
pub mod requests;
pub mod texts;

/// A target: its name, which is that of its folder of seeds, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 9] = [
    ("conditions", conditions::run),
    ("credentials", credentials::run),
    ("documents", documents::run),
    ("files", files::run),
    ("heads", heads::run),
    ("patches", patches::run),
    ("queries", queries::run),
    ("requests", requests::run),
    ("texts", texts::run),
];

//! Damaged files: refused, reported, or harmless; never served as if they were right, never
//! repaired, never deleted.

mod checksums;
mod content;
mod mutations;
mod reports;
mod tokens;

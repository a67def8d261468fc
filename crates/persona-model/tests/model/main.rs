//! What a persona is, through the public face of the crate.

mod documents;
mod laws;
mod merge;
mod patch_fuzz;
mod patches;
mod rules;

//! Tests of the model through the public interface of the crate.

mod documents;
mod laws;
mod merge;
mod patch_fuzz;
mod patches;
mod rules;

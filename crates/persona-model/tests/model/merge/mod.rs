//! What a three-way merge makes of lists and texts.
//!
//! - `laws.rs`: what holds for every merge, and that broken merges are found out.
//! - `sides.rs`: documents of a base and of two sides that changed it.
//! - `cases.rs`: single cases.
//! - `bounds.rs`: hostile documents.

mod bounds;
mod cases;
mod laws;
mod sides;

//! What long reads hold: a place of their kind and a connection, until the server has ended them,
//! and never one that a write needs.

mod bench;
mod exports;
mod lists;
mod writes;

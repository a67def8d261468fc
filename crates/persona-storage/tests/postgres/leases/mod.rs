//! Long reads hold a place of their kind and a connection until the server has ended them, and
//! never a connection that a write needs.

mod bench;
mod exports;
mod lists;
mod writes;

//! `persona top`: as lines without a terminal, and as a view on a terminal that is given back.

mod lines;
mod terminal;

//! `persona top`: as lines where nobody watches, and as a view on a terminal that is given back.

mod lines;
mod terminal;

//! The `persona` program.

fn main() {}

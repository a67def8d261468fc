//! Why a store takes no more writes, and its room for reads.

/// Why a store takes no more writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Loss {
    /// A sync failed: what reached the disk is unknown, so every process must open the file again.
    Disk,
    /// The outcome of a commit is unknown, so every process must open the file again, which decides
    /// the outcome.
    Doubt,
    /// The writer ended because of a bug; only this process is concerned.
    Writer,
    /// Another version of the program changed the schema; every process of this version must end.
    Schema,
}

/// How many long reads of each kind one process does at once: more of them wait or are refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReadRoom {
    /// Lists and searches.
    pub lists: usize,
    /// Exports.
    pub exports: usize,
    /// Single personas with a large document.
    pub large: usize,
}

//! Lists that are read page after page, up to a limit.

use crate::client::Query;
use crate::terminal::Output;

/// How far a list was read.
pub struct Paging {
    limit: u64,
    /// How many entries are still wanted.
    left: u64,
    /// The place of the next page; `None` at the beginning, and at the end of the list.
    cursor: Option<String>,
}

impl Paging {
    /// The beginning of a list of which at most `limit` entries are wanted.
    pub fn new(limit: u64) -> Self {
        Self { limit, left: limit, cursor: None }
    }

    /// The query for the next page, which has at most `most` entries.
    pub fn query(&self, list: Query, most: u64) -> Query {
        list.with("limit", &self.left.min(most).to_string())
            .with_some("cursor", self.cursor.as_deref())
    }

    /// Notes a page with this many entries and the place of the page behind it. Returns whether
    /// that page is wanted.
    pub fn goes_on(&mut self, entries: usize, next: Option<String>) -> bool {
        self.left = self.left.saturating_sub(u64::try_from(entries).unwrap_or(u64::MAX));
        self.cursor = next;
        self.has_more() && self.left > 0 && entries > 0
    }

    /// Whether the list has more entries than were read.
    pub fn has_more(&self) -> bool {
        self.cursor.is_some()
    }

    /// Says that the list has more entries, if it has.
    pub fn note_rest(&self, output: &Output) {
        if self.has_more() {
            output.note(&format!("there are more than {}; --limit NUMBER lists them", self.limit));
        }
    }
}

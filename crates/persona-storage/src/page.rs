//! Pages of lists.

use persona_model::{Cursor, ListRequest, Position};

use crate::Representation;

/// A page ends after the persona that fills it up to this many bytes, however many were asked for:
/// a thousand of the largest personas would otherwise take gigabytes.
pub const PAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// One page of a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page {
    /// The personas, at most as many as asked for.
    pub items: Vec<Representation>,
    /// The opaque cursor of the next page; `None` on the last one.
    pub next_cursor: Option<String>,
    /// How many personas meet the filter; only where asked for.
    pub total: Option<u64>,
    /// The newest change that no list can miss any more when this page was read; only with
    /// `updated_since`. Every change that is not in the list comes after it.
    pub position: Option<Position>,
}

impl Page {
    /// The page of the rows that were found, each with its sort value as a cursor holds it. One row
    /// more than the page holds tells that there is another page.
    pub(crate) fn of(
        mut rows: Vec<(String, Representation)>,
        request: &ListRequest,
        total: Option<u64>,
        position: Option<Position>,
    ) -> Self {
        let fitting = fitting(rows.iter().map(|(_, answer)| answer.body.len()), request.limit);
        let more = rows.len() > fitting;
        rows.truncate(fitting);
        let last = rows.last().filter(|_| more);
        let next_cursor = last.map(|(key, answer)| {
            Cursor { key: key.clone(), id: answer.id }.encode(&request.filter, request.sort)
        });
        Self {
            items: rows.into_iter().map(|(_, answer)| answer).collect(),
            next_cursor,
            total,
            position,
        }
    }
}

/// How many of the next personas, given by their bytes, make up a page: at least one, if there is
/// one.
pub(crate) fn fitting(bytes: impl Iterator<Item = usize>, limit: usize) -> usize {
    let mut total = 0;
    let before_full = bytes.take(limit).take_while(|bytes| {
        let full = total >= PAGE_BYTES_MAX;
        total += bytes;
        !full
    });
    before_full.count()
}

//! The rows that a search finds, from the newest down.
//!
//! A term is found where one of the two indexes has it, so a search asks for the rows that are in
//! the union of every wanted term and in the union of no unwanted one. The unions are walked side
//! by side: the term with the farthest next row says where all others go on. A rare term thus
//! spares the search most rows of a frequent one, and nothing behind the page is read.

use persona_model::{Nearness, Search, Term};
use rusqlite::Connection;

use super::parts::{self, FIRST_ROW};
use super::stream::{Stream, phrase};
use super::{TEXTS, TITLES};

/// The rows that have one term.
struct Union<'c> {
    titles: Stream<'c>,
    /// `None` for a term that is looked for in name and tags only.
    texts: Option<Texts<'c>>,
}

/// The rows that have one term in their texts.
struct Texts<'c> {
    whole: Stream<'c>,
    /// The rows with their text in parts, in falling order; few personas are so large.
    in_parts: Vec<i64>,
    /// The index of the next row in `in_parts`.
    at: usize,
}

impl<'c> Texts<'c> {
    fn of(connection: &'c Connection, term: &Term, newest: i64) -> rusqlite::Result<Self> {
        let in_parts = if parts::exist(connection)? {
            parts::found(connection, &phrase(term), newest)?
        } else {
            Vec::new()
        };
        Ok(Self { whole: Stream::of(connection, TEXTS, term), in_parts, at: 0 })
    }

    /// See [`Stream::at_most`].
    fn at_most(&mut self, most: i64) -> rusqlite::Result<Option<i64>> {
        self.at += self.in_parts[self.at..].partition_point(|row| *row > most);
        let in_parts = self.in_parts.get(self.at).copied();
        Ok(self.whole.at_most(most.min(FIRST_ROW - 1))?.max(in_parts))
    }
}

impl<'c> Union<'c> {
    fn of(connection: &'c Connection, term: &Term, newest: i64) -> rusqlite::Result<Self> {
        let of_texts = || Texts::of(connection, term, newest);
        let texts = (!term.is_of_titles()).then(of_texts).transpose()?;
        Ok(Self { titles: Stream::of(connection, TITLES, term), texts })
    }

    /// See [`Stream::at_most`].
    fn at_most(&mut self, most: i64) -> rusqlite::Result<Option<i64>> {
        let in_texts = self.texts.as_mut().map_or(Ok(None), |texts| texts.at_most(most))?;
        Ok(self.titles.at_most(most)?.max(in_texts))
    }

    fn has(&mut self, row: i64) -> rusqlite::Result<bool> {
        Ok(self.at_most(row)? == Some(row))
    }
}

fn unions<'c>(
    connection: &'c Connection,
    terms: &[Term],
    newest: i64,
) -> rusqlite::Result<Vec<Union<'c>>> {
    terms.iter().map(|term| Union::of(connection, term, newest)).collect()
}

/// Where the rows come from.
enum Source<'c> {
    /// One expression of the index of names and tags finds them.
    Titles(Stream<'c>),
    /// Every one of these has them, and, unless `with_titles`, not all in name and tags.
    All { terms: Vec<Union<'c>>, with_titles: bool },
}

/// The rows that a search finds, from the newest down.
pub(in super::super) struct Matches<'c> {
    source: Source<'c>,
    unwanted: Vec<Union<'c>>,
    /// The next row is not larger than this; `None` at the end.
    most: Option<i64>,
}

impl<'c> Matches<'c> {
    /// Those at one nearness, none of them newer than the row `newest`. At least one term is
    /// wanted.
    pub(in super::super) fn at(
        connection: &'c Connection,
        search: &Search,
        nearness: Nearness,
        newest: i64,
    ) -> rusqlite::Result<Self> {
        let titles = |of_columns: fn(&str) -> String| {
            Source::Titles(Stream::of_all(connection, TITLES, &search.wanted, of_columns))
        };
        let source = match nearness {
            Nearness::Name => titles(|wanted| format!("{{name}} : ({wanted})")),
            Nearness::Tags => titles(|wanted| format!("({wanted}) NOT {{name}} : ({wanted})")),
            Nearness::Text => {
                let terms = unions(connection, &search.wanted, newest)?;
                Source::All { terms, with_titles: false }
            }
        };
        let unwanted = unions(connection, &search.unwanted, newest)?;
        Ok(Self { source, unwanted, most: Some(newest) })
    }

    /// The next one.
    pub(in super::super) fn next(&mut self) -> rusqlite::Result<Option<i64>> {
        while let Some(most) = self.most {
            let found = match &mut self.source {
                Source::Titles(stream) => stream.at_most(most)?,
                Source::All { terms, with_titles } => in_all(terms, *with_titles, most)?,
            };
            self.most = found.and_then(|row| row.checked_sub(1));
            let Some(row) = found else { break };
            if !in_any(&mut self.unwanted, row)? {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    /// The next rows that are among these, which are in falling order.
    pub(in super::super) fn among(&mut self, rows: &[i64]) -> rusqlite::Result<Vec<i64>> {
        let (mut found, mut rows) = (Vec::new(), rows.iter().copied().peekable());
        while let Some(row) = rows.peek() {
            self.most = self.most.map(|most| most.min(*row));
            let Some(next) = self.next()? else { break };
            while rows.next_if(|row| *row > next).is_some() {}
            found.extend(rows.next_if_eq(&next));
        }
        Ok(found)
    }

    /// At most this many of the next rows.
    pub(in super::super) fn take(&mut self, most: usize) -> rusqlite::Result<Vec<i64>> {
        let mut rows = Vec::new();
        while rows.len() < most
            && let Some(row) = self.next()?
        {
            rows.push(row);
        }
        Ok(rows)
    }
}

/// The largest row that all terms have and that is not larger than `most`.
fn in_all(
    terms: &mut [Union<'_>],
    with_titles: bool,
    mut most: i64,
) -> rusqlite::Result<Option<i64>> {
    let mut at = 0;
    while at < terms.len() {
        let Some(row) = terms[at].at_most(most)? else { return Ok(None) };
        if row == most {
            at += 1;
        } else {
            most = row;
            // The rarest term lies behind most often. Asked first, it spares the others their rows.
            terms.swap(0, at);
            at = 1;
        }
        if at == terms.len() && !with_titles && all_in_titles(terms, most)? {
            let Some(next) = most.checked_sub(1) else { return Ok(None) };
            (most, at) = (next, 0);
        }
    }
    Ok(Some(most))
}

fn all_in_titles(terms: &mut [Union<'_>], row: i64) -> rusqlite::Result<bool> {
    for term in terms {
        if term.titles.at_most(row)? != Some(row) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn in_any(terms: &mut [Union<'_>], row: i64) -> rusqlite::Result<bool> {
    for term in terms {
        if term.has(row)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// All rows that a search selects, where they are not read from the newest down.
pub(in super::super) enum Selected {
    /// These.
    Only(Vec<i64>),
    /// All but these.
    Except(Vec<i64>),
}

impl Selected {
    /// What a search selects, whatever its nearness.
    pub(in super::super) fn by(connection: &Connection, search: &Search) -> rusqlite::Result<Self> {
        if !search.wanted.is_empty() {
            let terms = unions(connection, &search.wanted, i64::MAX)?;
            let mut matches = Matches {
                source: Source::All { terms, with_titles: true },
                unwanted: unions(connection, &search.unwanted, i64::MAX)?,
                most: Some(i64::MAX),
            };
            return matches.take(usize::MAX).map(Self::Only);
        }
        let mut rows = Vec::new();
        for mut term in unions(connection, &search.unwanted, i64::MAX)? {
            let mut most = i64::MAX;
            while let Some(row) = term.at_most(most)? {
                rows.push(row);
                most = row.saturating_sub(1);
            }
        }
        rows.sort_unstable();
        rows.dedup();
        Ok(Self::Except(rows))
    }
}

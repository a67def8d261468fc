//! Pages of personas.
//!
//! The SQL is put together from fixed pieces; every value is bound.

use persona_model::{Filter, ListRequest, Nearness, PersonaId, Rank, Search, SortKey, Timestamp};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params};

use super::conditions::Conditions;
use crate::sqlite::error::from_driver;
use crate::sqlite::search::{Matches, Selected};
use crate::sqlite::tables::{feed, meta, row};
use crate::{Error, PAGE_BYTES_MAX, Page, Representation};

/// Most rows that a search finds between two looks at the personas.
const MATCHES_MAX: usize = 4096;
/// Personas of an owner up to which a search looks for each of them. Of an owner with more a page
/// is mostly full before as many rows of others were looked at.
const OWN_ROWS_MAX: usize = 4096;

/// One page, and the count where it was asked for, of one snapshot.
pub(crate) fn page(connection: &Connection, request: &ListRequest) -> Result<Page, Error> {
    let snapshot = connection.unchecked_transaction().map_err(from_driver)?;
    let position =
        request.filter.updated_since.map(|since| feed::position(&snapshot, since)).transpose()?;
    let (rows, total) = rows_and_total(&snapshot, request).map_err(from_driver)?;
    Ok(Page::of(rows, request, total, position))
}

type Found = Vec<(String, Representation)>;

fn rows_and_total(
    connection: &Connection,
    request: &ListRequest,
) -> rusqlite::Result<(Found, Option<u64>)> {
    // SQLite forgets an interrupt when no statement is open, and a search is many short statements.
    // This one is open until all of them have ended.
    let mut open = connection.prepare_cached("SELECT 1")?;
    let mut is_open = open.query([])?;
    is_open.next()?;
    let by_relevance = request
        .filter
        .search
        .as_ref()
        .filter(|search| request.sort.key == SortKey::Relevance && !search.wanted.is_empty());
    // A page by relevance reads the indexes only as far as it reaches.
    let selected = match &request.filter.search {
        Some(search) if request.count || by_relevance.is_none() => {
            Some(Selected::by(connection, search)?)
        }
        _ => None,
    };
    let conditions = || Conditions::of(&request.filter, selected.as_ref());
    let total = || count(connection, conditions().of_any_owner(&request.filter));
    let total = request.count.then(total).transpose()?;
    let mut rows = Rows { found: Vec::new(), bytes: 0, full: false, most: request.limit + 1 };
    match by_relevance {
        Some(search) => by_nearness(connection, request, search, &mut rows)?,
        None => by_column(connection, request, conditions(), &mut rows)?,
    }
    Ok((rows.found, total))
}

fn by_column(
    connection: &Connection,
    request: &ListRequest,
    mut conditions: Conditions,
    rows: &mut Rows,
) -> rusqlite::Result<()> {
    let key = key_sql(request.sort.key);
    let (direction, beyond) = if request.sort.descending { ("DESC", "<") } else { ("ASC", ">") };
    let newest_first = request.sort.is_newest_first_among_equals();
    if let Some(after) = &request.after {
        let value = match request.sort.key {
            SortKey::Name => Value::Text(after.key.clone()),
            SortKey::CreatedAt | SortKey::UpdatedAt | SortKey::Relevance => {
                Value::Integer(after.key.parse().unwrap_or_default())
            }
        };
        let id = Value::Blob(after.id.as_bytes().to_vec());
        if newest_first && !request.sort.descending {
            // Key and identity have different directions, so rows cannot be compared as tuples.
            conditions.add(
                &format!("({key} > ? OR ({key} = ? AND p.id < ?))"),
                [value.clone(), value, id],
            );
        } else {
            conditions.add(&format!("({key}, p.id) {beyond} (?, ?)"), [value, id]);
        }
    }
    let order = format!("{key} {direction}, p.id {}", if newest_first { "DESC" } else { "ASC" });
    let conditions = conditions.of_owners(&request.filter, &order, rows.most);
    rows.read(connection, &key, "personas AS p", conditions, &order, |value| match value {
        Value::Text(text) => text,
        Value::Integer(number) => number.to_string(),
        Value::Null | Value::Blob(_) | Value::Real(_) => {
            unreachable!("nothing is ordered by these")
        }
    })
}

/// Nearness by nearness, each from the newest row to the oldest, as far as the page reaches.
fn by_nearness(
    connection: &Connection,
    request: &ListRequest,
    search: &Search,
    rows: &mut Rows,
) -> rusqlite::Result<()> {
    let after = request
        .after
        .as_ref()
        .and_then(|cursor| Some((Rank::from_number(cursor.key.parse().ok()?)?, cursor.id)));
    // Rows are not in order of creation if a clock was wrong once; then all results must be sorted.
    let is_ordered = meta::has_ordered_rows(connection)?;
    let own = own_rows(connection, &request.filter)?;
    for nearness in Nearness::ALL {
        if after.is_some_and(|(after, _)| nearness < after.nearness()) {
            continue;
        }
        let after = after
            .filter(|(after, _)| nearness == after.nearness())
            .map(|(after, id)| (after.created_at().as_micros(), id));
        let mut walk = Walk { connection, request, nearness, rows: &mut *rows };
        match &own {
            _ if !is_ordered => walk.sorted(search, after)?,
            Some(own) => walk.among(search, own, after)?,
            None => walk.in_order_of_rows(search, after)?,
        }
        if rows.are_enough() {
            break;
        }
    }
    Ok(())
}

/// The rows of the owners that a list is bounded to, from the newest down; `None` if it is not
/// bounded, or if the owners have too many rows.
fn own_rows(connection: &Connection, filter: &Filter) -> rusqlite::Result<Option<Vec<i64>>> {
    let Some(owners) = filter.reach.owners(filter.owned.as_ref()) else { return Ok(None) };
    let owners = serde_json::to_string(&owners).expect("a list of texts is JSON");
    let mut statement = connection.prepare_cached(
        "SELECT row_id FROM personas WHERE owner IN (SELECT value FROM json_each(?1)) LIMIT ?2",
    )?;
    let rows = statement
        .query_map(params![owners, row::stored(OWN_ROWS_MAX as u64 + 1)], |found| found.get(0))?;
    let mut rows = rows.collect::<rusqlite::Result<Vec<i64>>>()?;
    rows.sort_unstable_by(|one, other| other.cmp(one));
    Ok(Some(rows).filter(|rows| rows.len() <= OWN_ROWS_MAX))
}

/// The walk over the results of one nearness.
struct Walk<'a> {
    connection: &'a Connection,
    request: &'a ListRequest,
    nearness: Nearness,
    rows: &'a mut Rows,
}

impl Walk<'_> {
    /// Rows are numbered in order of creation, and those that were created at the same time, which
    /// only a file that came from PostgreSQL has, in order of their identities.
    fn in_order_of_rows(
        &mut self,
        search: &Search,
        after: Option<(i64, PersonaId)>,
    ) -> rusqlite::Result<()> {
        let Some(newest) = self.newest(after)? else { return Ok(()) };
        let mut matches = Matches::at(self.connection, search, self.nearness, newest)?;
        let mut most = self.rows.most;
        while !self.rows.are_enough() {
            let found = matches.take(most)?;
            let is_last = found.len() < most;
            // Most of what is found meets the other conditions; where it does not, few statements
            // are to look at many rows.
            most = (most * 2).min(MATCHES_MAX);
            self.read(&found, Conditions::default(), "p.row_id DESC")?;
            if is_last {
                break;
            }
        }
        Ok(())
    }

    /// The same of these rows only, which are in falling order: the search jumps from one to the
    /// next, so it costs the same whatever others have.
    fn among(
        &mut self,
        search: &Search,
        own: &[i64],
        after: Option<(i64, PersonaId)>,
    ) -> rusqlite::Result<()> {
        let Some(newest) = self.newest(after)? else { return Ok(()) };
        let found = Matches::at(self.connection, search, self.nearness, newest)?.among(own)?;
        self.read(&found, Conditions::default(), "p.row_id DESC")
    }

    /// The newest row that comes after a place; `None` where none does.
    fn newest(&self, after: Option<(i64, PersonaId)>) -> rusqlite::Result<Option<i64>> {
        let Some((created_at, id)) = after else { return Ok(Some(i64::MAX)) };
        self.connection
            .prepare_cached(
                "SELECT row_id
                 FROM personas
                 WHERE (created_at, id) < (?1, ?2)
                 ORDER BY created_at DESC, id DESC
                 LIMIT 1",
            )?
            .query_row(params![created_at, id.as_bytes()], |found| found.get(0))
            .optional()
    }

    /// All that is found, in the order of its creation.
    fn sorted(&mut self, search: &Search, after: Option<(i64, PersonaId)>) -> rusqlite::Result<()> {
        let found =
            Matches::at(self.connection, search, self.nearness, i64::MAX)?.take(usize::MAX)?;
        let mut conditions = Conditions::default();
        if let Some((created_at, id)) = after {
            let place = [Value::Integer(created_at), Value::Blob(id.as_bytes().to_vec())];
            conditions.add("(p.created_at, p.id) < (?, ?)", place);
        }
        self.read(&found, conditions, "p.created_at DESC, p.id DESC")
    }

    /// Reads those of some rows that meet the conditions.
    fn read(
        &mut self,
        found: &[i64],
        mut conditions: Conditions,
        order: &str,
    ) -> rusqlite::Result<()> {
        if found.is_empty() {
            return Ok(());
        }
        conditions.add_rows("IN", found);
        conditions.add_plain(&self.request.filter);
        let conditions = conditions.of_any_owner_among_rows(&self.request.filter);
        let nearness = self.nearness;
        let rank = |value| match value {
            Value::Integer(micros) => {
                Rank::new(nearness, Timestamp::from_micros(micros)).number().to_string()
            }
            _ => unreachable!("a time is a number"),
        };
        self.rows.read(self.connection, "p.created_at", "personas AS p", conditions, order, rank)
    }
}

/// The rows of a page and the one after it.
struct Rows {
    found: Vec<(String, Representation)>,
    bytes: usize,
    full: bool,
    most: usize,
}

impl Rows {
    fn are_enough(&self) -> bool {
        self.found.len() >= self.most || self.full
    }

    fn read(
        &mut self,
        connection: &Connection,
        key: &str,
        tables: &str,
        conditions: Conditions,
        order: &str,
        key_text: impl Fn(Value) -> String,
    ) -> rusqlite::Result<()> {
        let mut statement = connection.prepare_cached(&format!(
            "SELECT {key}, p.id, p.revision, p.deleted_at IS NOT NULL, p.head, p.document, p.checksum
             FROM {tables}
             {}
             ORDER BY {order}
             LIMIT {}",
            conditions.clause(),
            self.most - self.found.len(),
        ))?;
        let mut found = statement.query(rusqlite::params_from_iter(conditions.values))?;
        while let Some(row) = found.next()? {
            let id = row::id(row, 1)?;
            let answer = row::representation(row, 2, id)?;
            // The one that comes after a full page is read too: it tells that there is another
            // page.
            self.full = self.bytes >= PAGE_BYTES_MAX;
            self.bytes += answer.body.len();
            self.found.push((key_text(row.get(0)?), answer));
            if self.full {
                break;
            }
        }
        Ok(())
    }
}

fn count(connection: &Connection, conditions: Conditions) -> rusqlite::Result<u64> {
    connection
        .prepare_cached(&format!("SELECT count(*) FROM personas AS p {}", conditions.clause()))?
        .query_row(rusqlite::params_from_iter(conditions.values), |found| row::number(found, 0))
}

/// What a list is ordered by. One index exists for each column, so that no order costs a sort.
fn key_sql(key: SortKey) -> String {
    match key {
        SortKey::Name => "p.name".into(),
        SortKey::CreatedAt => "p.created_at".into(),
        SortKey::UpdatedAt => "p.updated_at".into(),
        // Nothing is wanted that could be nearer or farther.
        SortKey::Relevance => {
            format!("{} - p.created_at", Rank::new(Nearness::Name, Timestamp::default()).number())
        }
    }
}

#[cfg(test)]
#[path = "list_plans.rs"]
mod plans;

//! Pages of personas.
//!
//! The SQL is put together from fixed pieces; every value is bound.

use persona_model::{Cursor, Filter, ListRequest, Search, SortKey};
use rusqlite::Connection;
use rusqlite::types::Value;

use super::error::from_driver;
use super::{row, search};
use crate::store::fitting;
use crate::{Answer, Error, PAGE_BYTES_MAX, Page};

/// One page, and the count where it was asked for, of one snapshot.
pub(super) fn page(connection: &Connection, request: &ListRequest) -> Result<Page, Error> {
    let snapshot = connection.unchecked_transaction().map_err(from_driver)?;
    let total = request.count.then(|| count(&snapshot, &request.filter)).transpose().map_err(from_driver)?;
    let mut rows = rows(&snapshot, request).map_err(from_driver)?;
    let fitting = fitting(rows.iter().map(|(_, answer)| answer.body.len()), request.limit);
    let more = rows.len() > fitting;
    rows.truncate(fitting);
    let last = rows.last().filter(|_| more);
    let next_cursor = last.map(|(key, answer)| Cursor { key: key.clone(), id: answer.id }.encode(&request.filter, request.sort));
    Ok(Page { items: rows.into_iter().map(|(_, answer)| answer).collect(), next_cursor, total })
}

/// One more row than the page holds, which tells whether there is another page; each with its sort value as text.
fn rows(connection: &Connection, request: &ListRequest) -> rusqlite::Result<Vec<(String, Answer)>> {
    let by_relevance = request.sort.key == SortKey::Relevance && request.filter.search.as_ref().is_some_and(|it| !it.wanted.is_empty());
    let mut conditions = Conditions::of(&request.filter, by_relevance);
    let key = key_sql(request.sort.key, by_relevance);
    let (direction, beyond) = if request.sort.descending { ("DESC", "<") } else { ("ASC", ">") };
    if let Some(after) = &request.after {
        let value = match request.sort.key {
            SortKey::Name => Value::Text(after.key.clone()),
            SortKey::CreatedAt | SortKey::UpdatedAt => Value::Integer(after.key.parse().unwrap_or_default()),
            SortKey::Relevance => Value::Real(after.key.parse().unwrap_or_default()),
        };
        conditions.add(&format!("({key}, p.id) {beyond} (?, ?)"), [value, Value::Blob(after.id.as_bytes().to_vec())]);
    }
    let sql = format!(
        "SELECT {key}, p.id, p.revision, p.deleted_at IS NOT NULL, p.head, p.document, p.checksum
         FROM {}
         {}
         ORDER BY {key} {direction}, p.id {direction}
         LIMIT {}",
        if by_relevance { "persona_search JOIN personas AS p ON p.row_id = persona_search.rowid" } else { "personas AS p" },
        conditions.clause(),
        request.limit + 1,
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut found = statement.query(rusqlite::params_from_iter(conditions.values))?;
    let (mut rows, mut bytes) = (Vec::new(), 0);
    while let Some(row) = found.next()? {
        let id = row::id(row, 1)?;
        let answer = row::answer(row, 2, id)?;
        // The one that comes after a full page is read too: it tells that there is another page.
        let full = bytes >= PAGE_BYTES_MAX;
        bytes += answer.body.len();
        rows.push((key_text(row.get(0)?), answer));
        if full {
            break;
        }
    }
    Ok(rows)
}

fn count(connection: &Connection, filter: &Filter) -> rusqlite::Result<u64> {
    let conditions = Conditions::of(filter, false);
    connection
        .prepare_cached(&format!("SELECT count(*) FROM personas AS p {}", conditions.clause()))?
        .query_row(rusqlite::params_from_iter(conditions.values), |found| row::number(found, 0))
}

/// What a list is ordered by. One index exists for each column, so that no order costs a sort.
fn key_sql(key: SortKey, by_relevance: bool) -> String {
    match key {
        SortKey::Name => "p.name".into(),
        SortKey::CreatedAt => "p.created_at".into(),
        SortKey::UpdatedAt => "p.updated_at".into(),
        SortKey::Relevance if by_relevance => search::rank(),
        // Nothing is wanted that could be more or less there.
        SortKey::Relevance => "0.0".into(),
    }
}

/// A sort value as a cursor holds it; a fraction with as many digits as it takes to read it back equal.
fn key_text(value: Value) -> String {
    match value {
        Value::Text(text) => text,
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => format!("{number:?}"),
        Value::Null | Value::Blob(_) => unreachable!("nothing is ordered by these"),
    }
}

/// What must hold of a row, with the values in the order of their question marks.
struct Conditions {
    sql: Vec<String>,
    values: Vec<Value>,
}

impl Conditions {
    /// With `searching` the query reads the full-text index itself; otherwise the index only tells which rows count.
    fn of(filter: &Filter, searching: bool) -> Self {
        let mut conditions = Self { sql: Vec::new(), values: Vec::new() };
        if let Some(search) = &filter.search {
            conditions.add_search(search, searching);
        }
        if !filter.include_deleted {
            conditions.add("p.deleted_at IS NULL", []);
        }
        if let Some(kind) = filter.kind {
            conditions.add("p.kind = ?", [Value::Text(kind.word().into())]);
        }
        if let Some(active) = filter.is_active {
            conditions.add("p.is_active = ?", [Value::Integer(active.into())]);
        }
        if let Some(since) = filter.updated_since {
            conditions.add("p.updated_at >= ?", [Value::Integer(since.as_micros())]);
        }
        for tag in &filter.tags {
            let has = "EXISTS (SELECT 1 FROM persona_tags AS t WHERE t.tag = ? AND t.persona = p.row_id)";
            conditions.add(has, [Value::Text(tag.clone())]);
        }
        conditions
    }

    fn add_search(&mut self, search: &Search, searching: bool) {
        let rows = |not| format!("p.row_id {not}IN (SELECT rowid FROM persona_search WHERE persona_search MATCH ?)");
        match search::expression(search) {
            Some(expression) if searching => self.add("persona_search MATCH ?", [Value::Text(expression)]),
            Some(expression) => self.add(&rows(""), [Value::Text(expression)]),
            None => self.add(&rows("NOT "), [Value::Text(search::unwanted_expression(search))]),
        }
    }

    fn add(&mut self, condition: &str, values: impl IntoIterator<Item = Value>) {
        self.sql.push(condition.into());
        self.values.extend(values);
    }

    fn clause(&self) -> String {
        if self.sql.is_empty() { String::new() } else { format!("WHERE {}", self.sql.join(" AND ")) }
    }
}

//! Pages of personas.
//!
//! The SQL is put together from fixed pieces; every value is bound.

use persona_model::{Cursor, Filter, ListRequest, SortKey};
use rusqlite::Connection;
use rusqlite::types::Value;

use super::error::from_driver;
use super::row;
use crate::{Answer, Error, Page};

/// One page, and the count where it was asked for, of one snapshot.
pub(super) fn page(connection: &Connection, request: &ListRequest) -> Result<Page, Error> {
    let snapshot = connection.unchecked_transaction().map_err(from_driver)?;
    let total = request.count.then(|| count(&snapshot, &request.filter)).transpose().map_err(from_driver)?;
    let mut rows = rows(&snapshot, request).map_err(from_driver)?;
    let more = rows.len() > request.limit;
    rows.truncate(request.limit);
    let last = rows.last().filter(|_| more);
    let next_cursor = last.map(|(key, answer)| Cursor { key: key.clone(), id: answer.id }.encode(&request.filter, request.sort));
    Ok(Page { items: rows.into_iter().map(|(_, answer)| answer).collect(), next_cursor, total })
}

/// One more row than the page holds, which tells whether there is another page; each with its sort value as text.
fn rows(connection: &Connection, request: &ListRequest) -> rusqlite::Result<Vec<(String, Answer)>> {
    let mut conditions = Conditions::of(&request.filter);
    let column = column(request.sort.key);
    let (direction, beyond) = if request.sort.descending { ("DESC", "<") } else { ("ASC", ">") };
    if let Some(after) = &request.after {
        let key = match request.sort.key {
            SortKey::Name => Value::Text(after.key.clone()),
            SortKey::CreatedAt | SortKey::UpdatedAt => Value::Integer(after.key.parse().unwrap_or_default()),
        };
        conditions.add(&format!("(p.{column}, p.id) {beyond} (?, ?)"), [key, Value::Blob(after.id.as_bytes().to_vec())]);
    }
    let sql = format!(
        "SELECT CAST(p.{column} AS TEXT), p.id, p.revision, p.deleted_at IS NOT NULL, p.head, p.document
         FROM personas AS p
         {}
         ORDER BY p.{column} {direction}, p.id {direction}
         LIMIT {}",
        conditions.clause(),
        request.limit + 1,
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(rusqlite::params_from_iter(conditions.values), |found| {
        let id = row::id(found, 1)?;
        Ok((found.get(0)?, row::answer(found, 2, id)?))
    })?;
    rows.collect()
}

fn count(connection: &Connection, filter: &Filter) -> rusqlite::Result<u64> {
    let conditions = Conditions::of(filter);
    connection
        .prepare_cached(&format!("SELECT count(*) FROM personas AS p {}", conditions.clause()))?
        .query_row(rusqlite::params_from_iter(conditions.values), |found| row::number(found, 0))
}

fn column(key: SortKey) -> &'static str {
    match key {
        SortKey::Name => "name",
        SortKey::CreatedAt => "created_at",
        SortKey::UpdatedAt => "updated_at",
    }
}

/// What must hold of a row, with the values in the order of their question marks.
struct Conditions {
    sql: Vec<String>,
    values: Vec<Value>,
}

impl Conditions {
    fn of(filter: &Filter) -> Self {
        let mut conditions = Self { sql: Vec::new(), values: Vec::new() };
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

    fn add(&mut self, condition: &str, values: impl IntoIterator<Item = Value>) {
        self.sql.push(condition.into());
        self.values.extend(values);
    }

    fn clause(&self) -> String {
        if self.sql.is_empty() { String::new() } else { format!("WHERE {}", self.sql.join(" AND ")) }
    }
}

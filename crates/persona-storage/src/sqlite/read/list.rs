//! Pages of personas.
//!
//! The SQL is put together from fixed pieces; every value is bound.

use persona_model::{Filter, ListRequest, Nearness, Rank, Search, Since, SortKey, Timestamp};
use rusqlite::Connection;
use rusqlite::types::Value;

use crate::fault;
use crate::sqlite::error::from_driver;
use crate::sqlite::search::Looked;
use crate::sqlite::tables::{feed, meta, row};
use crate::{Error, PAGE_BYTES_MAX, Page, Representation};

/// One page, and the count where it was asked for, of one snapshot.
pub(crate) fn page(connection: &Connection, request: &ListRequest) -> Result<Page, Error> {
    let snapshot = connection.unchecked_transaction().map_err(from_driver)?;
    let position =
        request.filter.updated_since.map(|since| feed::position(&snapshot, since)).transpose()?;
    let total = request
        .count
        .then(|| count(&snapshot, &request.filter))
        .transpose()
        .map_err(from_driver)?;
    let rows = rows(&snapshot, request).map_err(from_driver)?;
    Ok(Page::of(rows, request, total, position))
}

/// One more row than the page holds, which tells whether there is another page; each with its sort
/// value as text.
fn rows(
    connection: &Connection,
    request: &ListRequest,
) -> rusqlite::Result<Vec<(String, Representation)>> {
    let mut rows = Rows { found: Vec::new(), bytes: 0, full: false, most: request.limit + 1 };
    let search = request
        .filter
        .search
        .as_ref()
        .filter(|it| request.sort.key == SortKey::Relevance && !it.wanted.is_empty());
    match search {
        Some(search) => by_relevance(connection, request, search, &mut rows)?,
        None => by_column(connection, request, &mut rows)?,
    }
    Ok(rows.found)
}

fn by_column(
    connection: &Connection,
    request: &ListRequest,
    rows: &mut Rows,
) -> rusqlite::Result<()> {
    let mut conditions = Conditions::of(&request.filter);
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
            // Two directions are no comparison of rows.
            conditions.add(
                &format!("({key} > ? OR ({key} = ? AND p.id < ?))"),
                [value.clone(), value, id],
            );
        } else {
            conditions.add(&format!("({key}, p.id) {beyond} (?, ?)"), [value, id]);
        }
    }
    let order = format!("{key} {direction}, p.id {}", if newest_first { "DESC" } else { "ASC" });
    rows.read(connection, &key, "personas AS p", conditions, &order, |value| match value {
        Value::Text(text) => text,
        Value::Integer(number) => number.to_string(),
        Value::Null | Value::Blob(_) | Value::Real(_) => {
            unreachable!("nothing is ordered by these")
        }
    })
}

/// Nearness by nearness, as far as the page reaches: the index gives the rows of each from the
/// newest to the oldest, so what comes after the page is not looked at.
fn by_relevance(
    connection: &Connection,
    request: &ListRequest,
    search: &Search,
    rows: &mut Rows,
) -> rusqlite::Result<()> {
    let after =
        request.after.as_ref().and_then(|cursor| Rank::from_number(cursor.key.parse().ok()?));
    let in_titles = Looked::in_titles(&search.wanted);
    let Some(wanted) = in_titles.all() else { return Ok(()) };
    let [everywhere, titles_only] = Looked::each(&search.wanted);
    // Where a clock was wrong once they are not, and then all that is found has to be sorted.
    let is_ordered = meta::has_ordered_rows(connection)?;
    for nearness in
        Nearness::ALL.into_iter().filter(|it| after.is_none_or(|after| *it >= after.nearness()))
    {
        if rows.are_enough() {
            break;
        }
        let (index, expression) = match nearness {
            Nearness::Name => (in_titles.index, format!("{{name}} : ({wanted})")),
            Nearness::Tags => (in_titles.index, format!("({wanted}) NOT {{name}} : ({wanted})")),
            Nearness::Text => match everywhere.all() {
                Some(expression) => (everywhere.index, expression),
                // What has all of them has them in name and tags, and was found before.
                None => break,
            },
        };
        let mut conditions = Conditions::default();
        conditions.add(&format!("{index} MATCH ?"), [Value::Text(expression)]);
        if let Some(after) = after.filter(|after| after.nearness() == nearness) {
            // Rows are numbered in order of creation, and those that were created at the same time,
            // which only a file that came from PostgreSQL has, in order of their identities.
            let older = if is_ordered {
                let newest = "SELECT row_id FROM personas WHERE (created_at, id) < (?, ?) ORDER BY created_at DESC, id DESC LIMIT 1";
                format!("{index}.rowid <= ({newest})")
            } else {
                "(p.created_at, p.id) < (?, ?)".into()
            };
            let id = request
                .after
                .as_ref()
                .map(|cursor| cursor.id.as_bytes().to_vec())
                .unwrap_or_default();
            conditions
                .add(&older, [Value::Integer(after.created_at().as_micros()), Value::Blob(id)]);
        }
        // Of the index and not of the persona, so that no row is read for nothing.
        let row = format!("{index}.rowid");
        if nearness == Nearness::Text {
            conditions.add_search(&row, "IN", titles_only.index, titles_only.all());
            conditions.add_search(&row, "NOT IN", in_titles.index, Some(wanted.clone()));
        }
        conditions.add_unwanted(&row, search);
        conditions.add_plain(&request.filter);
        // A cross join keeps its order (SQLite, "Query Planning", "Manual Control Of Query Plans
        // Using CROSS JOIN").
        let tables = format!("{index} CROSS JOIN personas AS p ON p.row_id = {index}.rowid");
        let order = if is_ordered {
            format!("{index}.rowid DESC")
        } else {
            "p.created_at DESC, p.id DESC".into()
        };
        rows.read(connection, "p.created_at", &tables, conditions, &order, |value| match value {
            Value::Integer(micros) => {
                Rank::new(nearness, Timestamp::from_micros(micros)).number().to_string()
            }
            _ => unreachable!("a time is a number"),
        })?;
    }
    Ok(())
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
            let answer = row::answer(row, 2, id)?;
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

fn count(connection: &Connection, filter: &Filter) -> rusqlite::Result<u64> {
    let conditions = Conditions::of(filter);
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

/// What must hold of a row, with the values in the order of their question marks.
#[derive(Default)]
struct Conditions {
    sql: Vec<String>,
    values: Vec<Value>,
}

impl Conditions {
    /// Everything that a filter asks for; the full-text index only tells which rows count.
    fn of(filter: &Filter) -> Self {
        let mut conditions = Self::default();
        if let Some(search) = &filter.search {
            for looked in Looked::each(&search.wanted) {
                conditions.add_search("p.row_id", "IN", looked.index, looked.all());
            }
            conditions.add_unwanted("p.row_id", search);
        }
        conditions.add_plain(filter);
        conditions
    }

    /// Only rows that are, or are not, in what an index finds.
    fn add_search(&mut self, row: &str, is_in: &str, index: &str, expression: Option<String>) {
        if let Some(expression) = expression {
            self.add(
                &format!("{row} {is_in} (SELECT rowid FROM {index} WHERE {index} MATCH ?)"),
                [Value::Text(expression)],
            );
        }
    }

    /// Only rows that have none of the unwanted terms.
    fn add_unwanted(&mut self, row: &str, search: &Search) {
        for looked in Looked::each(&search.unwanted) {
            self.add_search(row, "NOT IN", looked.index, looked.any());
        }
    }

    /// Everything that a filter asks for but the search.
    fn add_plain(&mut self, filter: &Filter) {
        if !filter.include_deleted {
            self.add("p.deleted_at IS NULL", []);
        }
        if let Some(kind) = filter.kind {
            self.add("p.kind = ?", [Value::Text(kind.word().into())]);
        }
        if let Some(active) = filter.is_active {
            self.add("p.is_active = ?", [Value::Integer(active.into())]);
        }
        match filter.updated_since {
            None => {}
            Some(Since::Time(time)) => {
                self.add("p.updated_at >= ?", [Value::Integer(time.as_micros())]);
            }
            Some(Since::Position(after)) => {
                let sequence = Value::Integer(feed::stored(fault::followed_from(after.sequence)));
                self.add("p.id IN (SELECT persona FROM changes WHERE sequence > ?)", [sequence]);
            }
        }
        for tag in &filter.tags {
            let has =
                "EXISTS (SELECT 1 FROM persona_tags AS t WHERE t.tag = ? AND t.persona = p.row_id)";
            self.add(has, [Value::Text(tag.clone())]);
        }
    }

    fn add(&mut self, condition: &str, values: impl IntoIterator<Item = Value>) {
        self.sql.push(condition.into());
        self.values.extend(values);
    }

    fn clause(&self) -> String {
        if self.sql.is_empty() {
            String::new()
        } else {
            format!("WHERE {}", self.sql.join(" AND "))
        }
    }
}

//! The conditions on the rows of a list.
//!
//! The SQL is put together from fixed pieces; every value is bound.

use persona_model::{Filter, Since};
use rusqlite::types::Value;

use crate::fault_injection;
use crate::sqlite::search::Selected;
use crate::sqlite::tables::feed;

/// The second condition lets SQLite use the indexes of owners, which have only rows with an owner.
const OF_OWNER: &str = "p.owner = ? AND p.owner <> ''";
const OF_NONE: &str = "p.owner = ''";

fn text(owner: &str) -> Value {
    Value::Text(owner.to_owned())
}

/// Conditions on a row, with the values in the order of their question marks.
#[derive(Clone, Default)]
pub(super) struct Conditions {
    sql: Vec<String>,
    pub values: Vec<Value>,
}

impl Conditions {
    /// All conditions of a filter except the owner; the indexes of words only say which rows count.
    pub fn of(filter: &Filter, selected: Option<&Selected>) -> Self {
        let mut conditions = Self::default();
        match selected {
            Some(Selected::Only(rows)) => conditions.add_rows("IN", rows),
            Some(Selected::Except(rows)) => conditions.add_rows("NOT IN", rows),
            None => {}
        }
        conditions.add_plain(filter);
        conditions
    }

    /// Only these rows, or only others.
    pub fn add_rows(&mut self, is_in: &str, rows: &[i64]) {
        let rows = serde_json::to_string(rows).expect("a list of numbers is JSON");
        self.add(
            &format!("p.row_id {is_in} (SELECT value FROM json_each(?))"),
            [Value::Text(rows)],
        );
    }

    /// Adds all conditions of a filter except the search and the owner.
    pub fn add_plain(&mut self, filter: &Filter) {
        if !filter.include_deleted {
            self.add("p.deleted_at IS NULL", []);
        }
        if let Some(kind) = filter.kind {
            self.add("p.kind = ?", [Value::Text(kind.as_str().into())]);
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
                let sequence =
                    Value::Integer(feed::stored(fault_injection::followed_from(after.sequence)));
                // A move of a label leaves its persona as it is.
                let changed =
                    "p.id IN (SELECT persona FROM changes WHERE sequence > ? AND label IS NULL)";
                self.add(changed, [sequence]);
            }
        }
        if let Some(prefix) = &filter.handle_prefix {
            let [from, to] = [prefix.as_str().to_owned(), prefix.end()].map(Value::Text);
            self.add("p.handle >= ? AND p.handle < ?", [from, to]);
        }
        for tag in &filter.tags {
            let has =
                "EXISTS (SELECT 1 FROM persona_tags AS t WHERE t.tag = ? AND t.persona = p.row_id)";
            self.add(has, [Value::Text(tag.clone())]);
        }
        for tag in &filter.without_tags {
            let has_not = "NOT EXISTS (SELECT 1 FROM persona_tags AS t WHERE t.tag = ? AND t.persona = p.row_id)";
            self.add(has_not, [Value::Text(tag.clone())]);
        }
        if let Some(label) = &filter.label {
            let has = "EXISTS (SELECT 1 FROM labels AS l WHERE l.persona = p.id AND l.label = ?)";
            self.add(has, [Value::Text(label.to_string())]);
        }
    }

    /// The same for the personas of the owners that are asked for and reached.
    #[must_use]
    pub fn of_any_owner(mut self, filter: &Filter) -> Self {
        match filter.reach.owners(filter.owned.as_ref()).as_deref() {
            None => {}
            Some([]) => self.add("0", []),
            Some([""]) => self.add(OF_NONE, []),
            Some([owner]) => self.add(OF_OWNER, [text(owner)]),
            Some([owner, ..]) => self.add("p.owner IN (?, '')", [text(owner)]),
        }
        self
    }

    /// The same among rows that are known by their numbers: each of them is looked at, and no index
    /// of owners, which can have many more.
    #[must_use]
    pub fn of_any_owner_among_rows(mut self, filter: &Filter) -> Self {
        if let Some(owners) = filter.reach.owners(filter.owned.as_ref()) {
            let owners = serde_json::to_string(&owners).expect("a list of texts is JSON");
            self.add("+p.owner IN (SELECT value FROM json_each(?))", [Value::Text(owners)]);
        }
        self
    }

    /// The same for the first rows of an order, which are found without a look at those of other
    /// owners: an index has the order of the rows of one owner, so those of an owner and those of
    /// none are two ordered lists. Of these only the numbers of rows are read.
    #[must_use]
    pub fn of_owners(self, filter: &Filter, order: &str, limit: usize) -> Self {
        let owners = filter.reach.owners(filter.owned.as_ref());
        let Some([first, rest @ ..]) = owners.as_deref() else { return self.of_any_owner(filter) };
        if rest.is_empty() && !first.is_empty() {
            return self.of_any_owner(filter);
        }
        let (mut lists, mut values) = (Vec::new(), Vec::new());
        for owner in [first].into_iter().chain(rest) {
            let mut of_owner = self.clone();
            if owner.is_empty() {
                of_owner.add(OF_NONE, []);
            } else {
                of_owner.add(OF_OWNER, [text(owner)]);
            }
            lists.push(format!(
                "SELECT row_id FROM (SELECT p.row_id FROM personas AS p {} ORDER BY {order} LIMIT {limit})",
                of_owner.clause()
            ));
            values.extend(of_owner.values);
        }
        let sql = vec![format!("p.row_id IN ({})", lists.join(" UNION ALL "))];
        Self { sql, values }
    }

    pub fn add(&mut self, condition: &str, values: impl IntoIterator<Item = Value>) {
        self.sql.push(condition.into());
        self.values.extend(values);
    }

    pub fn clause(&self) -> String {
        if self.sql.is_empty() {
            String::new()
        } else {
            format!("WHERE {}", self.sql.join(" AND "))
        }
    }
}

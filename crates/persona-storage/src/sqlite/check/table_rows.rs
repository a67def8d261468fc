//! How many rows tables have, for the progress of a check.

use rusqlite::Connection;

/// Most rows that a page of a table can have: a page of 4 KiB with cells of 4 bytes.
const ROWS_OF_A_PAGE_MAX: u64 = 1_024;

/// The approximate number of rows of a table; removed rows count too. 0 if it cannot be found
/// quickly. FTS5 numbers its rows by segment, with gaps of billions: such a table counts as many
/// rows as the database has pages, because a row takes up about a page.
///
/// A virtual table is not queried: FTS5 would cache the structure of the index, and its integrity
/// check would then take later writes of other processes for damage.
pub(super) fn about(connection: &Connection, table: &str) -> u64 {
    let is_stored = "SELECT rootpage > 0 FROM sqlite_schema WHERE name = ?1";
    let is_stored = connection.query_row(is_stored, [table], |row| row.get(0));
    if !is_stored.unwrap_or(false) {
        return 0;
    }
    let number = |sql: &str| -> u64 {
        connection.query_row(sql, [], |row| row.get(0)).map_or(0, i64::unsigned_abs)
    };
    let last = number(&format!("SELECT max(rowid) FROM \"{}\"", table.replace('"', "\"\"")));
    let pages = number("PRAGMA page_count");
    if last > pages.saturating_mul(ROWS_OF_A_PAGE_MAX) { pages } else { last }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::about;

    #[test]
    fn the_tables_of_a_search_index_count_by_pages() {
        let connection = Connection::open_in_memory().expect("a database");
        let schema = "CREATE TABLE plain (id INTEGER PRIMARY KEY, text);
             INSERT INTO plain (text) VALUES ('a'), ('b'), ('c');
             CREATE VIRTUAL TABLE words USING fts5(text);
             INSERT INTO words (text) VALUES ('one'), ('two');";
        connection.execute_batch(schema).expect("the tables");
        let pages: i64 =
            connection.query_row("PRAGMA page_count", [], |row| row.get(0)).expect("a number");
        assert_eq!(about(&connection, "plain"), 3);
        assert_eq!(about(&connection, "words_data"), pages.unsigned_abs());
        assert_eq!((about(&connection, "words"), about(&connection, "missing")), (0, 0));
    }
}

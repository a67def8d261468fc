//! How many rows `personas` has.

use rusqlite::Connection;

use super::row;

/// How many personas are alive; `None` where more than so many would have to be counted.
pub(crate) fn count_living_up_to(
    connection: &Connection,
    most: u64,
) -> rusqlite::Result<Option<u64>> {
    let sql = "SELECT count(*) FROM (SELECT 1 FROM personas LIMIT ?1)";
    let counted = connection
        .prepare_cached(sql)?
        .query_row([row::stored(most + 1)], |found| row::number(found, 0))?;
    if counted > most { Ok(None) } else { count_living(connection).map(Some) }
}

/// How many personas are alive.
pub(crate) fn count_living(connection: &Connection) -> rusqlite::Result<u64> {
    // Two narrow indexes instead of one look at every row.
    connection
        .prepare_cached("SELECT (SELECT count(*) FROM personas) - (SELECT count(*) FROM personas WHERE deleted_at IS NOT NULL)")?
        .query_row([], |found| row::number(found, 0))
}

/// How many personas are soft-deleted.
pub(crate) fn count_deleted(connection: &Connection) -> rusqlite::Result<u64> {
    let sql = "SELECT count(*) FROM personas WHERE deleted_at IS NOT NULL";
    connection.prepare_cached(sql)?.query_row([], |found| row::number(found, 0))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{count_living, count_living_up_to};
    use crate::NoObserver;
    use crate::sqlite::connection::{Purpose, open};
    use crate::sqlite::{Settings, initialise};

    #[test]
    fn the_living_are_counted_as_long_as_there_are_not_too_many() {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = Settings::new(folder.path().join("persona.db"));
        initialise(&settings).expect("a new file");
        let connection = open(&settings, Purpose::Write, Arc::new(NoObserver)).expect("it opens");
        let add = "INSERT INTO personas (id, revision, name, kind, is_active, created_at, updated_at, deleted_at, content_hash, checksum,
                                         history, head, document)
                   VALUES (randomblob(16), 1, 'Ada', 'agent', 1, 0, 0, ?1, randomblob(32), 0, randomblob(8), '{}', '{}')";
        for deleted_at in [None, None, Some(1)] {
            connection.execute(add, [deleted_at]).expect("added");
        }
        assert_eq!(count_living(&connection), Ok(2));
        assert_eq!(
            [2, 3, 4].map(|most| count_living_up_to(&connection, most).expect("counted")),
            [None, Some(2), Some(2)]
        );
    }
}

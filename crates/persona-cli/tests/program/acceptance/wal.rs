//! The settings of the database file. The other tests of the promise know nothing of files.

use crate::common::{Server, wait_for};

#[test]
fn the_file_is_in_wal_mode_and_the_log_says_so() {
    let server = Server::with_workers(4).start();
    let file = rusqlite::Connection::open(server.database()).expect("it opens");
    let mode: String =
        file.pragma_query_value(None, "journal_mode", |row| row.get(0)).expect("a mode");
    assert_eq!(mode, "wal");
    let line = wait_for("the line of the origin", crate::common::DEADLINE, || {
        server
            .log()
            .lines()
            .find(|line| line.contains("SQLite WAL mode enabled for improved concurrency"))
            .map(str::to_owned)
    });
    assert!(line.to_lowercase().contains("info"), "{line}");
}

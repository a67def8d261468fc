//! Tests: the settings of connections, and looks at the WAL.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use rusqlite::types::Value;

use super::super::{Durability, Settings, initialise};
use super::{Purpose, look_at_wal, look_until_published, open};
use crate::NoObserver;

fn read_back(connection: &Connection, pragma: &str) -> Value {
    connection.pragma_query_value(None, pragma, |row| row.get(0)).expect("a pragma that answers")
}

#[test]
fn every_kind_of_connection_has_every_pragma() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut settings = Settings::new(folder.path().join("persona.db"));
    initialise(&settings).expect("a new file");
    for (durability, synchronous) in [(Durability::Normal, 1), (Durability::Full, 2)] {
        settings.durability = durability;
        for purpose in [Purpose::Write, Purpose::Read, Purpose::Maintain] {
            let connection = open(&settings, purpose, Arc::new(NoObserver)).expect("it opens");
            let expected = [
                ("synchronous", synchronous),
                ("foreign_keys", 1),
                ("trusted_schema", 0),
                ("cell_size_check", 1),
                ("mmap_size", 0),
                ("journal_size_limit", 64 * 1024 * 1024),
                ("temp_store", 2),
                ("cache_size", -8192),
                ("wal_autocheckpoint", 0),
                ("query_only", i64::from(purpose == Purpose::Read)),
                ("page_size", 4096),
            ];
            for (pragma, value) in expected {
                assert_eq!(
                    read_back(&connection, pragma),
                    Value::Integer(value),
                    "{pragma} of {purpose:?}"
                );
            }
            assert_eq!(
                read_back(&connection, "journal_mode"),
                Value::Text("wal".into()),
                "{purpose:?}"
            );
            let flags = [
                (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
                (DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true),
                (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
                (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
                (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
                (DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, purpose != Purpose::Maintain),
            ];
            for (flag, value) in flags {
                assert_eq!(connection.db_config(flag), Ok(value), "{flag:?} of {purpose:?}");
            }
        }
    }
}

#[test]
fn every_kind_of_connection_waits_for_the_lock_of_a_foreign_program_as_long_as_it_should() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut settings = Settings::new(folder.path().join("persona.db"));
    settings.busy_timeout = Duration::from_millis(60);
    initialise(&settings).expect("a new file");
    let foreign = Connection::open(&settings.path).expect("it opens");
    foreign.execute_batch("BEGIN IMMEDIATE").expect("the lock is free");
    for (purpose, wait) in
        [(Purpose::Write, settings.busy_timeout), (Purpose::Maintain, super::MAINTENANCE_WAIT_MAX)]
    {
        let connection =
            open(&settings, purpose, Arc::new(NoObserver)).expect("opening takes no lock");
        let began = std::time::Instant::now();
        let refused = connection.execute_batch("BEGIN IMMEDIATE").expect_err("it is held");
        assert_eq!(refused.sqlite_error_code(), Some(rusqlite::ErrorCode::DatabaseBusy));
        assert!(began.elapsed() >= wait, "{purpose:?} waited {:?}", began.elapsed());
    }
}

#[test]
fn a_reader_cannot_write() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = Settings::new(folder.path().join("persona.db"));
    initialise(&settings).expect("a new file");
    let reader = open(&settings, Purpose::Read, Arc::new(NoObserver)).expect("it opens");
    let refused = reader.execute_batch("DELETE FROM personas").expect_err("refused");
    assert_eq!(refused.sqlite_error_code(), Some(rusqlite::ErrorCode::ReadOnly));
}

/// Where the second copy of the header begins in the WAL index (SQLite, "WAL-mode File
/// Format", section 2.1).
const SECOND_HEADER: u64 = 48;

#[test]
fn a_commit_that_is_just_being_published_delays_a_look_at_the_wal_and_does_not_fail_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = Settings::new(folder.path().join("persona.db"));
    initialise(&settings).expect("a new file");
    let opened = || open(&settings, Purpose::Write, Arc::new(NoObserver)).expect("it opens");
    let (reader, writer) = (opened(), opened());
    writer.execute_batch("BEGIN; DELETE FROM changes; COMMIT; BEGIN IMMEDIATE").expect("its turn");
    // The two copies of the header differ while a writer publishes; here it stands still in
    // between.
    let index = File::options()
        .read(true)
        .write(true)
        .open(folder.path().join("persona.db-shm"))
        .expect("it exists");
    let mut byte = [0];
    index.read_exact_at(&mut byte, SECOND_HEADER).expect("a header");
    index.write_all_at(&[!byte[0]], SECOND_HEADER).expect("written");
    let mut looks = 0;
    let wal = look_until_published(|| {
        looks += 1;
        if looks == 3 {
            index.write_all_at(&byte, SECOND_HEADER).expect("written");
        }
        look_at_wal(&reader)
    });
    assert!(wal.expect("a size").bytes() > 0 && looks == 3, "{looks} looks");
    // The file is not closed, because that would drop the locks of this whole process.
    std::mem::forget(index);
}

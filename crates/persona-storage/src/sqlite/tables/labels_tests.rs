//! A statement that is kept is not planned again for other values.

use std::sync::Arc;

use persona_model::{LabelName, PersonaId};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, StatementStatus};

use super::{BY_LABEL, labelled};
use crate::NoObserver;
use crate::sqlite::connection::{Purpose, open};
use crate::sqlite::{Settings, initialise};

/// How often the statement of reads by a label was planned again.
fn planned_again(connection: &Connection) -> i32 {
    for (number, word) in [(1, "production"), (2, "production"), (2, "staging")] {
        let name = LabelName::parse(word).expect("a label");
        let id = PersonaId::from_bytes([number; 16]);
        assert_eq!(labelled(connection, id, &name).expect("readable"), None);
    }
    connection.prepare_cached(&BY_LABEL).expect("it is kept").get_status(StatementStatus::RePrepare)
}

#[test]
fn a_read_by_a_label_is_planned_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = Settings::new(folder.path().join("persona.db"));
    initialise(&settings).expect("a new file");
    let connection = open(&settings, Purpose::Read, Arc::new(NoObserver)).expect("it opens");
    assert_eq!(planned_again(&connection), 0);
    // The setting of each connection that sees to it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, false).expect("set");
    connection.flush_prepared_statement_cache();
    assert!(planned_again(&connection) > 0);
}

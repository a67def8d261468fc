//! Kinds of work, each done by one command: the state before, the states that a kill may leave, and
//! the state after a second run.

use std::fs;
use std::path::Path;
use std::process::Command;

use rusqlite::Connection;
use serde_json::json;

use crate::ledger::read_whole;

/// Personas of the file before the work.
const FOUND: usize = 5;

/// The name of a backup. Whenever a file has this name, it is a complete backup.
const COPY: &str = "copy.db";

/// Personas that an import brings.
const IMPORTED: usize = 12;

/// A kind of work, done by one command.
pub struct Work {
    pub name: &'static str,
    /// Makes the files that the work begins with.
    pub prepare: fn(&Path),
    arguments: &'static [&'static str],
    /// Whether the file may hold this number of personas after a kill.
    allowed: fn(usize) -> bool,
    /// Whether the file may hold this number of personas after the command was run again
    /// undisturbed.
    complete: fn(usize) -> bool,
}

/// Every kind.
pub const WORKS: [Work; 9] = [
    FIRST_START,
    WRITE,
    CONVERSION,
    IMPORT,
    FROM_VERSION_1,
    FROM_VERSION_8,
    FROM_BEFORE_OWNERS,
    BACKUP,
    RESTORE,
];

pub const FIRST_START: Work = Work {
    name: "first start: creation, WAL, migration, first write",
    prepare: |_| {},
    arguments: &["create", "--create", "--database", "persona.db", "--name", "new"],
    allowed: |count| count <= 1,
    // A command that was killed after the commit creates a second persona when it is run again:
    // without a key a command is not repeatable.
    complete: |count| count == 1 || count == 2,
};

pub const WRITE: Work = Work {
    name: "write and checkpoint beside old rows",
    prepare: |folder| make(folder, FOUND, "wal"),
    arguments: &["create", "--create", "--database", "persona.db", "--name", "new"],
    allowed: |count| count == FOUND || count == FOUND + 1,
    complete: |count| count == FOUND + 1 || count == FOUND + 2,
};

pub const CONVERSION: Work = Work {
    name: "conversion of an old file",
    prepare: |folder| make(folder, FOUND, "delete"),
    arguments: &["list", "--database", "persona.db"],
    allowed: |count| count == FOUND,
    complete: |count| count == FOUND,
};

pub const IMPORT: Work = Work {
    name: "import",
    prepare: |folder| {
        make(folder, FOUND, "wal");
        let lines: Vec<String> = (0..IMPORTED)
            .map(|index| json!({ "name": format!("imported {index}") }).to_string())
            .collect();
        fs::write(folder.join("items.ndjson"), lines.join("\n")).expect("a file");
    },
    arguments: &["import", "--create", "--database", "persona.db", "--quiet", "items.ndjson"],
    allowed: |count| (FOUND..=FOUND + IMPORTED).contains(&count),
    // A second run goes on where the first was killed, without a second copy of any persona.
    complete: |count| count == FOUND + IMPORTED,
};

pub const FROM_VERSION_1: Work = Work {
    name: "migration of a file of the first version",
    prepare: |folder| {
        make(folder, FOUND, "wal");
        let file = Connection::open(folder.join("persona.db")).expect("it opens");
        let tables = include_str!("../../../../persona-storage/tests/common/to_version_8.sql");
        let columns =
            "ALTER TABLE personas DROP COLUMN checksum; ALTER TABLE revisions DROP COLUMN checksum";
        file.execute_batch(&format!(
            "PRAGMA foreign_keys = OFF; {tables} DROP TABLE text_parts; DROP TABLE persona_texts; DROP TABLE persona_titles; DROP TABLE meta; {columns}; PRAGMA user_version = 1"
        ))
        .expect("the first version");
    },
    arguments: &["list", "--database", "persona.db"],
    allowed: |count| count == FOUND,
    complete: |count| count == FOUND,
};

pub const FROM_VERSION_8: Work = Work {
    name: "migration of a file of version 8, with histories",
    prepare: |folder| {
        let old = include_bytes!("../../../../persona-storage/tests/storage/version-8.sqlite");
        fs::write(folder.join("persona.db"), old).expect("a copy");
    },
    arguments: &["list", "--database", "persona.db"],
    allowed: |count| count == FOUND,
    complete: |count| count == FOUND,
};

pub const FROM_BEFORE_OWNERS: Work = Work {
    name: "migration of a file from before owners",
    prepare: |folder| {
        make(folder, FOUND, "wal");
        let tables = include_str!("../../../../persona-storage/tests/common/before_owners.sql");
        let file = Connection::open(folder.join("persona.db")).expect("it opens");
        file.execute_batch(tables).expect("the version before");
    },
    arguments: &["list", "--database", "persona.db"],
    allowed: |count| count == FOUND,
    complete: |count| count == FOUND,
};

pub const BACKUP: Work = Work {
    name: "backup",
    prepare: |folder| make(folder, FOUND, "wal"),
    arguments: &["backup", "--database", "persona.db", "--force", COPY],
    allowed: |count| count == FOUND,
    complete: |count| count == FOUND,
};

pub const RESTORE: Work = Work {
    name: "restore",
    prepare: |folder| {
        make(folder, FOUND, "wal");
        run(folder, &["backup", "--database", "persona.db", COPY]);
        run(folder, &["create", "--create", "--database", "persona.db", "--name", "later"]);
    },
    arguments: &["restore", "--database", "persona.db", COPY],
    allowed: |count| count == FOUND || count == FOUND + 1,
    complete: |count| count == FOUND,
};

/// Makes a file with this many personas, in this journal mode.
fn make(folder: &Path, personas: usize, mode: &str) {
    for index in 0..personas {
        run(
            folder,
            &["create", "--create", "--database", "persona.db", "--name", &format!("old {index}")],
        );
    }
    let file = Connection::open(folder.join("persona.db")).expect("it opens");
    let now: String =
        file.pragma_update_and_check(None, "journal_mode", mode, |row| row.get(0)).expect("a mode");
    assert_eq!(now, mode);
}

#[track_caller]
fn run(folder: &Path, arguments: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_persona"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .output()
        .expect("the program");
    assert!(
        output.status.success(),
        "{arguments:?} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A folder with copies of the files of `template`.
pub fn copy_of(template: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for entry in fs::read_dir(template).expect("a folder") {
        let path = entry.expect("a file").path();
        fs::copy(&path, folder.path().join(path.file_name().expect("a name"))).expect("a copy");
    }
    folder
}

impl Work {
    pub fn arguments(&self) -> Vec<String> {
        self.arguments.iter().map(|&argument| argument.to_owned()).collect()
    }

    /// Checks the files after the work was disturbed, and that the work can be done again.
    #[track_caller]
    pub fn check(&self, folder: &Path, succeeded: bool, how: &str) {
        let (database, copy) = (folder.join("persona.db"), folder.join(COPY));
        if copy.exists() {
            assert_eq!(read_whole(&copy).personas.len(), FOUND, "{}: the copy, {how}", self.name);
        }
        if database.exists() {
            run(folder, &["list", "--database", "persona.db"]);
            // Indexes, checksums, and every history from its first revision to its last.
            run(folder, &["check", "--database", "persona.db"]);
            let count = read_whole(&database).personas.len();
            assert!((self.allowed)(count), "{}: {count} personas, {how}", self.name);
            assert!(
                !succeeded || (self.complete)(count),
                "{}: {count} personas after it ended well, {how}",
                self.name
            );
        }
        run(folder, self.arguments);
        let count = read_whole(&database).personas.len();
        assert!(
            (self.complete)(count),
            "{}: {count} personas after a second run, {how}",
            self.name
        );
    }
}

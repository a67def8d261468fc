//! Tests of checks with facts that no test machine has.

use persona_http::contract::Time;
use persona_http::contract::status::{Checkpoints, Contention, Process, Status, WriteLockWindow};
use persona_model::Timestamp;
use persona_storage::sqlite::inspect::{
    Contents, FirstPage, ReadBack, SCHEMA_VERSION, WAL_BYTES_MAX,
};
use persona_storage::sqlite::lock_probe::Holder;
use persona_storage::sqlite::{DatabaseError, FileSystem, SecondName, Settings};

use super::facts::{Entry, Facts, FileFacts, ServerFacts, Space, User};
use super::{CheckResult, Level, examine};

const NOW: Timestamp = Timestamp::from_micros(1_795_543_841_000_000);

fn file() -> FileFacts {
    FileFacts {
        path: "persona.db".into(),
        settings: Settings::new("persona.db"),
        user: 1000,
        full: false,
        neighbours: Vec::new(),
        second_name: None,
        entry: Some(Entry {
            mode: 0o600,
            owner: 1000,
            group: 1000,
            bytes: 1 << 20,
            modified: NOW.as_micros() / 1_000_000,
        }),
        first_page: Ok(Some(FirstPage { wal: true, schema_version: SCHEMA_VERSION })),
        file_system: Some(FileSystem::from_magic(0xef53)),
        space: Some(Space { bytes_free: 1 << 40, files_free: Some(1_000_000) }),
        wal_bytes: None,
        leftovers: Vec::new(),
        users: Vec::new(),
        write_lock: None,
        writer: None,
        read_back: Some(Ok(ReadBack { settings: 45, wrong: Vec::new() })),
        contents: Some(Ok(Contents {
            schema_version: SCHEMA_VERSION,
            personas: 3,
            history: persona_storage::HistorySize::default(),
            deleted: 0,
            newest_change: NOW,
            faults: Vec::new(),
        })),
    }
}

fn server() -> ServerFacts {
    let process = Process::default();
    let status = Status {
        version: "0.1.0".into(),
        uptime_ms: 5_000,
        personas: 3,
        engine_version: "3.54.1".into(),
        journal_mode: Some("wal".into()),
        schema_version: 1,
        file_system: Some("ext4".into()),
        durability: "normal".into(),
        durability_meaning: "it lasts".into(),
        wal_bytes: Some(0),
        wal_bytes_max: Some(WAL_BYTES_MAX),
        wal_autocheckpoint: Some(1000),
        maintenance: Some(process.clone()),
        workers: vec![Process { slot: 1, ..process }],
        checkpoints: Some(Checkpoints {
            complete: 4,
            blocked: 1,
            last: Some(Time(NOW)),
            last_age_ms: Some(9),
            ..Checkpoints::default()
        }),
        contention: Contention { recent: Some(Vec::new()), ..Contention::default() },
        ..Status::default()
    };
    ServerFacts {
        url: "http://127.0.0.1:8000".into(),
        not_ready: None,
        cure: String::new(),
        status: Some(status),
    }
}

impl ServerFacts {
    /// The status of the server, to be changed by a test.
    fn status(&mut self) -> &mut Status {
        self.status.as_mut().expect("a status")
    }

    fn checkpoints(&mut self) -> &mut Checkpoints {
        self.status().checkpoints.as_mut().expect("checkpoints")
    }
}

/// The results that are not `Ok`, after a change to sound facts.
fn bad(change: impl FnOnce(&mut FileFacts, &mut ServerFacts)) -> Vec<CheckResult> {
    let (mut file, mut server) = (file(), server());
    change(&mut file, &mut server);
    let facts = Facts {
        library: ("3.54.1".into(), 3_054_001),
        ..Facts::new(NOW, Some(file), Some(server))
    };
    examine(&facts).into_iter().filter(|outcome| outcome.finding.level > Level::Ok).collect()
}

/// The only result that is not `Ok`: its name, level, text and fix.
#[track_caller]
fn only(change: impl FnOnce(&mut FileFacts, &mut ServerFacts)) -> (&'static str, Level, String) {
    let mut bad = bad(change);
    assert_eq!(bad.len(), 1, "{bad:#?}");
    let found = bad.remove(0);
    assert!(found.fix.is_some_and(|fix| !fix.is_empty()), "{} has no fix", found.name);
    (found.name, found.finding.level, found.finding.text)
}

#[track_caller]
fn assert_only(
    name: &str,
    level: Level,
    text: &str,
    change: impl FnOnce(&mut FileFacts, &mut ServerFacts),
) {
    let found = only(change);
    assert_eq!((found.0, found.1), (name, level), "{}", found.2);
    assert!(found.2.contains(text), "{}", found.2);
}

#[test]
fn sound_facts_have_nothing_wrong() {
    assert_eq!(bad(|_, _| {}), []);
}

#[test]
fn a_library_with_the_wal_reset_bug_is_a_failure() {
    let facts =
        Facts { library: ("3.40.1".into(), 3_040_001), ..Facts::new(NOW, Some(file()), None) };
    let found: Vec<_> = examine(&facts)
        .into_iter()
        .filter(|outcome| outcome.finding.level == Level::Fail)
        .map(|outcome| outcome.name)
        .collect();
    assert_eq!(found, ["version"]);
}

#[test]
fn places_where_a_file_cannot_be_or_cannot_grow_are_found() {
    assert_only("file system", Level::Fail, "NFS", |file, _| {
        file.file_system = Some(FileSystem::from_magic(0x6969));
    });
    let room = |bytes_free, files_free| Some(Space { bytes_free, files_free });
    assert_only("free space", Level::Fail, "10.0 MiB", |file, _| file.space = room(10 << 20, None));
    assert_only("free space", Level::Warn, "a copy of the file", |file, _| {
        file.space = room(WAL_BYTES_MAX, None);
    });
    assert_only("free files", Level::Warn, "3 more files", |file, _| {
        file.space = room(1 << 40, Some(3));
    });
}

#[test]
fn files_of_others_and_wals_that_grew_are_found() {
    let entry = |change: fn(&mut Entry)| {
        move |file: &mut FileFacts, _: &mut ServerFacts| {
            change(file.entry.as_mut().expect("an entry"));
        }
    };
    assert_only("name", Level::Fail, "has 2 hard links", |file, _| {
        file.second_name = Some(SecondName::HardLinks(2));
    });
    assert_only("name", Level::Fail, "is a mount point", |file, _| {
        file.second_name = Some(SecondName::MountPoint);
    });
    assert_only("permissions", Level::Fail, "0400", entry(|entry| entry.mode = 0o400));
    assert_only("owner", Level::Warn, "user 0, and user 1000 asks", entry(|entry| entry.owner = 0));
    assert_only("clock", Level::Warn, "ahead of the clock", entry(|entry| entry.modified += 3_600));
    assert_only("WAL", Level::Warn, "70.0 MiB on disk, of at most 64.0 MiB", |file, _| {
        file.wal_bytes = Some(70 << 20);
    });
}

#[test]
fn what_is_wrong_inside_is_found() {
    assert_only("settings", Level::Fail, "foreign_keys is 0", |file, _| {
        file.read_back = Some(Ok(ReadBack {
            settings: 45,
            wrong: vec!["foreign_keys is 0 instead of 1".into()],
        }));
    });
    let contents = |change: fn(&mut Contents)| {
        move |file: &mut FileFacts, _: &mut ServerFacts| {
            change(
                file.contents
                    .as_mut()
                    .and_then(|contents| contents.as_mut().ok())
                    .expect("contents"),
            );
        }
    };
    assert_only(
        "integrity",
        Level::Fail,
        "damaged: row 3",
        contents(|contents| contents.faults = vec!["row 3 missing from index".into()]),
    );
    assert_only(
        "schema",
        Level::Warn,
        "version 0",
        contents(|contents| contents.schema_version = 0),
    );
    let moved = bad(contents(|contents| contents.schema_version = SCHEMA_VERSION | 0x4000_0000));
    let [moved] = &moved[..] else { panic!("one result: {moved:?}") };
    assert!(moved.finding.text.contains("was moved to another database"), "{moved:?}");
    assert!(moved.fix.as_deref().is_some_and(|fix| fix.contains("it was moved to")), "{moved:?}");
    assert_only(
        "clock",
        Level::Warn,
        "3600 s ahead",
        contents(|contents| {
            contents.newest_change = Timestamp::from_micros(NOW.as_micros() + 3_600_000_000);
        }),
    );
    assert_only("integrity", Level::Warn, "another program held", |file, _| {
        file.contents =
            Some(Err(DatabaseError::Held { path: "persona.db".into(), waited_ms: 2000 }));
    });
}

#[test]
fn programs_without_the_write_lock_are_named_and_ours_are_not() {
    let user = |name: &str, write_lock| User {
        process: Holder { pid: 7, name: name.into() },
        is_ours: name == "persona",
        write_lock,
        descriptors_max: Some(20_000),
    };
    assert_eq!(bad(|file, _| file.users = vec![user("persona", true), user("persona", false)]), []);
    assert_only("foreign", Level::Warn, "python3.11 (pid 7)", |file, _| {
        file.users = vec![user("python3.11", false)];
    });
    assert_only("locks", Level::Warn, "sqlite3 (pid 9) holds the writer lock", |file, _| {
        file.writer = Some(Holder { pid: 9, name: "sqlite3".into() });
    });
    let few = User { descriptors_max: Some(1024), ..user("persona", true) };
    assert_only("open files", Level::Warn, "1024 for each process", |file, _| {
        file.users = vec![few];
    });
}

#[test]
fn what_a_server_says_of_its_trouble_is_found() {
    assert_only("readiness", Level::Fail, "closing", |_, server| {
        server.not_ready = Some("it is closing".into());
    });
    assert_only("engine", Level::Fail, "3.51.2", |_, server| {
        server.status().engine_version = "3.51.2".into();
    });
    assert_only("workers", Level::Fail, "none serves", |_, server| {
        server.status().workers.clear();
    });
    assert_only("workers", Level::Warn, "the maintenance process is missing", |_, server| {
        server.status().maintenance = None;
    });
    assert_only("checkpoints", Level::Warn, "2 failed", |_, server| {
        server.checkpoints().failed = 2;
    });
    assert_only("WAL", Level::Warn, "worker 1 has a read of 90 s", |_, server| {
        server.status().wal_bytes = Some(WAL_BYTES_MAX + 1);
        server.status().workers[0].longest_read_micros = 90_000_000;
    });
    assert_only("checkpoints", Level::Warn, "the last complete one", |_, server| {
        server.status().wal_bytes = Some(32 << 20);
        server.checkpoints().last_age_ms = Some(120_000);
    });
}

#[test]
fn contention_of_the_last_hours_leads_to_advice_that_names_postgresql() {
    let window = |wait: u64, given_up: u64, retries: u64| WriteLockWindow {
        began: Time(NOW),
        waits: 900,
        write_lock_wait_p99_micros: wait,
        writes_given_up: given_up,
        lock_retries: retries,
    };
    let of = |windows: Vec<WriteLockWindow>| {
        move |_: &mut FileFacts, server: &mut ServerFacts| {
            server.status().contention.recent = Some(windows);
        }
    };
    assert_eq!(bad(of(vec![window(900, 0, 0); 24])), []);
    assert_only(
        "contention",
        Level::Warn,
        "1 busy",
        of(vec![window(900, 0, 0), window(60_000, 0, 0)]),
    );
    assert_only(
        "contention",
        Level::Warn,
        "more than this file can take",
        of(vec![window(60_000, 0, 0); 4]),
    );
    assert_only("contention", Level::Warn, "5 writes gave up", of(vec![window(900, 5, 0)]));
    assert_only("lock", Level::Warn, "8 attempts", of(vec![window(900, 0, 8)]));
    let advice = bad(of(vec![window(60_000, 0, 0); 4])).remove(0).fix.unwrap_or_default();
    assert!(advice.contains("--workers") && advice.contains("PostgreSQL"), "{advice}");
}

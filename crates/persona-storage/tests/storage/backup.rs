//! Backups and restores: a backup is complete or not there, and neither loses anything.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use crate::files::{Folder, bodies, check, create, go_on, maintenance, open, patch, settings};
use persona_storage::Store;
use persona_storage::sqlite::{DatabaseError, RestoreReport, Step, initialise};
use persona_test_support::wait_for;
use serde_json::json;

const PERSONAS: u8 = 12;

fn back_up(database: &Path, file: &Path) -> Result<(), DatabaseError> {
    persona_storage::sqlite::back_up(database, file, false, &mut go_on).map(drop)
}

fn restore(file: &Path, database: &Path) -> Result<RestoreReport, DatabaseError> {
    persona_storage::sqlite::restore(file, database, false, &mut go_on)
}

#[tokio::test]
async fn a_backup_is_one_private_file_and_can_be_served_as_it_is() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::filled(PERSONAS).await;
    let expected = bodies(&folder.database(), PERSONAS).await;
    let report = persona_storage::sqlite::back_up(
        &folder.database(),
        &folder.path("b.db"),
        false,
        &mut go_on,
    )
    .expect("a backup");
    let metadata = fs::metadata(folder.path("b.db")).expect("it exists");
    assert_eq!((metadata.len(), metadata.permissions().mode() & 0o777), (report.bytes, 0o600));
    assert_eq!(
        (report.content.personas + report.content.deleted, report.content.is_sound()),
        (u64::from(PERSONAS), true)
    );
    let opened = initialise(&settings(&folder.path("b.db"))).expect("converted");
    assert_eq!(opened.converted_from.as_deref(), Some("delete"));
    assert_eq!(bodies(&folder.path("b.db"), PERSONAS).await, expected);
}

#[tokio::test]
async fn a_backup_holds_what_is_only_in_the_wal_of_a_killed_server() {
    let (folder, crashed) = (Folder::new(), Folder::new());
    initialise(&settings(&folder.database())).expect("a new file");
    let store = open(&folder.database());
    for number in 1..=PERSONAS {
        create(&store, number).await;
    }
    for name in ["persona.db", "persona.db-wal"] {
        fs::copy(folder.path(name), crashed.path(name)).expect("copied");
    }
    let expected = bodies(&folder.database(), PERSONAS).await;
    back_up(&crashed.database(), &crashed.path("b.db")).expect("a backup");
    restore(&crashed.path("b.db"), &crashed.path("new.db")).expect("restored");
    assert_eq!(bodies(&crashed.path("new.db"), PERSONAS).await, expected);
}

#[tokio::test]
async fn a_backup_that_exists_stays_unless_it_is_to_be_replaced_and_own_files_always_stay() {
    let folder = Folder::filled(2).await;
    fs::write(folder.path("b.db"), "precious").expect("written");
    assert!(matches!(
        back_up(&folder.database(), &folder.path("b.db")),
        Err(DatabaseError::Exists { .. })
    ));
    assert_eq!(fs::read(folder.path("b.db")).expect("readable"), b"precious");
    persona_storage::sqlite::back_up(&folder.database(), &folder.path("b.db"), true, &mut go_on)
        .expect("replaced");
    assert!(check(&folder.path("b.db")).expect("readable").is_sound());
    std::os::unix::fs::symlink(folder.database(), folder.path("other-name.db")).expect("a link");
    let before = fs::read(folder.database()).expect("readable");
    for name in
        ["persona.db", "persona.db-wal", "persona.db-shm", "persona.db-gate", "other-name.db"]
    {
        let refused = persona_storage::sqlite::back_up(
            &folder.database(),
            &folder.path(name),
            true,
            &mut go_on,
        );
        assert!(matches!(refused, Err(DatabaseError::OwnFile { .. })), "{name}: {refused:?}");
        let refused = persona_storage::sqlite::restore(
            &folder.path(name),
            &folder.database(),
            false,
            &mut go_on,
        );
        assert!(matches!(refused, Err(DatabaseError::OwnFile { .. })), "{name}: {refused:?}");
    }
    assert_eq!(fs::read(folder.database()).expect("readable"), before);
}

#[tokio::test]
async fn a_damaged_database_is_not_backed_up_and_the_last_good_backup_stays() {
    let folder = Folder::filled(PERSONAS).await;
    back_up(&folder.database(), &folder.path("b.db")).expect("a backup");
    let good = fs::read(folder.path("b.db")).expect("readable");
    folder.change(
        "UPDATE personas SET document = replace(document, 'name 3', 'name 4') WHERE row_id = 3",
    );
    let refused = persona_storage::sqlite::back_up(
        &folder.database(),
        &folder.path("b.db"),
        true,
        &mut go_on,
    )
    .expect_err("damaged");
    assert!(
        matches!(&refused, DatabaseError::Damaged { report, .. } if report.contains("000000000003")),
        "{refused}"
    );
    assert_eq!(fs::read(folder.path("b.db")).expect("readable"), good);
    assert!(!folder.names().iter().any(|name| name.contains("unfinished")), "{:?}", folder.names());
}

#[tokio::test]
async fn an_interrupted_backup_leaves_nothing_and_what_a_killed_one_left_is_used_again() {
    let folder = Folder::filled(PERSONAS).await;
    for step in [Step::Copying, Step::Structure, Step::Personas] {
        let ended = persona_storage::sqlite::back_up(
            &folder.database(),
            &folder.path("b.db"),
            false,
            &mut |progress| {
                if progress.step == step {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            },
        );
        assert!(matches!(ended, Err(DatabaseError::Interrupted { .. })), "{step:?}: {ended:?}");
        assert!(
            !folder.names().iter().any(|name| name.starts_with("b.db")),
            "{step:?}: {:?}",
            folder.names()
        );
    }
    fs::write(folder.path("b.db.unfinished"), vec![7; 100_000]).expect("written");
    fs::write(folder.path("b.db.unfinished-wal"), vec![7; 10_000]).expect("written");
    back_up(&folder.database(), &folder.path("b.db")).expect("a backup");
    assert!(check(&folder.path("b.db")).expect("readable").is_sound());
}

/// Tells whether an error is the expected one.
type Wanted = fn(&DatabaseError) -> bool;

#[tokio::test]
async fn what_cannot_be_restored_is_refused_and_neither_file_is_changed() {
    let folder = Folder::filled(PERSONAS).await;
    back_up(&folder.database(), &folder.path("good.db")).expect("a backup");
    let good = fs::read(folder.path("good.db")).expect("readable");
    let with = |at: usize, bytes: &[u8]| {
        let mut changed = good.clone();
        changed[at..at + bytes.len()].copy_from_slice(bytes);
        changed
    };
    let damaged_row = {
        let at = good.windows(6).rposition(|window| window == b"name 7").expect("a name");
        with(at, b"name 8")
    };
    let (half, encrypted): (Vec<u8>, Vec<u8>) =
        (good[..good.len() / 2].into(), good.iter().map(|byte| byte ^ 0x5a).collect());
    let cases: [(&str, Vec<u8>, Wanted); 7] = [
        ("empty", Vec::new(), |error| matches!(error, DatabaseError::NotADatabase { .. })),
        ("text", b"hello".to_vec(), |error| matches!(error, DatabaseError::NotADatabase { .. })),
        ("encrypted", encrypted, |error| matches!(error, DatabaseError::NotADatabase { .. })),
        ("truncated", half, |error| matches!(error, DatabaseError::Damaged { .. })),
        ("damaged", damaged_row, |error| matches!(error, DatabaseError::Damaged { .. })),
        ("of another application", with(68, &[0, 0, 0, 9]), |error| {
            matches!(error, DatabaseError::ForeignApplication { .. })
        }),
        ("newer", with(60, &[0, 0, 0, 99]), |error| {
            matches!(error, DatabaseError::NewerSchema { found: 99, .. })
        }),
    ];
    let before = fs::read(folder.database()).expect("readable");
    for (what, bytes, wanted) in cases {
        let file = folder.path(&format!("{what}.db"));
        fs::write(&file, &bytes).expect("written");
        let refused = restore(&file, &folder.database()).expect_err(what);
        assert!(wanted(&refused) && refused.hint().is_some(), "{what}: {refused:?}");
        assert!(fs::read(&file).expect("readable") == bytes, "{what}: the backup was changed");
        assert!(
            fs::read(folder.database()).expect("readable") == before,
            "{what}: the database was changed"
        );
        assert!(
            !folder.names().iter().any(|name| name.contains("-restore")),
            "{what}: {:?}",
            folder.names()
        );
    }
    assert!(matches!(
        restore(&folder.path("none.db"), &folder.database()),
        Err(DatabaseError::Missing { .. })
    ));
    let before = folder.names();
    for file in ["none.db", "text.db", "newer.db"] {
        restore(&folder.path(file), &folder.path("new.db")).expect_err(file);
        assert_eq!(folder.names(), before, "{file}: a refused restore left something");
    }
}

#[tokio::test]
async fn a_restore_is_refused_while_another_process_has_the_database_open() {
    let folder = Folder::filled(PERSONAS).await;
    back_up(&folder.database(), &folder.path("b.db")).expect("a backup");
    let mut holder = std::process::Command::new(std::env::current_exe().expect("this program"))
        .args(["--ignored", "--exact", "backup::holds_the_database_open_until_its_input_ends"])
        .env("HELD_DATABASE", folder.database())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("a process");
    wait_for("the other process to open the file", Duration::from_mins(1), || {
        folder.path("open").exists().then_some(())
    });
    let refused = restore(&folder.path("b.db"), &folder.database()).expect_err("in use");
    assert!(
        matches!(refused, DatabaseError::InUse { pid: Some(pid), .. } if pid == holder.id()),
        "{refused:?}"
    );
    assert!(refused.is_temporary());
    drop(holder.stdin.take());
    holder.wait().expect("it ends");
    restore(&folder.path("b.db"), &folder.database()).expect("restored");
}

#[test]
#[ignore = "the other process of a_restore_is_refused_while_another_process_has_the_database_open, and nothing without it"]
fn holds_the_database_open_until_its_input_ends() {
    #[expect(
        clippy::disallowed_methods,
        reason = "the way in which one test process tells the other where the file is"
    )]
    let Some(path) = std::env::var_os("HELD_DATABASE") else { return };
    let store = open(Path::new(&path));
    fs::write(Path::new(&path).with_file_name("open"), "").expect("written");
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).expect("it ends");
    drop(store);
}

#[tokio::test]
async fn a_restored_database_is_in_wal_mode_and_the_old_one_is_kept_whole_with_its_wal() {
    let (folder, running) = (Folder::filled(PERSONAS).await, Folder::new());
    let at_backup = bodies(&folder.database(), PERSONAS).await;
    back_up(&folder.database(), &folder.path("b.db")).expect("a backup");
    // A server writes and is killed: its last writes are in the WAL only.
    {
        fs::copy(folder.database(), running.database()).expect("copied");
        let store = open(&running.database());
        patch(&store, 1, &json!({ "description": "after the backup" })).await;
        for name in ["persona.db", "persona.db-wal"] {
            fs::copy(running.path(name), folder.path(name)).expect("copied");
        }
    }
    let at_restore = bodies(&running.database(), PERSONAS).await;
    assert_ne!(at_backup, at_restore);
    let report = restore(&folder.path("b.db"), &folder.database()).expect("restored");
    let opened = initialise(&settings(&folder.database())).expect("a file of ours");
    assert_eq!((opened.journal_mode.as_str(), opened.converted_from), ("wal", None));
    assert_eq!(bodies(&folder.database(), PERSONAS).await, at_backup);
    let kept = report.kept.expect("the old one");
    assert!(kept.to_string_lossy().contains("persona.db-replaced-2"), "{}", kept.display());
    assert_eq!(bodies(&kept, PERSONAS).await, at_restore);
}

#[tokio::test]
async fn a_database_that_cannot_even_be_opened_is_replaced_and_kept() {
    let folder = Folder::filled(PERSONAS).await;
    let expected = bodies(&folder.database(), PERSONAS).await;
    back_up(&folder.database(), &folder.path("b.db")).expect("a backup");
    fs::write(folder.database(), "garbage").expect("written");
    fs::write(folder.path("persona.db-wal"), "more garbage").expect("written");
    let kept = restore(&folder.path("b.db"), &folder.database())
        .expect("restored")
        .kept
        .expect("the old one");
    assert_eq!(fs::read(&kept).expect("readable"), b"garbage");
    assert_eq!(fs::read(format!("{}-wal", kept.display())).expect("readable"), b"more garbage");
    assert_eq!(bodies(&folder.database(), PERSONAS).await, expected);
}

#[tokio::test]
async fn a_restore_that_was_killed_is_not_begun_or_is_finished_by_the_next_start() {
    let (old, new) = (Folder::filled(PERSONAS).await, Folder::filled(3).await);
    let states = [bodies(&old.database(), PERSONAS).await, bodies(&new.database(), PERSONAS).await];
    back_up(&new.database(), &new.path("b.db")).expect("a backup");
    let ready = new.path("ready.db");
    restore(&new.path("b.db"), &ready).expect("restored");
    // For each step of a restore: the files that lie there, and how many personas must be found.
    let steps: [(&[(&str, &str)], usize); 5] = [
        (
            &[
                ("db", "persona.db"),
                ("wal", "persona.db-wal"),
                ("half", "persona.db-restore.unfinished"),
            ],
            0,
        ),
        (&[("db", "persona.db"), ("wal", "persona.db-wal"), ("ready", "persona.db-restore")], 1),
        (&[("db", "persona.db"), ("wal", "K-wal"), ("ready", "persona.db-restore")], 1),
        (&[("db", "K"), ("wal", "K-wal"), ("ready", "persona.db-restore")], 1),
        (&[("db", "K"), ("wal", "K-wal"), ("ready", "persona.db")], 1),
    ];
    for (step, (names, state)) in steps.into_iter().enumerate() {
        let folder = Folder::new();
        fs::copy(old.database(), folder.path("db")).expect("copied");
        fs::write(folder.path("wal"), "").expect("written");
        fs::copy(&ready, folder.path("ready")).expect("copied");
        fs::write(folder.path("half"), "half of it").expect("written");
        let stamp = persona_model::Timestamp::from_micros(
            i64::try_from(modified(&folder.path("db")).as_micros()).expect("a time"),
        );
        let digits: String =
            stamp.to_string().chars().take(19).filter(|char| !"-:".contains(*char)).collect();
        for (from, to) in names {
            let to = to.replace('K', &format!("persona.db-replaced-{digits}Z"));
            fs::rename(folder.path(from), folder.path(&to)).expect("renamed");
        }
        initialise(&settings(&folder.database())).expect("a file of ours");
        assert_eq!(bodies(&folder.database(), PERSONAS).await, states[state], "step {step}");
        if state == 1 {
            let kept = folder.path(&format!("persona.db-replaced-{digits}Z"));
            assert_eq!(
                bodies(&kept, PERSONAS).await,
                states[0],
                "step {step}: {:?}",
                folder.names()
            );
        }
        assert!(!folder.path("persona.db-restore").exists(), "step {step}");
    }
}

fn modified(path: &Path) -> Duration {
    fs::metadata(path)
        .and_then(|metadata| metadata.modified())
        .expect("a time")
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after the epoch")
}

#[tokio::test]
async fn a_lost_file_is_noticed_by_the_maintenance_process_which_rescues_everything_acknowledged() {
    for name in ["persona.db", "persona.db-wal", "persona.db-shm"] {
        let folder = Folder::filled(PERSONAS).await;
        let (mut maintenance, store) = (maintenance(&folder.database()), open(&folder.database()));
        create(&store, PERSONAS + 1).await;
        assert_eq!(maintenance.replaced_file(), None);
        let mut expected = Vec::new();
        for number in 1..=PERSONAS + 1 {
            let answer =
                store.get(persona_storage::conformance::id(number)).await.expect("readable");
            expected.push(answer.map(|answer| answer.body.to_vec()));
        }
        if name == "persona.db" {
            fs::copy(folder.database(), folder.path("other.db")).expect("copied");
            fs::rename(folder.path("other.db"), folder.database()).expect("replaced");
        } else {
            fs::remove_file(folder.path(name)).expect("removed");
        }
        let lost = maintenance.replaced_file().expect("noticed");
        assert_eq!(lost.file, folder.path(name));
        drop((store, maintenance));
        let rescued = lost.rescued.expect("a copy");
        initialise(&settings(&rescued)).expect("a file of ours");
        assert_eq!(bodies(&rescued, PERSONAS + 1).await, expected, "{name}");
    }
}

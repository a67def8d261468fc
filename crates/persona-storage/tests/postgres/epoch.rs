//! A database has an epoch: one life, from which no place in the feed is ever taken back. Whatever
//! goes back, or goes on beside another one, has an epoch of its own.

use std::collections::BTreeSet;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use crate::files::{self, Folder, bodies, check, go_on, maintenance, open, settings};
use crate::transfers::{self, go, name_of, plan};
use persona_storage::postgres;
use persona_storage::sqlite::{back_up, initialise, restore};
use persona_storage::transfer::{Plan, TransferError, transfer};
use persona_storage::{Store, sqlite};
use persona_test_support::Cluster;
use rusqlite::Connection;
use serde_json::json;

const OF_EPOCH: &str = "SELECT value FROM meta WHERE key = 'epoch'";

fn epoch(path: &Path) -> String {
    let epoch: String = Connection::open(path)
        .and_then(|file| file.query_row(OF_EPOCH, [], |row| row.get(0)))
        .expect("an epoch");
    assert!(epoch.len() == 32 && epoch.bytes().all(|byte| byte.is_ascii_hexdigit()), "{epoch}");
    epoch
}

fn all_differ<const N: usize>(epochs: &[String; N]) {
    assert_eq!(epochs.iter().collect::<BTreeSet<_>>().len(), N, "{epochs:?}");
}

#[tokio::test]
async fn every_copy_has_an_epoch_of_its_own_and_a_database_keeps_its_own_until_it_goes_back() {
    let folder = Folder::filled(3).await;
    let (database, backup) = (folder.database(), folder.path("b.db"));
    let first = epoch(&database);
    initialise(&settings(&database)).expect("ready");
    back_up(&database, &backup, false, &mut go_on).expect("a backup");
    assert_eq!(epoch(&database), first, "a start and a backup are no other life");
    let of_backup = epoch(&backup);
    let restored = |path: &Path| {
        restore(&backup, path, false, &mut go_on).expect("restored");
        epoch(path)
    };
    let (once, twice, other) =
        (restored(&database), restored(&database), restored(&folder.path("other.db")));
    assert_eq!(epoch(&backup), of_backup, "a backup is read only");
    // The file is put back by hand: the program does not know of that before the next start.
    let by_hand = |name: &str| {
        fs::copy(&backup, folder.path(name)).expect("copied");
        assert!(
            initialise(&settings(&folder.path(name))).expect("ready").converted_from.is_some(),
            "a backup is in a rollback mode"
        );
        epoch(&folder.path(name))
    };
    all_differ(&[first, of_backup, once, twice, other, by_hand("c.db"), by_hand("d.db")]);
    assert!(check(&database).expect("readable").is_sound());
    assert_eq!(bodies(&database, 3).await, bodies(&folder.path("c.db"), 3).await);
}

#[tokio::test]
async fn a_file_of_version_4_gets_an_epoch_when_it_is_migrated_and_a_check_finds_one_that_is_wrong()
{
    let folder = Folder::filled(3).await;
    let file = Connection::open(folder.database()).expect("it opens");
    file.execute_batch(files::TO_VERSION_4).expect("as version 4 left it");
    drop(file);
    assert!(check(&folder.database()).expect("version 4 can be checked").is_sound());
    back_up(&folder.database(), &folder.path("b.db"), false, &mut go_on)
        .expect("version 4 can be backed up");
    assert_eq!(initialise(&settings(&folder.database())).expect("migrated").migrated_from, Some(4));
    drop(maintenance(&folder.database()));
    restore(&folder.path("b.db"), &folder.path("r.db"), false, &mut go_on).expect("restored");
    initialise(&settings(&folder.path("r.db"))).expect("migrated");
    all_differ(&[epoch(&folder.database()), epoch(&folder.path("r.db"))]);
    for (sql, words) in [
        ("UPDATE meta SET value = 'x'", "32 hexadecimal digits"),
        ("DELETE FROM meta", "epoch is missing"),
    ] {
        folder.change(sql);
        let report = check(&folder.database()).expect("readable");
        assert!(report.first_problem().contains(words), "{report:?}");
    }
}

fn initialise_server(url: &str) -> postgres::InitReport {
    postgres::initialise(&postgres::Settings::parse(url).expect("a URL")).expect("ready")
}

#[test]
fn a_database_on_a_server_gets_an_epoch_when_it_is_migrated_and_another_when_it_comes_from_another_cluster()
 {
    let cluster = Cluster::shared();
    let database = cluster.database();
    let url = cluster.url(&database);
    initialise_server(&url);
    cluster.sql(
        &database,
        "DROP TABLE persona_store.meta, persona_store.persona_titles, persona_store.persona_texts, persona_store.tokens, persona_store.labels, persona_store.label_moves, persona_store.former_handles, persona_store.purged;
         ALTER TABLE persona_store.changes DROP COLUMN label;
         ALTER TABLE persona_store.idempotency DROP COLUMN moves;
         ALTER TABLE persona_store.personas DROP COLUMN owner, DROP COLUMN autosaved_since;
         CREATE UNIQUE INDEX personas_by_handle ON persona_store.personas (handle);
         UPDATE persona_store.about SET schema_version = 1",
    );
    assert_eq!(initialise_server(&url).migrated_from, Some(1));
    let epoch =
        || cluster.sql(&database, "SELECT value FROM persona_store.meta WHERE key = 'epoch'");
    let first = epoch();
    assert!(first.len() == 32 && first.bytes().all(|byte| byte.is_ascii_hexdigit()), "{first}");
    initialise_server(&url);
    assert_eq!(epoch(), first, "a start is no other life");
    let high = "INSERT INTO persona_store.changes VALUES (1000000000000000, gen_random_uuid(), 1, 'created', 0)";
    cluster.sql(&database, high);
    assert!(initialise_server(&url).feed_advanced);
    assert_ne!(epoch(), first);
}

/// After the restore the place in the feed has the same number, and means something else.
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_move_is_not_continued_from_a_source_that_was_restored_meanwhile() {
    let (folder, cluster) = (Folder::new(), Cluster::shared());
    transfers::fill(&folder.database()).await;
    back_up(&folder.database(), &folder.path("b.db"), false, &mut go_on).expect("a backup");
    let add = |name: &'static str| {
        let store = open(&folder.database());
        async move {
            for number in 1..=3 {
                files::patch(&store, number, &json!({ "nickname": name })).await;
            }
            store.close().await;
        }
    };
    add("of the life that was moved").await;
    let there = plan(&name_of(&folder.database()), &cluster.url(&cluster.database()));
    let interrupted = std::thread::spawn({
        let there = there.clone();
        move || {
            transfer(&there, &mut |progress| match progress.step {
                sqlite::Step::Comparing => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            })
        }
    });
    let interrupted =
        interrupted.join().expect("no panic").expect_err("interrupted when all was copied");
    assert!(matches!(interrupted, TransferError::Interrupted { .. }), "{interrupted}");
    restore(&folder.path("b.db"), &folder.database(), false, &mut go_on).expect("restored");
    add("of the life after it").await;
    let refused = go(&there).expect_err("refused");
    assert!(matches!(refused, TransferError::OtherSource { .. }), "{refused}");
    go(&Plan { start_over: true, ..there.clone() }).expect("moved");
}

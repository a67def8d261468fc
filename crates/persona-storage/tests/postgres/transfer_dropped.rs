//! Moves of histories of which revisions were dropped, by autosaves and because they were old: in
//! both directions, with the servers stopped and beside them.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use persona_model::{Patch, Precondition, Revision};
use persona_storage::conformance::{TestClock, document, id, label_move, soon, write};
use persona_storage::postgres::{self, PostgresStore};
use persona_storage::sqlite::{self, Progress, SqliteStore, Step};
use persona_storage::transfer::{Plan, TransferError, TransferReport, transfer};
use persona_storage::{
    HistoryLimits, LabelMoves, LabelTarget, NoObserver, Operation, Squash, Store, Write,
};
use persona_test_support::Cluster;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::dice::Dice;
use crate::files::{self, Folder, check};
use crate::old_histories::DAY;
use crate::transfers::{go, name_of, plan};

/// Personas of the random histories.
const PERSONAS: u8 = 8;
/// Steps of the random histories.
const STEPS: u32 = 240;
/// Steps that are made at once beside a move.
const STEPS_BESIDE: u32 = 40;
/// A persona of which five changes have more bytes than a move copies at once.
const LARGE: u8 = 100;
const LARGE_BYTES: usize = 900_000;
/// Kinds of revisions that are not there in what they should be, in a database on a server.
const UNSOUND: &str = "
    SELECT count(*) FROM persona_store.revisions AS r
    JOIN persona_store.personas AS p ON p.id = r.persona
    WHERE (r.head = '' AND r.revision IN (1, p.revision))
       OR (r.head <> '' AND r.parent IS DISTINCT FROM (
               SELECT max(revision) FROM persona_store.revisions AS before
               WHERE before.persona = r.persona AND before.revision < r.revision AND before.head <> ''))
       OR p.revision <> (SELECT max(revision) FROM persona_store.revisions AS last WHERE last.persona = p.id)";

fn patch(number: u8, members: Value) -> Write {
    let patch = Patch::merge(members).expect("a merge patch");
    let (id, precondition) = (id(number), Precondition::Any);
    write(Operation::Patch { id, precondition, patch, base: None })
}

fn create(number: u8, members: Value) -> Write {
    write(Operation::Create { id: id(number), document: document(members) })
}

fn autosave(number: u8, name: &str) -> Write {
    let mut write = patch(number, json!({ "name": name }));
    write.author = Some("Ada".into());
    write.squash = Squash::of_seconds(86_400);
    write
}

/// Changes that end what a move copies at once.
async fn end_batch(store: &dyn Store) {
    for letter in ["x", "y", "x", "y", "x"] {
        let large = json!({ "extensions": { "large": letter.repeat(LARGE_BYTES) } });
        store.write(patch(LARGE, large)).await.expect("patched");
    }
}

/// A database that is moved, and a store on it.
struct Database {
    place: Place,
    store: Arc<dyn Store>,
    clock: Arc<TestClock>,
}

#[derive(Clone)]
enum Place {
    File(PathBuf),
    /// The name of the database.
    Server(String),
}

impl Place {
    fn new(is_file: bool, folder: &Folder, name: &str) -> Self {
        if is_file {
            Self::File(folder.path(name))
        } else {
            Self::Server(Cluster::shared().database())
        }
    }

    fn name(&self) -> String {
        match self {
            Self::File(path) => name_of(path),
            Self::Server(name) => Cluster::shared().url(name),
        }
    }

    fn open(&self, clock: Arc<TestClock>) -> Arc<dyn Store> {
        match self {
            Self::File(path) => {
                let store = SqliteStore::open(files::settings(path), clock, Arc::new(NoObserver));
                Arc::new(store.expect("it opens"))
            }
            Self::Server(_) => {
                let settings = postgres::Settings::parse(&self.name()).expect("a URL");
                let store = PostgresStore::open(settings, clock, Arc::new(NoObserver));
                Arc::new(store.expect("it opens"))
            }
        }
    }

    /// Whether every revision is in what it should be.
    fn assert_sound(&self) {
        match self {
            Self::File(path) => {
                let report = check(path).expect("a file");
                assert!(report.is_sound() && report.dropped_revisions > 0, "{report:?}");
            }
            Self::Server(name) => assert_eq!(Cluster::shared().sql(name, UNSOUND), "0"),
        }
    }
}

impl Database {
    fn new(is_file: bool, folder: &Folder) -> Self {
        let (place, clock) =
            (Place::new(is_file, folder, "source.db"), Arc::new(TestClock::default()));
        match &place {
            Place::File(path) => {
                sqlite::initialise(&files::settings(path)).expect("a new file");
            }
            Place::Server(_) => {
                let settings = postgres::Settings::parse(&place.name()).expect("a URL");
                postgres::initialise(&settings).expect("an empty database");
            }
        }
        let store = place.open(clock.clone());
        Self { place, store, clock }
    }

    /// Drops old revisions; tells how many.
    fn prune(&self) -> u64 {
        let (limits, clock) =
            (HistoryLimits { keep_for: None, keep_newest: Some(3) }, self.clock.clone());
        let pruned = match &self.place {
            Place::File(path) => {
                let settings = files::settings(path);
                let maintenance = sqlite::Maintenance::open(&settings, clock, Arc::new(NoObserver));
                let mut maintenance = maintenance.expect("it opens");
                let pruned = maintenance.prune_now(limits, false);
                maintenance.close().expect("closed");
                pruned
            }
            Place::Server(_) => {
                let settings = postgres::Settings::parse(&self.place.name()).expect("a URL");
                let maintenance = postgres::Maintenance::open(&settings, clock);
                maintenance.expect("it opens").prune_now(limits, false)
            }
        };
        pruned.expect("dropped").revisions
    }

    /// Some random changes. Those that are refused change nothing.
    async fn change(&self, dice: &mut Dice, steps: u32) {
        for _ in 0..steps {
            self.clock.advance_micros(if dice.one_in(10) { DAY / 2 } else { 60_000_000 });
            let number = 1 + u8::try_from(dice.below(u64::from(PERSONAS))).expect("small");
            let (id, precondition) = (id(number), Precondition::Any);
            let word = dice.below(4).to_string();
            let request = match dice.below(16) {
                0 => write(Operation::Delete { id, precondition }),
                1 => write(Operation::Undelete { id, precondition }),
                2 => patch(number, json!({ "handle": format!("h{word}") })),
                3 => patch(number, json!({ "handle": null })),
                4..7 => patch(number, json!({ "name": format!("saved {word}") })),
                7 => create(number, json!({ "name": word })),
                8 => {
                    let moves = label_move(number, "live", LabelTarget::Latest);
                    let _ = self.store.move_labels(LabelMoves::one(moves, soon())).await;
                    continue;
                }
                _ => autosave(number, &word),
            };
            let _ = self.store.write(request).await;
        }
    }
}

/// Everything that can be read, each with what it is of.
async fn whole(store: &dyn Store) -> Vec<(String, String)> {
    let mut whole = Vec::new();
    for number in 1..=PERSONAS {
        let found = store.get(id(number)).await.expect("readable");
        let last = found.as_ref().map_or(0, |answer| answer.revision.number());
        whole.push((format!("{number}"), format!("{found:?}")));
        let labels = store.labels(id(number)).await.expect("readable");
        whole.push((format!("labels of {number}"), format!("{labels:?}")));
        for revision in (1..=last).filter_map(Revision::new) {
            let record = store.revision(id(number), revision).await;
            whole.push((format!("{number} at {revision}"), format!("{record:?}")));
        }
    }
    for line in store.changes_after(0, 100_000).await.expect("readable") {
        whole.push((format!("line {}", line.sequence), format!("{line:?}")));
    }
    whole
}

/// What was dropped beside the copy can be in the target still.
fn assert_arrived(source: &[(String, String)], target: &[(String, String)], is_exact: bool) {
    assert_eq!(source.len(), target.len());
    for (sent, found) in source.iter().zip(target) {
        if is_exact || !sent.1.contains("RevisionDropped") {
            assert_eq!(sent, found);
        }
    }
}

/// Moves, and changes the source before some of the first steps of copying and comparing. The first
/// comparison is the last one that is certainly not behind the fence, where a change would wait for
/// this move.
async fn move_beside_changes(
    plan: Plan,
    source: Arc<Database>,
    mut dice: Dice,
) -> Result<TransferReport, TransferError> {
    let runtime = Handle::current();
    let moved = tokio::task::spawn_blocking(move || {
        let mut left = vec![Step::Comparing, Step::Transferring, Step::Transferring];
        let moved = transfer(&plan, &mut |progress: Progress| {
            if left.pop_if(|step| *step == progress.step).is_some() {
                runtime.block_on(source.change(&mut dice, STEPS_BESIDE));
                source.clock.advance_micros(3 * DAY);
                source.prune();
            }
            ControlFlow::Continue(())
        });
        assert_eq!(left, []);
        moved
    });
    moved.await.expect("no panic")
}

/// A database with a random history of which old revisions were dropped twice.
async fn random(is_file: bool, folder: &Folder, dice: &mut Dice) -> Database {
    let source = Database::new(is_file, folder);
    source.store.write(create(LARGE, json!({ "name": "large" }))).await.expect("created");
    let mut dropped = 0;
    for _ in 0..2 {
        source.change(dice, STEPS / 4).await;
        end_batch(&*source.store).await;
        source.change(dice, STEPS / 4).await;
        source.clock.advance_micros(3 * DAY);
        dropped += source.prune();
    }
    assert!(dropped > 0, "nothing was old");
    source
}

#[tokio::test(flavor = "multi_thread")]
async fn histories_with_dropped_revisions_arrive_whichever_way_they_are_moved() {
    for (is_file, seed) in [(true, 1), (false, 2)] {
        let (folder, mut dice) = (Folder::new(), Dice(seed));
        let source = random(is_file, &folder, &mut dice).await;
        let sent = whole(&*source.store).await;
        source.store.close().await;
        let target = Place::new(!is_file, &folder, "target.db");
        let moved = go(&plan(&source.place.name(), &target.name()));
        moved.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        let store = target.open(source.clock);
        assert_arrived(&sent, &whole(&*store).await, true);
        store.close().await;
        drop(store);
        target.assert_sound();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn histories_with_dropped_revisions_arrive_beside_further_changes() {
    for (is_file, seed) in [(true, 5), (false, 6)] {
        let (folder, mut dice) = (Folder::new(), Dice(seed));
        let source = Arc::new(random(is_file, &folder, &mut dice).await);
        let target = Place::new(!is_file, &folder, "target.db");
        let live = Plan { live: true, ..plan(&source.place.name(), &target.name()) };
        let moved = move_beside_changes(live, Arc::clone(&source), dice).await;
        moved.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        let sent = whole(&*source.store).await;
        source.store.close().await;
        let store = target.open(source.clock.clone());
        assert_arrived(&sent, &whole(&*store).await, false);
        store.close().await;
        drop(store);
        target.assert_sound();
    }
}

/// Moves, and ends at the third step: some of the history was copied then.
async fn move_interrupted(plan: Plan) {
    let moved = tokio::task::spawn_blocking(move || {
        let mut steps = 0;
        transfer(&plan, &mut |_| {
            steps += 1;
            if steps < 3 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })
    });
    let interrupted = moved.await.expect("no panic").expect_err("it is not done");
    assert!(matches!(interrupted, TransferError::Interrupted { .. }), "{interrupted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_dropped_between_two_attempts_of_a_move_ends_none() {
    for (is_file, live, seed) in
        [(true, false, 9), (false, false, 10), (true, true, 11), (false, true, 12)]
    {
        let (folder, mut dice) = (Folder::new(), Dice(seed));
        let mut source = random(is_file, &folder, &mut dice).await;
        source.store.close().await;
        let target = Place::new(!is_file, &folder, "target.db");
        let plan = Plan { live, ..plan(&source.place.name(), &target.name()) };
        move_interrupted(plan.clone()).await;
        source.store = source.place.open(source.clock.clone());
        source.change(&mut dice, STEPS_BESIDE).await;
        source.clock.advance_micros(3 * DAY);
        source.prune();
        let sent = whole(&*source.store).await;
        source.store.close().await;
        let report = go(&plan).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert!(report.resumed_at > 0, "seed {seed}");
        let store = target.open(source.clock);
        assert_arrived(&sent, &whole(&*store).await, false);
        store.close().await;
        drop(store);
        target.assert_sound();
    }
}

/// A file with these changes; `None` ends what a move copies at once.
async fn file_of(path: &Path, changes: Vec<Option<Write>>) {
    sqlite::initialise(&files::settings(path)).expect("a new file");
    let store = files::open(path);
    store.write(create(LARGE, json!({ "name": "large" }))).await.expect("created");
    for change in changes {
        match change {
            Some(change) => drop(store.write(change).await.expect("written")),
            None => end_batch(&store).await,
        }
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persona_of_which_the_last_revision_in_a_batch_was_dropped_arrives() {
    let created = [Some(create(1, json!({ "name": "A" }))), Some(autosave(1, "B")), None];
    let renamed = [
        Some(create(1, json!({ "name": "A", "handle": "ada" }))),
        None,
        Some(patch(1, json!({ "handle": null }))),
        Some(autosave(1, "B")),
        Some(create(2, json!({ "name": "C", "handle": "ada" }))),
        None,
    ];
    for changes in [created.to_vec(), renamed.to_vec()] {
        let folder = Folder::new();
        let mut changes = changes;
        changes.push(Some(autosave(1, "C")));
        file_of(&folder.database(), changes).await;
        let target = Place::new(false, &folder, "");
        go(&plan(&name_of(&folder.database()), &target.name())).expect("moved");
        let (file, clock) = (files::open(&folder.database()), Arc::new(TestClock::default()));
        let server = target.open(clock);
        assert_arrived(&whole(&file).await, &whole(&*server).await, true);
        file.close().await;
        server.close().await;
        target.assert_sound();
    }
}

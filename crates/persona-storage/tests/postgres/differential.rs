//! Long random sequences of every operation on SQLite and PostgreSQL at once: both answer the same,
//! byte for byte.
//!
//! Both stores have the same clock and the same identities. Only the numbers of the feed differ: on
//! PostgreSQL they are those of transactions, with gaps. A failure names its seed and step;
//! `PERSONA_DIFFERENTIAL="seed operations"` repeats a run, with more operations or with fewer.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use persona_model::{Change, Cursor, Document, ListRequest};
use persona_storage::conformance::{TestClock, with_real_tags};
use persona_storage::postgres::{self, PostgresStore};
use persona_storage::sqlite::{self, SqliteStore};
use persona_storage::{Error, Exported, LabelMoves, NoObserver, Page, Store};
use persona_test_support::Cluster;
use tokio::runtime::Runtime;

use crate::dice::Dice;

/// A run of several parts. Each part has its own seed, its own pair of stores and this many
/// operations: few enough that histories stay short, and that handles, keys and revisions meet
/// often.
struct Run {
    first_seed: u64,
    parts: u64,
    operations_of_a_part: u64,
}

/// The run of every test. A run of four times as many operations meets 135 pairs of an operation
/// and a kind of answer, and 146 triples of two filters of a list and a kind of answer; this run
/// meets 128 of the pairs, and all of the triples.
const SHORT: Run = Run { first_seed: 1, parts: 8, operations_of_a_part: 3_125 };
const LONG: Run = Run { first_seed: 101, parts: 16, operations_of_a_part: 12_500 };
/// Operations after which the WAL is checkpointed: a tenth of what makes reads wait.
const STEPS_BETWEEN_COPIES: u64 = 500;
/// A part of the reads that a purge is made in place of: about two dozen of them in a part of a
/// run, because an identity that was purged is never used again.
const PURGE_ONE_IN: u64 = 5;

/// Compares two answers. Errors have no equality; their words and members are all that clients see
/// of them.
fn same<T: PartialEq + Debug>(
    what: &impl Debug,
    sqlite: &Result<T, Error>,
    postgres: &Result<T, Error>,
) -> Result<(), String> {
    let is_same = match (sqlite, postgres) {
        (Ok(first), Ok(second)) => first == second,
        (first, second) => format!("{first:?}") == format!("{second:?}"),
    };
    if is_same {
        Ok(())
    } else {
        Err(format!("{what:?}\nSQLite:     {sqlite:?}\nPostgreSQL: {postgres:?}"))
    }
}

/// Reads a page and leaves out its position, which contains a number of the feed.
async fn list(store: &dyn Store, request: &ListRequest) -> Result<Page, Error> {
    store.list(request.clone()).await.map(|page| Page { position: None, ..page })
}

/// Longest list: far more than one takes on a busy machine, because a list that ran out of time
/// tells nothing of the stores.
const READ_TIME: Duration = Duration::from_mins(10);

/// The two stores, and what they share.
struct Pair {
    sqlite: SqliteStore,
    postgres: PostgresStore,
    clock: Arc<TestClock>,
    dice: Dice,
    folder: tempfile::TempDir,
}

impl Pair {
    fn new(seed: u64) -> Self {
        let cluster = Cluster::shared();
        let clock = Arc::new(TestClock::default());
        let folder = tempfile::tempdir().expect("a folder");
        let mut file = sqlite::Settings::new(folder.path().join("persona.db"));
        file.read_timeout = READ_TIME;
        sqlite::initialise(&file).expect("a new file");
        let server =
            postgres::Settings::parse(&cluster.socket_url(&cluster.database())).expect("a URL");
        let server = server.reading_within(READ_TIME);
        postgres::initialise(&server).expect("an empty database");
        Self {
            sqlite: SqliteStore::open(file, clock.clone(), Arc::new(NoObserver)).expect("it opens"),
            postgres: PostgresStore::open(server, clock.clone(), Arc::new(NoObserver))
                .expect("it opens"),
            clock,
            dice: Dice(seed),
            folder,
        }
    }

    /// Copies the WAL back, as a maintenance process does. There is none here, because it would
    /// also forget keys, and long reads wait where the WAL is long.
    fn copy_back(&self) {
        let connection =
            rusqlite::Connection::open(self.folder.path().join("persona.db")).expect("it opens");
        connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .expect("moved back");
    }

    async fn look_at_handle(&self, dice: &mut Dice) -> Result<(), String> {
        let (name, reach) = (dice.handle_name(), dice.reach());
        same(
            &(&name, &reach),
            &self.sqlite.look_at_handle(&name, &reach).await,
            &self.postgres.look_at_handle(&name, &reach).await,
        )
    }

    async fn purge(&self, dice: &mut Dice) -> Result<(), String> {
        let purge = dice.purge();
        let answers =
            (self.sqlite.purge(purge.clone()).await, self.postgres.purge(purge.clone()).await);
        same(&purge, &answers.0, &answers.1)?;
        let id = purge.id;
        same(&id, &self.sqlite.tombstone(id).await, &self.postgres.tombstone(id).await)
    }

    /// One operation on both. An error says what it was and what each answered.
    async fn step(&mut self) -> Result<(), String> {
        let (mut dice, now) = (Dice(self.dice.next()), persona_model::Clock::now(&*self.clock));
        let (sqlite, postgres) = (&self.sqlite, &self.postgres);
        match dice.below(26) {
            0..12 => {
                // Mostly on, sometimes back, sometimes a day: what is kept for a day expires.
                self.clock.advance_micros(match dice.below(400) {
                    0 => 86_400_000_000,
                    1..20 => -5,
                    _ => 3,
                });
                let mut request = dice.write();
                if !dice.one_in(8) {
                    request = with_real_tags(sqlite, request).await;
                }
                same(
                    &request,
                    &sqlite.write(request.clone()).await,
                    &postgres.write(request.clone()).await,
                )
            }
            12 if dice.one_in(PURGE_ONE_IN) => self.purge(&mut dice).await,
            12..15 => {
                let id = dice.id();
                same(&id, &sqlite.get(id).await, &postgres.get(id).await)
            }
            15..17 => {
                let (id, revision) = (dice.id(), dice.revision());
                same(
                    &(id, revision),
                    &sqlite.revision(id, revision).await,
                    &postgres.revision(id, revision).await,
                )
            }
            17..20 => self.move_labels(dice.moves()).await,
            20..23 => self.look_at_handle(&mut dice).await,
            _ => {
                let mut request = dice.list(now);
                let first = list(sqlite, &request).await;
                same(&request, &first, &list(postgres, &request).await)?;
                let next = first.as_ref().ok().and_then(|page| page.next_cursor.as_deref());
                let next = next
                    .and_then(|cursor| Cursor::decode(cursor, &request.filter, request.sort).ok());
                if next.is_some() {
                    request.after = next;
                    same(&request, &list(sqlite, &request).await, &list(postgres, &request).await)?;
                }
                let counts = dice.counts();
                let of_sqlite = sqlite.counts(counts.clone()).await;
                same(&counts, &of_sqlite, &postgres.counts(counts.clone()).await)
            }
        }
    }

    /// Moves labels on both stores, and compares the labels and moves of the first persona.
    async fn move_labels(&self, moves: LabelMoves) -> Result<(), String> {
        let (sqlite, postgres) = (&self.sqlite, &self.postgres);
        let first = &moves.moves()[0];
        let (id, name) = (first.persona, first.name.clone());
        let told = format!("{:?}", sqlite.move_labels(moves.clone()).await);
        let told_by_postgres = format!("{:?}", postgres.move_labels(moves.clone()).await);
        same(&moves, &Ok(told), &Ok(told_by_postgres))?;
        same(&id, &sqlite.labels(id).await, &postgres.labels(id).await)?;
        same(
            &(id, &name),
            &sqlite.label_moves(id, &name, None, 3).await,
            &postgres.label_moves(id, &name, None, 3).await,
        )
    }

    /// Reads the whole feed without its numbers, the revisions of each persona, and all exports.
    async fn whole(store: &dyn Store) -> Vec<String> {
        let changes = store.changes_after(0, usize::MAX).await.expect("readable");
        assert!(changes.windows(2).all(|pair| pair[0].sequence < pair[1].sequence));
        let mut whole: Vec<String> = changes
            .iter()
            .map(|change| {
                let Change { persona, revision, kind, at, label, .. } = change;
                format!("{persona} {revision} {kind:?} {at} {label:?}")
            })
            .collect();
        for persona in changes.iter().map(|change| change.persona).collect::<BTreeSet<_>>() {
            let page = store.revisions(persona, None, 100).await.expect("readable");
            whole.push(format!("{persona} {page:?}"));
        }
        for exported in [Exported::Living, Exported::All, Exported::History] {
            let mut export = store.export(exported).await.expect("started");
            while let Some(answer) = export.recv().await {
                whole.push(format!("{:?}", answer.expect("no error")));
            }
        }
        whole
    }
}

fn run(seed: u64, operations: u64) {
    Runtime::new().expect("a runtime").block_on(async {
        let mut pair = Pair::new(seed);
        for step in 0..operations {
            if let Err(difference) = pair.step().await {
                panic!("seed {seed}, step {step}: {difference}");
            }
            if step % STEPS_BETWEEN_COPIES == 0 {
                pair.copy_back();
            }
        }
        let (sqlite, postgres) = (Pair::whole(&pair.sqlite).await, Pair::whole(&pair.postgres).await);
        assert!(sqlite == postgres, "seed {seed}, after {operations} operations, feed or export differ:\n{sqlite:#?}\n{postgres:#?}");
        let lines = sqlite.len() as u64;
        assert!(lines > operations / 20, "hardly anything was changed: {lines} lines of feed and exports");
    });
}

#[test]
fn sqlite_and_postgresql_answer_the_same_byte_for_byte() {
    #[expect(
        clippy::disallowed_methods,
        reason = "a run is repeated, or made longer, from outside"
    )]
    let chosen = std::env::var("PERSONA_DIFFERENTIAL").ok();
    if let Some((seed, operations)) = chosen.as_deref().and_then(|text| text.split_once(' ')) {
        return run(
            seed.parse().expect("a seed"),
            operations.parse().expect("a number of operations"),
        );
    }
    run_all(&SHORT);
}

#[test]
#[ignore = "long: run by ./test --long"]
fn sqlite_and_postgresql_answer_the_same_byte_for_byte_long() {
    run_all(&LONG);
}

/// Runs all parts at the same time: each waits for a database most of the time.
fn run_all(all: &Run) {
    std::thread::scope(|scope| {
        (all.first_seed..all.first_seed + all.parts)
            .map(|seed| scope.spawn(move || run(seed, all.operations_of_a_part)))
            .collect::<Vec<_>>()
            .into_iter()
            .for_each(|part| {
                part.join().expect("the same answers");
            });
    });
}

/// Proves that the dice are deterministic, which the comparison itself would not notice.
#[test]
fn the_same_seed_makes_the_same_run() {
    let requests = |seed: u64| {
        (0..100_u64)
            .map(move |step| format!("{:?}", Dice(seed + step).write().operation))
            .collect::<Vec<_>>()
    };
    assert_eq!(requests(7), requests(7));
    assert_ne!(requests(7), requests(8));
    assert!(Document::from_json(Dice(1).members()).is_ok());
}

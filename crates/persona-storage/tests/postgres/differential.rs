//! Long random sequences of every operation on SQLite and PostgreSQL at once: both answer the same,
//! byte for byte.
//!
//! Both have the same clock and the same identities. Only the numbers of the feed differ: on
//! PostgreSQL they are those of transactions, with gaps. A failure names its seed and step;
//! `PERSONA_DIFFERENTIAL="seed operations"` repeats a run, with more operations or with fewer.

use std::fmt::Debug;
use std::sync::Arc;

use persona_model::{
    Cursor, Document, Filter, Kind, ListRequest, Patch, PersonaId, Precondition, Revision, Search,
    Since, Sort, Timestamp, filter_tags,
};
use persona_storage::conformance::{
    TestClock, document, guess, id, idempotent, with_real_tags, write,
};
use persona_storage::postgres::{self, PostgresStore};
use persona_storage::sqlite::{self, SqliteStore};
use persona_storage::{Error, Exported, NoObserver, Operation, Page, Store, Write};
use persona_test_support::Cluster;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// Operations of the short form, and the seed of its first part.
const OPERATIONS: u64 = 100_000;
const SEED: u64 = 1;
/// Operations on one pair of stores: few enough that histories stay short and handles, keys and
/// revisions meet often.
const OPERATIONS_OF_A_PART: u64 = 12_500;
/// Operations after which the WAL is checkpointed: a tenth of what makes reads wait.
const STEPS_BETWEEN_COPIES: u64 = 500;
/// Few identities, so that the operations meet each other.
const IDENTITIES: u64 = 200;

const WORDS: [&str; 26] = [
    "ada",
    "Bea",
    "Crème",
    "brûlée",
    "日本",
    "wiz",
    "wizard",
    "linux",
    "terminal",
    "Straße",
    "🤖",
    "it's 100%_\\",
    "STRASSE",
    "C",
    "c++",
    "C++17",
    "C#",
    ".NET",
    "net",
    "node.js",
    "18+",
    "用C++吧",
    "ΣΊΣΥΦΟΣ",
    "σίσυφος",
    "ﬁne İ ı",
    "e\u{301}",
];
/// The same tag in several cases, among others.
const TAGS: [&str; 11] =
    ["x", "X", "y", "Zebra", "ZEBRA", "ähre", "ÄHRE", "A\u{308}hre", "日本", "Straße", "STRASSE"];

/// Deterministic numbers (SplitMix64): the same seed makes the same run on every machine and with
/// every library.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[usize::try_from(self.below(all.len() as u64)).expect("small")]
    }

    fn id(&mut self) -> PersonaId {
        id(u8::try_from(self.below(IDENTITIES)).expect("small"))
    }

    fn revision(&mut self) -> Revision {
        Revision::new(self.below(12) + 1).expect("not zero")
    }

    fn text(&mut self) -> String {
        (0..=self.below(4)).map(|_| *self.of(&WORDS)).collect::<Vec<_>>().join(" ")
    }

    fn tags(&mut self) -> Vec<&'static str> {
        (0..self.below(3)).map(|_| *self.of(&TAGS)).collect()
    }

    fn handle(&mut self) -> Value {
        if self.one_in(2) { Value::Null } else { json!(format!("h{}", self.below(8))) }
    }

    fn members(&mut self) -> Value {
        json!({
            "name": self.text(), "handle": self.handle(), "kind": self.of(&["character", "agent", "user", "prompt"]),
            "tags": self.tags(), "is_active": !self.one_in(4), "description": self.text(),
            "extensions": { format!("k{}", self.below(4)): self.below(3) },
        })
    }

    fn patch(&mut self) -> Patch {
        let merge = match self.below(7) {
            0 => json!({ "extensions": { format!("k{}", self.below(4)): self.below(3) } }),
            1 => json!({ "description": self.text(), "scenario": self.text() }),
            2 => json!({ "handle": self.handle() }),
            3 => json!({ "tags": self.tags() }),
            4 => json!({ "name": self.text() }),
            5 => json!({ "name": null, "unknown": 1 }),
            _ => return self.json_patch(),
        };
        Patch::merge(merge).expect("a merge patch")
    }

    fn json_patch(&mut self) -> Patch {
        let operations = json!([
            { "op": "test", "path": "/is_active", "value": !self.one_in(3) },
            { "op": "replace", "path": "/description", "value": self.text() },
        ]);
        Patch::json(operations).expect("a JSON Patch")
    }

    fn precondition(&mut self) -> Precondition {
        match self.below(8) {
            0 => Precondition::OneOf(vec![]),
            1..4 => guess(&[self.revision(), self.revision()]),
            _ => Precondition::Any,
        }
    }

    fn write(&mut self) -> Write {
        let (id, precondition) = (self.id(), self.precondition());
        let operation = match self.below(16) {
            0..3 => Operation::Create { id, document: document(self.members()) },
            3..6 => Operation::Replace { id, precondition, document: document(self.members()) },
            6..12 => {
                let base = self.one_in(3).then(|| self.revision());
                Operation::Patch { id, precondition, patch: self.patch(), base }
            }
            12..14 => Operation::Delete { id, precondition },
            _ => Operation::Undelete { id, precondition },
        };
        let mut request = write(operation);
        request.author = self.one_in(2).then(|| "Zoë".to_owned());
        if self.one_in(6) {
            request =
                idempotent(request, &format!("key {}", self.below(30)), u8::from(self.one_in(4)));
        }
        request
    }

    fn search(&mut self) -> Option<Search> {
        let first = self.text();
        let text = match self.below(5) {
            0 => first,
            1 => format!("\"{first}\""),
            2 => format!("{}*", self.of(&WORDS)),
            3 => format!("{first} -{}", self.of(&WORDS)),
            _ => format!("-{}", self.of(&WORDS)),
        };
        Search::parse(&text).ok()
    }

    fn list(&mut self, now: Timestamp) -> ListRequest {
        let filter = Filter {
            kind: self.one_in(4).then(|| *self.of(&Kind::ALL)),
            is_active: self.one_in(4).then(|| self.one_in(2)),
            tags: if self.one_in(3) {
                filter_tags(self.tags().into_iter()).expect("few")
            } else {
                Vec::new()
            },
            updated_since: self
                .one_in(5)
                .then(|| Since::Time(Timestamp::from_micros(now.as_micros() - 10_000))),
            search: if self.one_in(2) { self.search() } else { None },
            include_deleted: self.one_in(3),
        };
        ListRequest {
            filter,
            sort: self.of(&Sort::ALL).1,
            after: None,
            limit: usize::try_from(self.below(6) + 1).expect("small"),
            count: self.one_in(2),
        }
    }
}

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

/// A page without its position, which has a number of the feed.
async fn list(store: &dyn Store, request: &ListRequest) -> Result<Page, Error> {
    store.list(request.clone()).await.map(|page| Page { position: None, ..page })
}

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
        let file = sqlite::Settings::new(folder.path().join("persona.db"));
        sqlite::initialise(&file).expect("a new file");
        let server =
            postgres::Settings::parse(&cluster.socket_url(&cluster.database())).expect("a URL");
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
            .expect("copied back");
    }

    /// One operation on both. An error says what it was and what each answered.
    async fn step(&mut self) -> Result<(), String> {
        let (mut dice, now) = (Dice(self.dice.next()), persona_model::Clock::now(&*self.clock));
        let (sqlite, postgres) = (&self.sqlite, &self.postgres);
        match dice.below(20) {
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
                Ok(())
            }
        }
    }

    /// The whole feed without its numbers, and both exports.
    async fn whole(store: &dyn Store) -> Vec<String> {
        let changes = store.changes_after(0, usize::MAX).await.expect("readable");
        assert!(changes.windows(2).all(|pair| pair[0].sequence < pair[1].sequence));
        let mut whole: Vec<String> = changes
            .iter()
            .map(|change| {
                format!("{} {} {:?} {}", change.persona, change.revision, change.kind, change.at)
            })
            .collect();
        for include_deleted in [false, true] {
            let mut export = store
                .export(if include_deleted { Exported::All } else { Exported::Living })
                .await
                .expect("started");
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

/// Two halves at a time: each waits for the other's database most of the time.
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
    let parts = SEED..SEED + OPERATIONS / OPERATIONS_OF_A_PART;
    std::thread::scope(|scope| {
        parts
            .map(|seed| scope.spawn(move || run(seed, OPERATIONS_OF_A_PART)))
            .collect::<Vec<_>>()
            .into_iter()
            .for_each(|part| {
                part.join().expect("the same answers");
            });
    });
}

/// What the run would not notice if its own dice were broken.
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

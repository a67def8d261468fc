//! Random sequences of every operation: SQLite answers what the oracle answers, byte for byte.

use std::sync::Arc;

use persona_model::{
    Cursor, FeedPlace, Filter, Kind, LabelName, LabelPrecondition, ListRequest, Owned, Patch,
    Precondition, Reach, Revision, Search, Sort,
};
use persona_storage::conformance::{
    TestClock, document, guess, id, idempotent, label_move, soon, with_real_tags, write,
};
use persona_storage::memory::MemoryStore;
use persona_storage::sqlite::{Settings, SqliteStore, initialise};
use persona_storage::{
    Exported, LabelMove, LabelMoves, LabelTarget, NoObserver, Operation, Purge, Squash, Store,
    Write,
};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Members from few names and values, so that the operations meet each other.
fn members() -> impl Strategy<Value = Value> {
    let handle = prop_oneof![Just(json!(null)), Just(json!("ada")), Just(json!("bea"))];
    let owner = prop_oneof![Just(json!(null)), Just(json!("ada")), Just(json!("bea"))];
    let kind = prop_oneof![Just("character"), Just("agent")];
    ("[ab]", (handle, owner), kind, prop::collection::vec("[xyz]", 0..3), any::<bool>(), prop::option::of(0..3_u8)).prop_map(
        |(name, (handle, owner), kind, tags, is_active, key)| {
            let extensions = key.map_or_else(|| json!({}), |key| json!({ format!("key{key}"): key }));
            json!({ "name": name, "handle": handle, "owner": owner, "kind": kind, "tags": tags, "is_active": is_active, "extensions": extensions })
        },
    )
}

fn bound(with_shared: bool) -> Reach {
    Reach::Owner { owner: "ada".parse().expect("a name"), with_shared }
}

fn precondition() -> impl Strategy<Value = Precondition> {
    prop_oneof![
        Just(Precondition::Any),
        (1..5_u64).prop_map(|number| guess(&[Revision::new(number).expect("not zero")])),
        Just(Precondition::OneOf(vec![])),
    ]
}

fn merge() -> impl Strategy<Value = Patch> {
    let key = (0..3_u8, prop::option::of(0..3_u8))
        .prop_map(|(key, value)| json!({ "extensions": { format!("key{key}"): value } }));
    let text = "[ab]{0,2}".prop_map(|text| json!({ "description": text }));
    let handle = prop_oneof![Just(json!({ "handle": null })), Just(json!({ "handle": "ada" }))];
    let owner = prop_oneof![Just(json!({ "owner": null })), Just(json!({ "owner": "ada" }))];
    let bad = Just(json!({ "name": null, "unknown": 1 }));
    prop_oneof![key, text, handle, owner, bad]
        .prop_map(|value| Patch::merge(value).expect("a merge patch"))
}

fn operation() -> impl Strategy<Value = Operation> {
    let number = || (1..5_u8).prop_map(id);
    prop_oneof![
        (number(), members())
            .prop_map(|(id, members)| Operation::Create { id, document: document(members) }),
        (number(), precondition(), members()).prop_map(|(id, precondition, members)| {
            Operation::Replace { id, precondition, document: document(members) }
        }),
        (number(), precondition(), merge(), prop::option::of(1..5_u64)).prop_map(
            |(id, precondition, patch, base)| Operation::Patch {
                id,
                precondition,
                patch,
                base: base.and_then(Revision::new)
            }
        ),
        (number(), precondition())
            .prop_map(|(id, precondition)| Operation::Delete { id, precondition }),
        (number(), precondition())
            .prop_map(|(id, precondition)| Operation::Undelete { id, precondition }),
        (number(), precondition(), 1..5_u64).prop_map(|(id, precondition, number)| {
            let revision = Revision::new(number).expect("not zero");
            Operation::Revert { id, precondition, revision }
        }),
    ]
}

fn request() -> impl Strategy<Value = Write> {
    let key = prop::option::of((0..3_u8, 0..2_u8));
    let note = prop_oneof![4 => Just(None), 1 => Just(Some("why".to_owned()))];
    let squash = prop_oneof![1 => Just(0), 2 => Just(900_u64)];
    let squash = (squash, prop::option::of((0..3_u8).prop_map(|key| key.to_string())));
    (operation(), key, prop::option::of("[AB]"), note, squash).prop_map(
        |(operation, key, author, note, squash)| {
            let mut request = write(operation);
            (request.author, request.note) = (author, note);
            let (seconds, replaced) = squash;
            request.squash = Squash::of_seconds(seconds).map(|of| Squash { key: replaced, ..of });
            match key {
                Some((key, fingerprint)) => idempotent(request, &key.to_string(), fingerprint),
                None => request,
            }
        },
    )
}

/// One of several moves of labels.
fn one_move() -> impl Strategy<Value = LabelMove> {
    let label = || prop::sample::select(&["a", "b", "c"]);
    let target = prop_oneof![
        3 => (1..6_u64).prop_map(|number| {
            LabelTarget::Revision(Revision::new(number).expect("not zero"))
        }),
        1 => Just(LabelTarget::Latest),
        1 => Just(LabelTarget::Nowhere),
        1 => label().prop_map(|name| LabelTarget::Label(LabelName::parse(name).expect("a label"))),
    ];
    let precondition = prop_oneof![
        4 => Just(LabelPrecondition::Any),
        1 => Just(LabelPrecondition::IsSet),
        1 => Just(LabelPrecondition::IsNotSet),
        1 => Just(LabelPrecondition::OneOf(vec![])),
    ];
    (1..5_u8, label(), target, precondition).prop_map(|(number, label, target, precondition)| {
        LabelMove { precondition, ..label_move(number, label, target) }
    })
}

/// Writes, and moves of labels between them.
#[derive(Clone, Debug)]
enum Step {
    Write(Box<Write>),
    Moves(Vec<LabelMove>),
    Purge(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => request().prop_map(|request| Step::Write(Box::new(request))),
        2 => prop::collection::vec(one_move(), 1..4).prop_map(Step::Moves),
        1 => (1..5_u8).prop_map(Step::Purge),
    ]
}

fn lists() -> Vec<ListRequest> {
    let filters = [
        Filter::default(),
        Filter { include_deleted: true, ..Filter::default() },
        Filter { kind: Some(Kind::Agent), ..Filter::default() },
        Filter { tags: vec!["x".into()], is_active: Some(true), ..Filter::default() },
        Filter { search: Search::parse("a* -x").ok(), ..Filter::default() },
        Filter { search: Search::parse("-b").ok(), include_deleted: true, ..Filter::default() },
        Filter { search: Search::parse("b").ok(), ..Filter::default() },
        Filter { owned: Some(Owned::ByNone), ..Filter::default() },
        Filter { reach: bound(false), include_deleted: true, ..Filter::default() },
        Filter { reach: bound(true), search: Search::parse("a*").ok(), ..Filter::default() },
        Filter {
            search: Search::parse("a x").ok(),
            kind: Some(Kind::Character),
            include_deleted: true,
            ..Filter::default()
        },
    ];
    let of = |filter: Filter| {
        Sort::ALL.into_iter().map(move |(_, sort)| ListRequest {
            filter: filter.clone(),
            sort,
            after: None,
            limit: 2,
            count: true,
        })
    };
    filters.into_iter().flat_map(of).collect()
}

async fn compare(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = Settings::new(folder.path().join("persona.db"));
    initialise(&settings).expect("a new file");
    let clock = Arc::new(TestClock::default());
    let sqlite =
        SqliteStore::open(settings, clock.clone(), Arc::new(NoObserver)).expect("it opens");
    let oracle = MemoryStore::new(clock);
    for step in steps {
        let request = match step {
            Step::Write(request) => with_real_tags(&oracle, *request).await,
            Step::Moves(moves) => {
                let Ok(moves) = LabelMoves::new(moves, soon()) else { continue };
                let (found, wanted) = (
                    sqlite.move_labels(moves.clone()).await,
                    oracle.move_labels(moves.clone()).await,
                );
                prop_assert_eq!(format!("{found:?}"), format!("{wanted:?}"), "{:?}", moves);
                continue;
            }
            Step::Purge(number) => {
                let purge = Purge::new(id(number), Precondition::Any, soon());
                let (found, wanted) =
                    (sqlite.purge(purge.clone()).await, oracle.purge(purge).await);
                prop_assert_eq!(format!("{found:?}"), format!("{wanted:?}"), "{}", number);
                continue;
            }
        };
        let (found, wanted) =
            (sqlite.write(request.clone()).await, oracle.write(request.clone()).await);
        prop_assert_eq!(format!("{found:?}"), format!("{wanted:?}"), "{:?}", request);
    }
    compare_reads(&sqlite, &oracle).await
}

/// The lines of an export of every history.
async fn history(store: &dyn Store) -> Vec<String> {
    let mut export = store.export(Exported::History).await.expect("started");
    let mut lines = Vec::new();
    while let Some(line) = export.recv().await {
        lines.push(String::from_utf8_lossy(&line.expect("a whole history").body).into_owned());
    }
    lines
}

/// Compares everything that can be read of both.
async fn compare_reads(sqlite: &SqliteStore, oracle: &MemoryStore) -> Result<(), TestCaseError> {
    for number in 1..5 {
        prop_assert_eq!(
            sqlite.get(id(number)).await.expect("readable"),
            oracle.get(id(number)).await.expect("readable")
        );
        prop_assert_eq!(
            sqlite.labels(id(number)).await.expect("readable"),
            oracle.labels(id(number)).await.expect("readable")
        );
        for name in ["a", "b", "c"] {
            let name = LabelName::parse(name).expect("a label");
            prop_assert_eq!(
                sqlite.label_moves(id(number), &name, Some(7), 3).await.expect("readable"),
                oracle.label_moves(id(number), &name, Some(7), 3).await.expect("readable")
            );
        }
        for revision in (1..30).filter_map(Revision::new) {
            let (found, wanted) = (
                sqlite.revision(id(number), revision).await,
                oracle.revision(id(number), revision).await,
            );
            prop_assert_eq!(format!("{found:?}"), format!("{wanted:?}"));
        }
        for before in [None, Revision::new(3)] {
            let (found, wanted) = (
                sqlite.revisions(id(number), before, 4).await.expect("readable"),
                oracle.revisions(id(number), before, 4).await.expect("readable"),
            );
            prop_assert_eq!(found, wanted);
        }
    }
    let (found, wanted) = (history(sqlite).await, history(oracle).await);
    prop_assert_eq!(found, wanted);
    let (found, wanted) = (
        sqlite.events_after(FeedPlace::BEGINNING, 1000).await.expect("readable"),
        oracle.events_after(FeedPlace::BEGINNING, 1000).await.expect("readable"),
    );
    prop_assert_eq!(found, wanted);
    for mut request in lists() {
        loop {
            let (found, wanted) =
                (sqlite.list(request.clone()).await, oracle.list(request.clone()).await);
            let (found, wanted) = (found.expect("readable"), wanted.expect("readable"));
            prop_assert_eq!(&found, &wanted, "{:?}", request);
            let Some(next) = found.next_cursor else { break };
            request.after =
                Some(Cursor::decode(&next, &request.filter, request.sort).expect("its own cursor"));
        }
    }
    let (found, wanted) =
        (sqlite.changes_after(0, 1000).await, oracle.changes_after(0, 1000).await);
    prop_assert_eq!(found.expect("readable"), wanted.expect("readable"));
    Ok(())
}

/// Parts of texts and searches: signs beside and apart from words, letters with more than one form,
/// scripts without spaces, and the signs of a search.
const PIECES: [&str; 34] = [
    "C",
    "c",
    "a",
    "net",
    "17",
    "+",
    "++",
    "#",
    ".",
    " ",
    " ",
    " ",
    "-",
    "\"",
    "*",
    "Straße",
    "STRASSE",
    "ss",
    "ΣΊΣΥΦΟΣ",
    "σίσυφος",
    "ﬁ",
    "FI",
    "İ",
    "i",
    "ı",
    "e\u{301}",
    "É",
    "中",
    "文",
    "🤖",
    "＋",
    "ᾳ",
    "ΑΙ",
    "\n",
];

fn pieces(most: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(&PIECES), 1..most).prop_map(|pieces| pieces.concat())
}

async fn compare_searches(
    texts: Vec<(String, String)>,
    searches: Vec<String>,
) -> Result<(), TestCaseError> {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = Settings::new(folder.path().join("persona.db"));
    initialise(&settings).expect("a new file");
    let clock = Arc::new(TestClock::default());
    let sqlite =
        SqliteStore::open(settings, clock.clone(), Arc::new(NoObserver)).expect("it opens");
    let oracle = MemoryStore::new(clock);
    for (number, (name, text)) in (1..).zip(texts) {
        let members = json!({ "name": format!("x{}", name.replace('\n', " ")), "tags": [format!("t {}", name.replace('\n', " "))], "description": text });
        let create =
            || write(Operation::Create { id: id(number), document: document(members.clone()) });
        sqlite.write(create()).await.expect("created");
        oracle.write(create()).await.expect("created");
    }
    for search in searches.iter().filter_map(|text| Search::parse(text).ok()) {
        for sort in [Sort::DEFAULT, Sort::RELEVANCE] {
            if sort == Sort::RELEVANCE && search.wanted.is_empty() {
                continue;
            }
            let filter = Filter { search: Some(search.clone()), ..Filter::default() };
            let request = ListRequest { filter, sort, after: None, limit: 10, count: true };
            let (found, wanted) = (sqlite.list(request.clone()).await, oracle.list(request).await);
            prop_assert_eq!(found.expect("readable"), wanted.expect("readable"), "{:?}", search);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn a_search_finds_what_the_oracle_finds(
        texts in prop::collection::vec((pieces(6), pieces(14)), 1..6),
        searches in prop::collection::vec(pieces(6), 1..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(compare_searches(texts, searches))?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn sqlite_answers_what_the_oracle_answers(steps in prop::collection::vec(step(), 1..50)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(compare(steps))?;
    }
}

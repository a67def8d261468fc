//! Cases: revisions of another store are imported unchanged.

use persona_model::{ChangeKind, Document, PastRevision, Precondition, Revision, Since, Timestamp};
use serde_json::{Value, json};

use super::TestClock;
use super::polling::Poller;
use super::steps::{
    Subject, create, delete, document, get, id, json_of, member, merge, named, revision, undelete,
    write,
};
use crate::{Error, Exported, Operation, Outcome, Written};

/// 2020-01-01T00:00:00Z and this many seconds, long before the clock of the tests.
fn time(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_577_836_800_000_000 + seconds * 1_000_000)
}

fn past(number: u64, document: Document) -> PastRevision {
    PastRevision {
        revision: revision(number),
        created_at: time(1),
        updated_at: time(i64::try_from(number).expect("a small number")),
        created_by: Some("Ada".into()),
        updated_by: Some(format!("writer {number}")),
        is_deleted: false,
        previous: None,
        base: None,
        note: None,
        content_hash: None,
        document,
    }
}

async fn import(store: &Subject, number: u8, past: PastRevision) -> Result<Written, Error> {
    store.write(write(Operation::Import { id: id(number), past: Box::new(past) })).await
}

/// A history with every kind of change.
fn history() -> [PastRevision; 4] {
    let (ada, bea) =
        (|| document(named("Ada")), || document(json!({ "name": "Ada", "tags": ["b"] })));
    [
        past(1, ada()),
        PastRevision { base: Revision::new(1), note: Some("why".into()), ..past(2, bea()) },
        PastRevision { is_deleted: true, ..past(3, bea()) },
        past(4, bea()),
    ]
}

async fn lines(store: &Subject, exported: Exported) -> Vec<Value> {
    let mut export = store.export(exported).await.expect("started");
    let mut lines = Vec::new();
    while let Some(line) = export.recv().await {
        lines.push(json_of(&line.expect("no error")));
    }
    lines
}

pub async fn a_history_is_kept_as_it_was(store: &Subject, _clock: &TestClock) {
    let outcomes = [Outcome::Created, Outcome::Updated, Outcome::Deleted, Outcome::Undeleted];
    for (past, outcome) in history().into_iter().zip(outcomes) {
        let written = import(store, 1, past.clone()).await.expect("kept");
        assert_eq!((written.outcome, written.representation.revision), (outcome, past.revision));
        let again = import(store, 1, past).await.expect("the same again");
        assert_eq!(
            (again.outcome, &again.representation),
            (Outcome::Unchanged, &written.representation)
        );
    }
    let changed = [None, Some(vec!["tags".to_owned()]), Some(vec![]), Some(vec![])];
    for (past, changed) in history().into_iter().zip(changed) {
        let record =
            store.revision(id(1), past.revision).await.expect("readable").expect("it exists");
        let text = json_of(&record.representation);
        assert_eq!(
            (record.at, record.author, record.base, record.note),
            (past.updated_at, past.updated_by.clone(), past.base, past.note.clone())
        );
        assert_eq!(text["created_at"], past.created_at.to_string());
        assert_eq!(text["updated_at"], past.updated_at.to_string());
        assert_eq!(
            (&text["created_by"], &text["updated_by"]),
            (&json!("Ada"), &json!(past.updated_by))
        );
        assert_eq!(
            text["deleted_at"],
            if past.is_deleted { json!(past.updated_at.to_string()) } else { Value::Null }
        );
        assert!(
            changed.is_none_or(|changed| changed == record.changed),
            "revision {}",
            past.revision
        );
    }
    let histories: Vec<Value> = lines(store, Exported::History)
        .await
        .into_iter()
        .map(|line| line["history"].clone())
        .collect();
    let plain = json!({ "last": 4, "base": null });
    let second = json!({ "last": 4, "base": 1, "note": "why" });
    assert_eq!(histories, [plain.clone(), second, plain.clone(), plain]);
    let feed = store.changes_after(0, 10).await.expect("readable");
    let kinds: Vec<(ChangeKind, u64)> =
        feed.iter().map(|change| (change.kind, change.revision.number())).collect();
    let expected =
        [ChangeKind::Created, ChangeKind::Updated, ChangeKind::Deleted, ChangeKind::Undeleted];
    assert_eq!(kinds, expected.into_iter().zip(1..).collect::<Vec<_>>());
}

pub async fn an_exported_history_has_every_revision_of_every_persona(
    store: &Subject,
    clock: &TestClock,
) {
    create(store, 1, named("Ada")).await;
    merge(store, 1, json!({ "nickname": "A" })).await.expect("patched");
    clock.advance_micros(1_000_000);
    create(store, 2, named("Bea")).await;
    delete(store, 2, Precondition::Any).await.expect("deleted");
    delete(store, 1, Precondition::Any).await.expect("deleted");
    undelete(store, 1).await.expect("undeleted");
    let all = lines(store, Exported::History).await;
    let told: Vec<(u64, u64, u64)> = all
        .iter()
        .map(|line| {
            let number =
                |pointer: &str| line.pointer(pointer).and_then(Value::as_u64).expect("a number");
            let last_digit = line["id"]
                .as_str()
                .expect("an id")
                .chars()
                .last()
                .and_then(|digit| digit.to_digit(10));
            (last_digit.expect("a digit").into(), number("/revision"), number("/history/last"))
        })
        .collect();
    assert_eq!(told, [(1, 1, 4), (1, 2, 4), (2, 1, 2), (2, 2, 2), (1, 3, 4), (1, 4, 4)]);
    for mut line in all {
        line.as_object_mut().expect("an object").remove("history").expect("each has it");
        let number = u8::try_from(
            line["id"]
                .as_str()
                .expect("an id")
                .chars()
                .last()
                .expect("a digit")
                .to_digit(10)
                .expect("a digit"),
        );
        let revision =
            Revision::new(line["revision"].as_u64().expect("a number")).expect("not zero");
        let record = store
            .revision(id(number.expect("small")), revision)
            .await
            .expect("readable")
            .expect("it exists");
        assert_eq!(json_of(&record.representation), line);
    }
    assert_eq!(
        (lines(store, Exported::Living).await.len(), lines(store, Exported::All).await.len()),
        (1, 2)
    );
}

pub async fn a_history_keeps_the_hashes_that_were_stated(store: &Subject, _clock: &TestClock) {
    let wide = document(json!({ "name": "Ada", "extensions": { "n": 9_007_199_254_740_993_u64 } }));
    let (exact, rounded) = (wide.content_hash(), wide.content_hashes().last());
    let cases = [
        (rounded, rounded),
        (None, Some(exact)),
        (Some(document(named("Eve")).content_hash()), Some(exact)),
    ];
    for (number, (stated, kept)) in (1..).zip(cases) {
        let past = PastRevision { content_hash: stated, ..past(1, wide.clone()) };
        let written = import(store, number, past.clone()).await.expect("kept");
        assert_eq!(
            Some(json_of(&written.representation)["content_hash"].clone()),
            kept.map(|hash| json!(hash.to_string()))
        );
        assert_eq!(
            import(store, number, past).await.expect("the same again").outcome,
            Outcome::Unchanged
        );
    }
}

pub async fn a_history_is_continued_and_never_rewritten(store: &Subject, clock: &TestClock) {
    let [one, two, three, four] = history();
    assert!(
        matches!(import(store, 1, two.clone()).await, Err(Error::NotFound)),
        "it has no beginning"
    );
    import(store, 1, one.clone()).await.expect("kept");
    let at_one = get(store, 1).await;
    let tag = at_one.tag();
    let stale = |refused: Result<Written, Error>| matches!(refused, Err(Error::Stale { current }) if current == tag);
    assert!(stale(import(store, 1, three.clone()).await), "a revision is missing between");
    assert!(
        stale(
            import(store, 1, PastRevision { document: document(named("Eve")), ..one.clone() })
                .await
        ),
        "another content"
    );
    assert!(
        stale(import(store, 1, PastRevision { updated_by: None, ..one.clone() }).await),
        "another author"
    );
    let invalid = |refused: Result<Written, Error>| match refused {
        Err(Error::Invalid(invalid)) => invalid.errors[0].pointer.clone(),
        other => panic!("{other:?}"),
    };
    let ahead = Timestamp::from_micros(persona_model::Clock::now(clock).as_micros() + 1_000_000);
    let before_1970 = Timestamp::from_micros(-1);
    for (past, pointer) in [
        (PastRevision { updated_at: time(1), ..two.clone() }, "/updated_at"),
        (PastRevision { updated_at: ahead, ..two.clone() }, "/updated_at"),
        (PastRevision { created_at: time(0), ..two.clone() }, "/created_at"),
        (PastRevision { created_by: None, ..two.clone() }, "/created_at"),
        (PastRevision { base: Revision::new(2), ..two.clone() }, "/history/base"),
        (PastRevision { document: one.document.clone(), ..two.clone() }, ""),
        (PastRevision { is_deleted: true, ..two.clone() }, ""),
    ] {
        assert_eq!(invalid(import(store, 1, past.clone()).await), pointer, "{past:?}");
    }
    for past in [
        PastRevision { created_at: ahead, updated_at: ahead, ..one.clone() },
        PastRevision { updated_at: ahead, ..one.clone() },
        PastRevision { created_at: before_1970, ..one.clone() },
        PastRevision { created_at: two.updated_at, ..one.clone() },
    ] {
        assert!(matches!(import(store, 2, past).await, Err(Error::Invalid(_))));
    }
    assert!(matches!(
        import(store, 2, PastRevision { is_deleted: true, ..one.clone() }).await,
        Err(Error::Invalid(_))
    ));
    assert_eq!(get(store, 1).await, at_one, "nothing of this was kept");
    for past in [two.clone(), three.clone()] {
        import(store, 1, past).await.expect("kept");
    }
    assert_eq!(
        invalid(import(store, 1, PastRevision { is_deleted: true, ..four.clone() }).await),
        "/deleted_at"
    );
    import(store, 1, four).await.expect("kept");
    assert!(
        matches!(import(store, 1, two).await, Err(Error::Stale { .. })),
        "it is passed already"
    );
    assert_eq!(store.changes_after(0, 10).await.expect("readable").len(), 4);
}

pub async fn an_import_of_old_times_is_seen_by_followers_and_lifts_no_stamp(
    store: &Subject,
    clock: &TestClock,
) {
    create(store, 1, named("Ada")).await;
    let mut poller = Poller::default();
    poller.poll(store, 10).await.expect("a list");
    let [one, two, ..] = history();
    import(store, 2, one).await.expect("kept");
    import(store, 2, two).await.expect("kept");
    poller.poll(store, 10).await.expect("a list");
    assert_eq!(
        poller.seen.get(&id(2)),
        Some(&revision(2)),
        "a follower sees it, however old its times are"
    );
    let since_start =
        Poller::changed(store, Since::Time(persona_model::Clock::now(clock)), 10, None)
            .await
            .expect("a list");
    assert!(
        since_start.items.iter().all(|item| item.id != id(2)),
        "a list by time goes by updated_at"
    );
    // The next time must be later than that of the last change made here, even if the clock goes
    // back.
    clock.jump_micros(-1_000_000);
    create(store, 3, named("Zoe")).await;
    assert!(
        member(store, 3, "created_at").await.as_str()
            > member(store, 1, "created_at").await.as_str()
    );
    clock.advance_micros(3_000_000);
    let now = persona_model::Clock::now(clock);
    for number in [1, 2] {
        merge(store, number, json!({ "nickname": "A" })).await.expect("patched");
        let stamp = member(store, number, "updated_at").await;
        let stamp = Timestamp::parse(stamp.as_str().expect("text")).expect("a time");
        assert!((0..1_000).contains(&(stamp.as_micros() - now.as_micros())), "{stamp} at {now}");
    }
    assert_eq!(member(store, 2, "created_at").await, time(1).to_string());
    poller.poll(store, 10).await.expect("a list");
    assert_eq!(poller.seen.get(&id(2)), Some(&revision(3)));
}

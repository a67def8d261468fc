//! Autosaves without an author: one is dropped where the next one names its key, and no guess at a
//! key drops anything.

use persona_model::Precondition;
use serde_json::json;

use super::TestClock;
use super::label_keys::with_key;
use super::labels::{all, label_move, to};
use super::moved_handles::HOUR_MICROS;
use super::reach::{bound_to, guarded};
use super::squashing::{autosave, kept, patch, saved};
use super::steps::{Subject, create, document, id, idempotent, named, revision};
use crate::{AtomicBatch, Error, LabelTarget, Operation, Outcome, Squash, Viewer, Write};

/// An autosave of the first persona without an author, under this key, that names another key.
fn nameless(key: &str, replaced: Option<&str>) -> Write {
    let squash = Squash::of_seconds(900).map(|of| Squash { key: replaced.map(Into::into), ..of });
    idempotent(Write { author: None, squash, ..autosave(named(key)) }, key, 1)
}

/// The same of a writer with a name.
fn by(author: &str, save: Write) -> Write {
    Write { author: Some(author.into()), ..save }
}

/// Two autosaves of the first persona, of which the second one names the key of the first.
async fn two_saved(store: &Subject) {
    create(store, 1, named("Ada")).await;
    saved(store, nameless("first", None)).await;
    saved(store, nameless("second", Some("first"))).await;
    assert_eq!(kept(store).await, [3, 1], "the control");
}

pub async fn an_autosave_without_an_author_is_dropped_by_one_that_names_its_key(
    store: &Subject,
    _clock: &TestClock,
) {
    two_saved(store).await;
    let nickname = patch(json!({ "nickname": "n" }), None);
    saved(store, Write { operation: nickname, ..nameless("third", Some("second")) }).await;
    let (id, precondition, document) = (id(1), Precondition::Any, document(named("replaced")));
    let replace = Operation::Replace { id, precondition, document };
    saved(store, Write { operation: replace, ..nameless("fourth", Some("third")) }).await;
    let batch = AtomicBatch::new(vec![nameless("fifth", Some("fourth"))]).expect("a batch");
    store.write_all(batch).await.expect("applied");
    let last = saved(store, nameless("sixth", Some("fifth"))).await.representation;
    assert_eq!((last.revision, kept(store).await), (revision(7), vec![7, 1]));
    let record = store.revision(id, revision(7)).await.expect("readable").expect("kept");
    assert_eq!((record.author, record.note), (None, None));
    assert_eq!(record.changed, ["name", "nickname"], "what all of them changed");
    // Repetitions are answered as those of any other autosave.
    let again = store.write(nameless("first", None)).await;
    assert!(matches!(again, Err(Error::RevisionDropped { .. })), "{again:?}");
    let again = store.write(nameless("sixth", Some("fifth"))).await.expect("answered");
    assert_eq!((again.replayed, again.representation, kept(store).await), (true, last, vec![7, 1]));
}

/// Some saves, of which the last one drops nothing.
type Case = (&'static str, Vec<Write>);

fn saves_of_which_none_is_dropped() -> Vec<Case> {
    let key = |save: Write| Write { idempotency: None, ..save };
    let plain = |save: Write| Write { squash: None, ..save };
    let noted = |save: Write| Write { note: Some("why".into()), ..save };
    let handled =
        |save: Write| Write { operation: patch(json!({ "handle": "ada" }), None), ..save };
    vec![
        ("no key is named", vec![nameless("a", None), nameless("a2", None)]),
        ("a wrong key is named", vec![nameless("b", None), nameless("b2", Some("B"))]),
        ("its own key is named", vec![nameless("c", None), nameless("c2", Some("c2"))]),
        (
            "the key of an older revision is named",
            vec![nameless("d", None), nameless("d2", None), nameless("d3", Some("d"))],
        ),
        ("it has no key", vec![key(nameless("e", None)), nameless("e2", Some("e"))]),
        ("it has an author", vec![by("Ada", nameless("f", None)), nameless("f2", Some("f"))]),
        ("the next has an author", vec![nameless("g", None), by("Ada", nameless("g2", Some("g")))]),
        (
            "the authors differ",
            vec![by("Ada", nameless("h", None)), by("Eve", nameless("h2", Some("h")))],
        ),
        ("it is no autosave", vec![plain(nameless("i", None)), nameless("i2", Some("i"))]),
        ("it has a note", vec![noted(nameless("k", None)), nameless("k2", Some("k"))]),
        ("it moved a handle", vec![handled(nameless("l", None)), nameless("l2", Some("l"))]),
    ]
}

pub async fn what_was_not_made_under_the_named_key_is_kept(store: &Subject, clock: &TestClock) {
    two_saved(store).await;
    let mut expected = vec![3, 1];
    for (case, saves) in saves_of_which_none_is_dropped() {
        // Nothing of the case before is dropped.
        clock.advance_micros(HOUR_MICROS);
        for save in saves {
            expected.insert(0, expected[0] + 1);
            saved(store, save).await;
        }
        assert_eq!(kept(store).await, expected, "{case}");
    }
    // Outside of the window, and within it.
    clock.advance_micros(HOUR_MICROS);
    saved(store, nameless("m", Some("l2"))).await;
    expected.insert(0, expected[0] + 1);
    assert_eq!(kept(store).await, expected);
    saved(store, nameless("n", Some("m"))).await;
    expected[0] += 1;
    assert_eq!(kept(store).await, expected, "the control");
}

pub async fn a_key_that_made_another_revision_or_none_drops_nothing(
    store: &Subject,
    _clock: &TestClock,
) {
    two_saved(store).await;
    // Another persona has a revision of the same number.
    create(store, 2, named("Eve")).await;
    for key in ["of another", "of another too"] {
        let save = nameless(key, None);
        let operation = save.operation.clone().about(id(2));
        saved(store, Write { operation, ..save }).await;
    }
    saved(store, nameless("third", Some("of another too"))).await;
    assert_eq!(kept(store).await, [4, 3, 1]);
    // A request that changed nothing is answered with what another one made.
    let idle = Write { operation: patch(named("third"), None), ..nameless("idle", None) };
    assert_eq!(store.write(idle).await.expect("answered").outcome, Outcome::Unchanged);
    saved(store, nameless("fourth", Some("idle"))).await;
    assert_eq!(kept(store).await, [5, 4, 3, 1]);
    // Moves of labels are answered under keys too.
    with_key(store, vec![label_move(1, "live", to(1))], ("moves", 1)).await.expect("moved");
    saved(store, nameless("fifth", Some("moves"))).await;
    assert_eq!(kept(store).await, [6, 5, 4, 3, 1]);
    saved(store, nameless("sixth", Some("fifth"))).await;
    assert_eq!(kept(store).await, [7, 5, 4, 3, 1], "the control");
}

pub async fn a_revision_that_a_label_ever_named_is_kept_whatever_key_is_named(
    store: &Subject,
    _clock: &TestClock,
) {
    two_saved(store).await;
    all(store, vec![label_move(1, "live", to(3))]).await.expect("moved");
    all(store, vec![label_move(1, "live", LabelTarget::Nowhere)]).await.expect("removed");
    saved(store, nameless("third", Some("second"))).await;
    saved(store, nameless("fourth", Some("third"))).await;
    assert_eq!(kept(store).await, [5, 3, 1]);
}

pub async fn the_key_of_another_client_drops_nothing(store: &Subject, clock: &TestClock) {
    create(store, 1, json!({ "name": "Ada", "owner": "ada" })).await;
    let clients = [bound_to("ada", 1, false), bound_to("ada", 2, false), Viewer::trusted()];
    let door = guarded(store);
    let mut expected = vec![1];
    for (writer, first) in clients.iter().enumerate() {
        for (next, second) in clients.iter().enumerate() {
            clock.advance_micros(HOUR_MICROS);
            let key = format!("{writer}-{next}");
            door.view(first).write(nameless(&key, None)).await.expect("saved");
            let naming = nameless(&format!("{key}-next"), Some(&key));
            let made = door.view(second).write(naming).await.expect("saved").representation;
            let newest = made.revision.number();
            if writer == next {
                expected.insert(0, newest);
            } else {
                expected.splice(0..0, [newest, newest - 1]);
            }
            assert_eq!(kept(store).await, expected, "client {next} names a key of {writer}");
        }
    }
}

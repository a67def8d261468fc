//! Cases: documents are replaced.

use persona_model::{Clock, EntityTag, Patch, Precondition, Timestamp};
use serde_json::json;

use super::TestClock;
use super::steps::{
    Subject, create, delete, document, get, guess, id, json_of, named, replace, revision, write,
};
use crate::{Error, Operation, Outcome};

pub async fn replacing_with_the_current_revision_makes_the_next_one(
    store: &Subject,
    clock: &TestClock,
) {
    let first = create(store, 1, json!({ "name": "Ada", "description": "first" })).await;
    clock.advance_micros(1_000_000);
    let written =
        replace(store, 1, Precondition::at(first.tag()), named("Ada L.")).await.expect("replaced");
    assert_eq!((written.outcome, written.representation.revision), (Outcome::Updated, revision(2)));
    assert_eq!(get(store, 1).await, written.representation);
    let body = json_of(&written.representation);
    assert_eq!((&body["name"], &body["description"]), (&json!("Ada L."), &json!("")));
    assert_eq!(
        (&body["created_at"], &body["updated_at"]),
        (&json!("2026-11-24T12:00:00.000000Z"), &json!("2026-11-24T12:00:01.000000Z"))
    );
}

pub async fn replacing_with_a_stale_revision_is_refused_and_changes_nothing(
    store: &Subject,
    _clock: &TestClock,
) {
    let first = create(store, 1, named("Ada")).await;
    let second =
        replace(store, 1, Precondition::Any, named("Bea")).await.expect("replaced").representation;
    let later = EntityTag { revision: revision(3), ..second.tag() };
    for stale in
        [Precondition::at(first.tag()), Precondition::at(later), Precondition::OneOf(vec![])]
    {
        let refused = replace(store, 1, stale, named("Eve")).await.expect_err("refused");
        assert!(
            matches!(refused, Error::Stale { current } if current == second.tag()),
            "{refused}"
        );
    }
    assert_eq!(get(store, 1).await, second);
    replace(store, 1, Precondition::OneOf(vec![first.tag(), second.tag()]), named("Cleo"))
        .await
        .expect("one of them is current");
}

pub async fn replacing_with_the_same_document_changes_nothing(store: &Subject, clock: &TestClock) {
    let first = create(store, 1, named("Ada")).await;
    clock.advance_micros(1_000_000);
    let written =
        replace(store, 1, Precondition::at(first.tag()), named("Ada")).await.expect("accepted");
    assert_eq!(written.outcome, Outcome::Unchanged);
    assert_eq!(written.representation, first);
    assert_eq!(get(store, 1).await, first);
}

/// The tag has the current revision with another checksum, as after a restore of a backup.
pub async fn a_tag_of_the_current_revision_with_other_content_is_refused_by_every_write(
    store: &Subject,
    _clock: &TestClock,
) {
    let current = create(store, 1, named("Ada")).await;
    let others = [current.checksum ^ 1, current.checksum ^ 0x8000_0000, 0, u32::MAX]
        .map(|checksum| EntityTag { checksum, ..current.tag() });
    let precondition = || {
        Precondition::OneOf(
            others.iter().copied().filter(|other| *other != current.tag()).collect(),
        )
    };
    let patch = Patch::merge(named("Eve")).expect("a merge patch");
    let writes = [
        Operation::Replace {
            id: id(1),
            precondition: precondition(),
            document: document(named("Eve")),
        },
        Operation::Patch { id: id(1), precondition: precondition(), patch, base: None },
        Operation::Delete { id: id(1), precondition: precondition() },
    ];
    for operation in writes {
        let refused = store.write(write(operation)).await.expect_err("refused");
        assert!(
            matches!(refused, Error::Stale { current: named } if named == current.tag()),
            "{refused}"
        );
        assert_eq!(get(store, 1).await, current);
    }
    let deleted =
        delete(store, 1, Precondition::at(current.tag())).await.expect("deleted").representation;
    let other = EntityTag { checksum: !deleted.checksum, ..deleted.tag() };
    let refused = store
        .write(write(Operation::Undelete { id: id(1), precondition: Precondition::at(other) }))
        .await
        .expect_err("refused");
    assert!(matches!(refused, Error::Stale { current } if current == deleted.tag()), "{refused}");
}

pub async fn a_date_is_met_by_a_state_that_is_no_later(store: &Subject, clock: &TestClock) {
    let mut current = create(store, 1, named("Ada")).await;
    let patch = || Patch::merge(named("Eve")).expect("a merge patch");
    let writes: [&dyn Fn(Precondition) -> Operation; 4] = [
        &|precondition| Operation::Replace {
            id: id(1),
            precondition,
            document: document(named("Bea")),
        },
        &|precondition| Operation::Patch { id: id(1), precondition, patch: patch(), base: None },
        &|precondition| Operation::Delete { id: id(1), precondition },
        &|precondition| Operation::Undelete { id: id(1), precondition },
    ];
    for operation in writes {
        let began = current.updated_at();
        clock.advance_micros(300_000);
        let before = Timestamp::from_micros(began.as_micros() - 1);
        let refused = store
            .write(write(operation(Precondition::UnmodifiedSince(before))))
            .await
            .expect_err("refused");
        assert!(
            matches!(refused, Error::Stale { current: named } if named == current.tag()),
            "{refused}"
        );
        current = store
            .write(write(operation(Precondition::UnmodifiedSince(began))))
            .await
            .expect("it is no later")
            .representation;
        assert_eq!(current.updated_at().as_micros(), began.as_micros() + 300_000);
    }
}

pub async fn replacing_an_unknown_persona_is_refused(store: &Subject, _clock: &TestClock) {
    let refused =
        replace(store, 1, guess(&[revision(1)]), named("Ada")).await.expect_err("refused");
    assert!(matches!(refused, Error::NotFound), "{refused}");
    assert_eq!(store.get(id(1)).await.expect("readable"), None);
}

pub async fn times_grow_with_every_revision_even_when_the_clock_is_set_back(
    store: &Subject,
    clock: &TestClock,
) {
    create(store, 1, named("Ada")).await;
    clock.advance_micros(-1_000_000);
    let written = replace(store, 1, Precondition::Any, named("Bea")).await.expect("replaced");
    assert_eq!(
        json_of(&written.representation)["updated_at"],
        json!("2026-11-24T12:00:00.000001Z")
    );
}

/// Longer than a jump of the clock has to last before it is believed.
const LASTED_US: i64 = 301_000_000;
const YEAR_US: i64 = 365 * 86_400_000_000;

/// When a persona was last changed, as microseconds after the beginning of the case.
async fn changed_at(store: &Subject, number: u8, name: &str) -> i64 {
    let written = replace(store, number, Precondition::Any, named(name)).await.expect("replaced");
    let text = json_of(&written.representation)["updated_at"]
        .as_str()
        .and_then(Timestamp::parse)
        .expect("a time");
    text.as_micros() - TestClock::default().now().as_micros()
}

pub async fn a_clock_that_jumps_is_not_believed_until_that_has_lasted(
    store: &Subject,
    clock: &TestClock,
) {
    create(store, 1, named("a")).await;
    for (jump, began) in [(YEAR_US, 0), (-2 * YEAR_US, 2_000_000)] {
        clock.jump_micros(jump);
        clock.advance_micros(1_000_000);
        assert_eq!(changed_at(store, 1, &format!("beside {jump}")).await, began + 1_000_000);
        clock.jump_micros(-jump);
        assert_eq!(changed_at(store, 1, &format!("after {jump}")).await, began + 1_000_001);
        clock.advance_micros(1_000_000);
    }
}

pub async fn a_stamp_of_a_wrong_clock_lifts_no_other(store: &Subject, clock: &TestClock) {
    for number in [1, 2] {
        create(store, number, named("a")).await;
    }
    // The clock is wrong for so long that it is believed.
    clock.jump_micros(YEAR_US);
    assert_eq!(changed_at(store, 1, "b").await, 2);
    clock.advance_micros(LASTED_US);
    assert_eq!(changed_at(store, 1, "c").await, YEAR_US + LASTED_US);
    clock.jump_micros(-YEAR_US);
    assert_eq!(changed_at(store, 2, "b").await, YEAR_US + LASTED_US + 1);
    clock.advance_micros(LASTED_US);
    // Right again: neither the others nor the persona itself are where the wrong clock was, and
    // stamps grow as before.
    assert_eq!(changed_at(store, 2, "c").await, 2 * LASTED_US);
    assert_eq!(changed_at(store, 1, "d").await, 2 * LASTED_US + 1);
    assert_eq!(changed_at(store, 2, "d").await, 2 * LASTED_US + 2);
}

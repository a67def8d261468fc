//! Cases: what a viewer that is bound to an owner is told of places in the feed proves nothing of
//! the personas of others.

use persona_model::{Cursor, FeedPlace, Filter, ListRequest, Position, Since, Sort, Timestamp};
use serde_json::json;

use super::TestClock;
use super::polling::end_of_feed;
use super::reach::{bound_to, guarded};
use super::steps::{Subject, create, id, merge};
use crate::{Error, Page, View, Viewer};

/// Where the lines of the personas are: two of its own, and two of another owner behind them.
async fn lines(store: &Subject) -> Vec<Position> {
    for (number, owner) in [(1, "ada"), (2, "ada"), (3, "bea")] {
        create(store, number, json!({ "name": "Ada", "owner": owner })).await;
    }
    merge(store, 3, json!({ "nickname": "B" })).await.expect("changed");
    end_of_feed(store).await;
    let lines = store.changes_after(0, 10).await.expect("readable");
    assert_eq!(lines.len(), 4);
    lines.iter().map(Position::of).collect()
}

async fn changed(view: View<'_>, since: Since, after: Option<&str>) -> Result<Page, Error> {
    let filter = Filter { updated_since: Some(since), ..Filter::default() };
    let sort = "name".parse::<Sort>().expect("an order");
    let after = after.map(|text| Cursor::decode(text, &filter, sort).expect("its own cursor"));
    view.list(ListRequest { filter, sort, after, limit: 1, count: false }).await
}

pub async fn a_place_confirms_no_guess_at_a_line_of_another_owner(
    store: &Subject,
    _clock: &TestClock,
) {
    let (lines, store) = (lines(store).await, guarded(store));
    let (ada, all) = (bound_to("ada", 9, false), Viewer::trusted());
    let (view, unbound) = (store.view(&ada), store.view(&all));
    for (number, line) in lines.iter().enumerate() {
        let place = FeedPlace::from(*line);
        assert_eq!(unbound.told(place).await.expect("told"), place);
        assert_eq!(unbound.meant(place).await.expect("meant"), place);
        let told = view.told(place).await.expect("told");
        assert!(told.sequence == place.sequence && told.proof != place.proof, "{told}");
        assert_eq!(view.meant(told).await.expect("as it was told"), place);
        // The proof itself counts for a line that the viewer reaches.
        let meant = view.meant(place).await;
        if number < 2 {
            assert_eq!(meant.expect("an own line"), place);
        } else {
            assert!(matches!(meant, Err(Error::UnknownPosition)), "{meant:?}");
        }
        let number_alone = FeedPlace { proof: None, ..place };
        assert_eq!(view.told(number_alone).await.expect("told"), number_alone);
        assert_eq!(view.meant(number_alone).await.expect("meant"), number_alone);
        let other = FeedPlace { proof: place.proof.map(|proof| proof ^ 1), ..place };
        let refused = view.meant(other).await;
        assert!(matches!(refused, Err(Error::UnknownPosition)), "{refused:?}");
    }
    let beginning = FeedPlace::BEGINNING;
    assert_eq!(view.meant(beginning).await.expect("meant"), beginning);
    let beyond = Position { sequence: lines[3].sequence + 4096, proof: 1 };
    let refused = view.meant(beyond.into()).await;
    assert!(matches!(refused, Err(Error::UnknownPosition)), "{refused:?}");
}

pub async fn a_bound_viewer_follows_its_lists_by_places_that_prove_nothing(
    store: &Subject,
    _clock: &TestClock,
) {
    let (lines, guarded) = (lines(store).await, guarded(store));
    let ada = bound_to("ada", 9, false);
    let view = guarded.view(&ada);
    let first = changed(view, Since::Time(Timestamp::default()), None).await.expect("listed");
    let told = first.position.expect("a place");
    assert!(told.sequence == lines[3].sequence && told != lines[3], "{told}");
    let none = changed(view, Since::Position(told), None).await.expect("listed");
    assert_eq!((none.items.len(), none.position), (0, Some(told)));
    // From an own line on, page by page, with cursors of the list that the viewer asked for.
    let own = view.told(lines[0].into()).await.expect("told");
    let own = Position { proof: own.proof.expect("a proof"), ..lines[0] };
    for since in [lines[0], own] {
        for number in [1, 2] {
            merge(store, number, json!({ "nickname": since.to_string() })).await.expect("changed");
        }
        end_of_feed(store).await;
        let page = changed(view, Since::Position(since), None).await.expect("listed");
        let cursor = page.next_cursor.expect("another page");
        let next = changed(view, Since::Position(since), Some(&cursor)).await.expect("listed");
        let found = [&page.items[0], &next.items[0]].map(|item| item.id);
        assert_eq!((found, next.next_cursor), ([id(1), id(2)], None));
    }
    for other in [lines[2], lines[3], Position { proof: 7, ..lines[0] }] {
        let refused = changed(view, Since::Position(other), None).await;
        assert!(matches!(refused, Err(Error::UnknownPosition)), "{refused:?}");
    }
}

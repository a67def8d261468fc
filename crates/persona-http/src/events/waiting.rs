//! The followers that wait at the newest event. A batch in which one of them wants nothing is
//! passed over for it, so that only followers are woken that may be told something.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use persona_model::FeedPlace;
use persona_storage::GuardedStore;

use super::batch::Batch;
use super::feed::Shared;
use super::selection::Selection;

/// See the module.
#[derive(Default)]
pub(super) struct Waiting {
    followers: HashMap<Entry, Follower>,
    /// Followers enter in this order.
    next: Entry,
}

/// The number under which a follower waits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub(super) struct Entry(u64);

/// One that waits.
struct Follower {
    selection: Arc<Selection>,
    /// The place behind which it goes on: that of the newest event, or one further on.
    place: FeedPlace,
    /// `None` until it is polled, and once it is woken.
    waker: Option<Waker>,
    is_woken: bool,
}

impl Follower {
    fn wake(&mut self) {
        self.is_woken = true;
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Waiting {
    pub(super) fn enter(&mut self, selection: Arc<Selection>, place: FeedPlace) -> Entry {
        let entry = self.next;
        self.next.0 += 1;
        let follower = Follower { selection, place, waker: None, is_woken: false };
        self.followers.insert(entry, follower);
        entry
    }

    /// Whether the owners of the personas of a batch decide for a follower that waits; then the
    /// entry behind all that wait now.
    pub(super) fn asks_for_owners(&self, batch: &Batch) -> Option<Entry> {
        let mut waiting = self.followers.values();
        waiting
            .any(|one| one.selection.viewer.is_bound() && one.wants_of(batch))
            .then_some(self.next)
    }

    /// Wakes those that may be told something of a batch, and moves the others on behind it.
    ///
    /// Those with a token of an owner that entered before `looked` also pass over a batch of
    /// personas of others: the look at the owners was made while they waited.
    pub(super) fn tell(&mut self, batch: &Batch, store: &GuardedStore, looked: Option<Entry>) {
        for (entry, one) in &mut self.followers {
            if one.is_woken || one.place.sequence >= batch.end().sequence {
                continue;
            }
            let viewer = &one.selection.viewer;
            let is_beyond = || {
                looked.is_some_and(|looked| *entry < looked)
                    && viewer.is_bound()
                    && batch.first_look_is_beyond(store.view(viewer))
            };
            if one.wants_of(batch) && !is_beyond() {
                one.wake();
            } else {
                one.place = batch.end().into();
            }
        }
    }

    pub(super) fn wake_all(&mut self) {
        self.followers.values_mut().for_each(Follower::wake);
    }
}

impl Follower {
    /// Whether it wants an event of a batch, as far as the events themselves tell.
    fn wants_of(&self, batch: &Batch) -> bool {
        batch.behind(self.place.sequence).iter().any(|line| self.selection.wants(line))
    }
}

/// The wait of one follower. It ends when the follower has to look again; however it ends, the
/// place of the follower is then behind what was passed over for it.
pub(super) struct Wait<'a> {
    pub feed: &'a Shared,
    pub entry: Entry,
    pub place: &'a mut FeedPlace,
}

impl Future for Wait<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<()> {
        let mut state = self.feed.state();
        match state.waiting.followers.get_mut(&self.entry) {
            Some(one) if !one.is_woken => {
                one.waker.get_or_insert_with(|| task.waker().clone()).clone_from(task.waker());
                Poll::Pending
            }
            _ => Poll::Ready(()),
        }
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let left = self.feed.state().waiting.followers.remove(&self.entry);
        if let Some(one) = left {
            *self.place = one.place;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::{Context, Waker};

    use persona_model::{FeedPlace, PersonaId};
    use persona_storage::{GuardedStore, Store, Viewer};
    use uuid::Uuid;

    use super::super::batch::Batch;
    use super::super::batch::tests::{batch, event, looked};
    use super::super::feed::{Counted, EventFeed};
    use super::super::reach::tests::of_owner;
    use super::super::selection::Selection;
    use super::{Entry, Waiting};
    use crate::EventLimits;
    use crate::testing::memory_store;

    /// A selection of all events of one persona, or of all personas.
    fn selection(viewer: Viewer, persona: Option<PersonaId>) -> Arc<Selection> {
        Arc::new(Selection {
            viewer,
            personas: persona.into_iter().collect(),
            kinds: vec![],
            tags: vec![],
            owner: None,
            labels: vec![],
        })
    }

    fn of_everything() -> Arc<Selection> {
        selection(Viewer::trusted(), None)
    }

    /// A selection that no event of the tests meets.
    fn of_nothing() -> Arc<Selection> {
        selection(Viewer::trusted(), Some(PersonaId::new(Uuid::from_u128(7))))
    }

    fn place(sequence: u64) -> FeedPlace {
        event(sequence).position().into()
    }

    fn store() -> (Arc<dyn Store>, GuardedStore) {
        let store: Arc<dyn Store> = Arc::new(memory_store());
        (Arc::clone(&store), GuardedStore::new(store))
    }

    /// Whether each follower is woken, and its place.
    fn state_of(waiting: &Waiting, entries: &[Entry]) -> Vec<(bool, u64)> {
        let of = |entry| {
            let one = &waiting.followers[entry];
            (one.is_woken, one.place.sequence)
        };
        entries.iter().map(of).collect()
    }

    #[test]
    fn only_those_are_woken_that_want_an_event_behind_their_place() {
        let (mut waiting, (_, store)) = (Waiting::default(), store());
        let entries = [
            waiting.enter(of_everything(), place(3)),
            waiting.enter(of_nothing(), place(3)),
            // These read further in the store than the batch goes.
            waiting.enter(of_everything(), place(5)),
            waiting.enter(of_nothing(), place(9)),
        ];
        waiting.tell(&batch(3, &[4, 5]), &store, None);
        let expected = [(true, 3), (false, 5), (false, 5), (false, 9)];
        assert_eq!(state_of(&waiting, &entries), expected);
        waiting.tell(&batch(5, &[6]), &store, None);
        let expected = [(true, 3), (false, 6), (true, 5), (false, 9)];
        assert_eq!(state_of(&waiting, &entries), expected);
        waiting.wake_all();
        assert!(state_of(&waiting, &entries).iter().all(|(is_woken, _)| *is_woken));
    }

    /// A batch of two events of a persona of `ada`.
    fn of_ada() -> Batch {
        let batch = batch(3, &[4, 5]);
        let persona = event(4).change.persona;
        looked(batch, vec![(persona, "ada".into())])
    }

    #[test]
    fn a_token_of_an_owner_passes_over_others_by_a_look_at_a_time_when_it_waited() {
        let (mut waiting, (_, store)) = (Waiting::default(), store());
        let unbound = waiting.enter(of_nothing(), place(3));
        assert_eq!(waiting.asks_for_owners(&of_ada()), None, "no look is made for {unbound:?}");
        let mut entries =
            vec![waiting.enter(selection(of_owner("ada"), None), place(3)), waiting.next];
        waiting.enter(selection(of_owner("bea"), None), place(3));
        let looked = waiting.asks_for_owners(&of_ada());
        entries.push(waiting.enter(selection(of_owner("bea"), None), place(3)));
        waiting.tell(&of_ada(), &store, looked);
        // The last one came after the look, so it looks for itself.
        assert_eq!(state_of(&waiting, &entries), [(true, 3), (false, 5), (true, 3)]);
    }

    #[test]
    fn a_look_that_finds_no_owner_hides_nothing_from_those_without() {
        let (mut waiting, (_, store)) = (Waiting::default(), store());
        let unbound = waiting.enter(of_everything(), place(3));
        let bound = waiting.enter(selection(of_owner("ada"), None), place(3));
        // The persona is there no more.
        let batch = looked(batch(3, &[4, 5]), vec![]);
        let looked = waiting.asks_for_owners(&batch);
        waiting.tell(&batch, &store, looked);
        assert_eq!(state_of(&waiting, &[unbound, bound]), [(true, 3), (false, 5)]);
    }

    #[test]
    fn without_a_look_those_with_a_token_of_an_owner_are_woken() {
        for (batch, looks) in [(of_ada(), false), (batch(3, &[4, 5]), true)] {
            let (mut waiting, (_, store)) = (Waiting::default(), store());
            let entry = waiting.enter(selection(of_owner("bea"), None), place(3));
            let looked = waiting.asks_for_owners(&batch).filter(|_| looks);
            waiting.tell(&batch, &store, looked);
            assert_eq!(state_of(&waiting, &[entry]), [(true, 3)]);
        }
    }

    /// A feed with a watcher, and the place behind its newest event.
    async fn watched() -> (EventFeed, Counted, FeedPlace) {
        let feed = EventFeed::new(store().0, EventLimits::ALONE);
        let counted = feed.place(None).expect("a place");
        counted.feed.watch().await.expect("a watcher");
        let end = counted.feed.store.feed_end().await.expect("an end").into();
        (feed, counted, end)
    }

    #[tokio::test]
    async fn a_wait_that_is_given_up_has_passed_over_what_came() {
        let (_feed, counted, mut place) = watched().await;
        let wait = counted.feed.wait(&of_nothing(), &mut place).expect("it waits");
        let from = wait.place.sequence;
        let number = from + 1;
        let (_, guarded) = store();
        counted.feed.state().waiting.tell(&batch(from, &[number]), &guarded, None);
        drop(wait);
        assert_eq!(place.sequence, number);
        assert!(counted.feed.state().waiting.followers.is_empty());
    }

    #[tokio::test]
    async fn a_wait_ends_with_the_feed_and_with_the_watcher() {
        for ends_feed in [true, false] {
            let (feed, counted, mut place) = watched().await;
            let wait = counted.feed.wait(&of_nothing(), &mut place).expect("it waits");
            let mut wait = pin!(wait);
            let task = &mut Context::from_waker(Waker::noop());
            assert!(wait.as_mut().poll(task).is_pending());
            if ends_feed {
                feed.end();
            } else {
                counted.feed.end_watching();
            }
            assert!(wait.as_mut().poll(task).is_ready());
        }
    }

    #[tokio::test]
    async fn one_that_comes_during_a_look_is_not_taken_for_one_that_was_there() {
        let (_feed, counted, place) = watched().await;
        let number = place.sequence + 1;
        counted.feed.look(&batch(place.sequence, &[number])).await;
        assert_eq!(counted.feed.newest(), number, "before the batch is told");
    }
}

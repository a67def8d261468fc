//! Events that were read together, as text that is made once for all followers.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use persona_model::{ChangeKind, PersonaId, Position};
use persona_storage::{Error, Event, GuardedStore, Owners, Representation, View};
use tokio::sync::OnceCell;

use super::marks::{self, Marks};
use super::reach::Look;
use super::shared_look::SharedLook;
use crate::contract::events::Event as EventBody;

/// Some events of the feed that follow each other, at least one.
pub(super) struct Batch {
    /// The sequence number of the line before the batch. No event is missing between it and the
    /// last event of the batch.
    before: u64,
    lines: Vec<Line>,
    /// All events in the form of a stream.
    text: Bytes,
    end: Position,
    /// The owners that its personas had at the first look.
    first_owners: OnceCell<Owners>,
    looks: SharedLook<Look>,
}

/// One event.
pub(super) struct Line {
    pub event: Event,
    /// The range of the event in the text of the batch.
    part: Range<usize>,
    /// The range of its JSON in the text of the batch.
    json: Range<usize>,
    /// The tags and owners that the persona had before and after the change, read at the first use.
    marks: OnceCell<Marks>,
}

impl Batch {
    /// Makes a batch of the events behind a line; `None` where there are none.
    pub(super) fn of(before: u64, events: Vec<Event>) -> Option<Self> {
        let end = events.last()?.position();
        let mut text = Vec::with_capacity(events.len() * 256);
        let mut lines = Vec::with_capacity(events.len());
        for event in events {
            let start = text.len();
            text.extend_from_slice(format!("id: {}\ndata: ", event.change.sequence).as_bytes());
            let json_start = text.len();
            serde_json::to_writer(&mut text, &EventBody::of(&event)).expect("an event is JSON");
            let json = json_start..text.len();
            text.extend_from_slice(b"\n\n");
            lines.push(Line { event, part: start..text.len(), json, marks: OnceCell::new() });
        }
        let (text, first_owners, looks) = (text.into(), OnceCell::new(), SharedLook::new());
        Some(Self { before, lines, text, end, first_owners, looks })
    }

    /// The sequence number of the line before the batch.
    pub(super) fn before(&self) -> u64 {
        self.before
    }

    /// The position of the last event.
    pub(super) fn end(&self) -> Position {
        self.end
    }

    /// How many events there are.
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// All events in the form of a stream.
    pub(super) fn text(&self) -> Bytes {
        self.text.clone()
    }

    /// The events behind the line with this number.
    pub(super) fn behind(&self, sequence: u64) -> &[Line] {
        let at = self.lines.partition_point(|line| line.event.change.sequence <= sequence);
        &self.lines[at..]
    }

    /// The owners that the personas of all events have now.
    pub(super) async fn look(&self, store: &GuardedStore) -> Result<Arc<Look>, Error> {
        self.looks.ask(async || self.owners_now(store).await.map(Look::at)).await
    }

    /// Whether a viewer reached none of the personas of all events at one time after they were
    /// read from the feed.
    ///
    /// A follower that waited then can pass over them, as if it had looked at that time itself:
    /// when a persona has come into its reach since, the change that brought it there is a later
    /// event, which it is told of.
    pub(super) async fn was_beyond(
        &self,
        view: View<'_>,
        store: &GuardedStore,
    ) -> Result<bool, Error> {
        Ok(view.reached_by(self.first_look(store).await?).is_none())
    }

    /// The owners that its personas had at the first look, which is made now where there was none.
    pub(super) async fn first_look(&self, store: &GuardedStore) -> Result<&Owners, Error> {
        self.first_owners.get_or_try_init(|| self.owners_now(store)).await
    }

    /// Whether a viewer reached none of the personas at the first look; false where there was none.
    pub(super) fn first_look_is_beyond(&self, view: View<'_>) -> bool {
        self.first_owners.get().is_some_and(|owners| view.reached_by(owners).is_none())
    }

    async fn owners_now(&self, store: &GuardedStore) -> Result<Owners, Error> {
        let personas = self.lines.iter().map(|line| line.event.change.persona);
        let personas: BTreeSet<PersonaId> = personas.collect();
        store.owners(&personas.into_iter().collect::<Vec<_>>()).await
    }

    /// An event of this batch in the form of a stream.
    pub(super) fn part_of(&self, line: &Line) -> &[u8] {
        &self.text[line.part.clone()]
    }

    /// An event of this batch as JSON.
    pub(super) fn json_of(&self, line: &Line) -> &[u8] {
        &self.text[line.json.clone()]
    }
}

impl Line {
    /// The persona at the revision of this event; `None` where that is not there any more. The
    /// caller reserves memory for it.
    pub(super) async fn persona(&self, view: View<'_>) -> Result<Option<Representation>, Error> {
        match marks::revision(&self.event.change, view).await {
            Err(Error::Purged { .. } | Error::RevisionDropped { .. }) => Ok(None),
            found => found,
        }
    }

    /// Whether the persona has a tag after the change or had it before, so that a follower of a tag
    /// is also told when a persona loses it. Of a purged persona no tags are known, so its purge is
    /// told to the followers of every tag.
    pub(super) async fn has_tag(&self, store: &GuardedStore, hash: u64) -> Result<bool, Error> {
        if self.event.change.kind == ChangeKind::Purged {
            return Ok(true);
        }
        let tags = &self.marks(store).await?.tags;
        Ok(tags.as_ref().is_none_or(|tags| tags.contains(&hash)))
    }

    /// Whether the persona has an owner after the change or had it before, so that a follower of an
    /// owner is also told when a persona is given away.
    pub(super) async fn has_owner(&self, store: &GuardedStore, hash: u64) -> Result<bool, Error> {
        let owners = &self.marks(store).await?.owners;
        Ok(owners.as_ref().is_none_or(|owners| owners.contains(&hash)))
    }

    async fn marks(&self, store: &GuardedStore) -> Result<&Marks, Error> {
        self.marks.get_or_try_init(|| Marks::of(&self.event.change, store)).await
    }
}

#[cfg(test)]
pub(super) mod tests {
    use persona_model::{Change, ChangeKind, PersonaId, Revision, Timestamp};
    use persona_storage::{Event, Owners};

    use super::Batch;

    /// The event with this number.
    pub(in crate::events) fn event(sequence: u64) -> Event {
        let change = Change {
            sequence,
            persona: PersonaId::parse("0193b0c2-7f3e-7a10-8c1d-000000000001").expect("an id"),
            revision: Revision::FIRST,
            kind: ChangeKind::Created,
            at: Timestamp::from_micros(1_795_543_841_000_120),
            label: None,
        };
        Event { change, author: Some("ada \"x\"\n".into()) }
    }

    /// The events with these numbers.
    pub(in crate::events) fn batch(before: u64, numbers: &[u64]) -> Batch {
        Batch::of(before, numbers.iter().copied().map(event).collect()).expect("some events")
    }

    /// The same batch after a first look, which found these owners.
    pub(in crate::events) fn looked(batch: Batch, owners: Vec<(PersonaId, String)>) -> Batch {
        Batch { first_owners: tokio::sync::OnceCell::new_with(Some(Owners::of(owners))), ..batch }
    }

    #[test]
    fn each_event_is_a_part_of_the_text_of_all() {
        let batch = batch(3, &[4, 9]);
        let whole = String::from_utf8(batch.text().to_vec()).expect("UTF-8");
        let parts: Vec<&str> = batch
            .behind(0)
            .iter()
            .map(|line| std::str::from_utf8(batch.part_of(line)).expect("UTF-8"))
            .collect();
        assert_eq!(parts.concat(), whole);
        assert_eq!(
            parts[1],
            "id: 9\ndata: {\"sequence\":9,\"persona\":\"0193b0c2-7f3e-7a10-8c1d-000000000001\",\
             \"revision\":1,\"kind\":\"created\",\"at\":\"2026-11-24T18:10:41.000120Z\",\
             \"by\":\"ada \\\"x\\\"\\n\"}\n\n"
        );
        assert_eq!(batch.behind(4).len(), 1);
        assert_eq!(batch.behind(9).len(), 0);
        assert!(
            parts[1]
                .contains(std::str::from_utf8(batch.json_of(&batch.behind(4)[0])).expect("UTF-8"))
        );
        assert!(Batch::of(3, Vec::new()).is_none());
    }
}

//! Events that were read together, as text that is made once for all followers.

use std::ops::Range;

use bytes::Bytes;
use persona_model::{ChangeKind, Position, folded_tag};
use persona_storage::{Error, Event, Glance, GuardedStore, Representation, View, Viewer};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

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
}

/// One event.
pub(super) struct Line {
    pub event: Event,
    /// The range of the event in the text of the batch.
    part: Range<usize>,
    /// The range of its JSON in the text of the batch.
    json: Range<usize>,
    /// The hashes of the tags that the persona had before and after the change, read at the first
    /// use.
    tags: OnceCell<Option<Box<[u64]>>>,
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
            lines.push(Line { event, part: start..text.len(), json, tags: OnceCell::new() });
        }
        Some(Self { before, lines, text: text.into(), end })
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
        Ok(if_there(self.read(view).await)?.flatten())
    }

    async fn read(&self, view: View<'_>) -> Result<Option<Representation>, Error> {
        let (id, revision) = (self.event.change.persona, self.event.change.revision);
        if let Glance::Whole(found) = view.glance(id, Some(revision)).await? {
            return Ok(found);
        }
        let record = view.revision(id, revision).await?;
        Ok(record.map(|record| record.representation))
    }

    /// Whether the persona has a tag after the change or had it before, so that a follower of a tag
    /// is also told when a persona loses it. Of a purged persona no tags are known, so its purge is
    /// told to the followers of every tag.
    pub(super) async fn has_tag(&self, store: &GuardedStore, hash: u64) -> Result<bool, Error> {
        if self.event.change.kind == ChangeKind::Purged {
            return Ok(true);
        }
        let tags = self.tags.get_or_try_init(|| self.read_tags(store)).await?;
        Ok(tags.as_ref().is_none_or(|tags| tags.contains(&hash)))
    }

    /// All followers share the tags, so they are read without the viewer of a follower. This
    /// reveals nothing: the tags only select among events that the follower may see. `None` where
    /// they are not known, because a revision was dropped from the history: then the followers of
    /// every tag are told.
    async fn read_tags(&self, store: &GuardedStore) -> Result<Option<Box<[u64]>>, Error> {
        let everyone = Viewer::trusted();
        let view = store.view(&everyone);
        let change = &self.event.change;
        let mut tags = Vec::new();
        match self.read(view).await {
            Err(Error::RevisionDropped { .. }) => return Ok(None),
            found => {
                if let Some(persona) = if_there(found)?.flatten() {
                    add_tags(&mut tags, &persona.body)?;
                }
            }
        }
        let before = change.revision.number().checked_sub(1).and_then(persona_model::Revision::new);
        if let Some(before) = before {
            match view.revision(change.persona, before).await {
                Err(Error::RevisionDropped { .. }) if self.may_change_tags(view).await? => {
                    return Ok(None);
                }
                found => {
                    if let Some(record) = if_there(found)?.flatten() {
                        add_tags(&mut tags, &record.representation.body)?;
                    }
                }
            }
        }
        tags.sort_unstable();
        tags.dedup();
        Ok(Some(tags.into()))
    }

    /// Whether the change, or one before it that was dropped from the history, changed tags.
    async fn may_change_tags(&self, view: View<'_>) -> Result<bool, Error> {
        let (id, revision) = (self.event.change.persona, self.event.change.revision);
        let record = if_there(view.revision(id, revision).await)?.flatten();
        Ok(record.is_none_or(|record| record.changed.iter().any(|field| field == "tags")))
    }
}

/// What a read found; `None` where the persona was purged since, or the revision was dropped.
fn if_there<T>(found: Result<T, Error>) -> Result<Option<T>, Error> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(Error::Purged { .. } | Error::RevisionDropped { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn add_tags(tags: &mut Vec<u64>, persona: &[u8]) -> Result<(), Error> {
    let persona: Value = serde_json::from_slice(persona)
        .map_err(|error| Error::Damaged(format!("a stored answer cannot be read: {error}")))?;
    let texts = persona["tags"].as_array().into_iter().flatten().filter_map(Value::as_str);
    tags.extend(texts.map(|tag| tag_hash(&folded_tag(tag))));
    Ok(())
}

/// The hash of a folded tag, 8 bytes, which is kept instead of the tag to save memory.
pub(super) fn tag_hash(folded: &str) -> u64 {
    let digest = Sha256::digest(folded);
    digest.iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}

#[cfg(test)]
pub(super) mod tests {
    use persona_model::{Change, ChangeKind, PersonaId, Revision, Timestamp};
    use persona_storage::Event;

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

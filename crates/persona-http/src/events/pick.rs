//! The events of a batch that a request is told of, for streams and for pages.

use bytes::{Bytes, BytesMut};
use persona_model::Position;
use persona_storage::{Error, GuardedStore, View};

use super::asked::Asked;
use super::batch::{Batch, Line};
use super::follower::Follower;

/// How much is picked at most; the last event may go beyond the bytes.
pub(super) struct Room {
    pub events: usize,
    pub bytes: usize,
}

/// See the module.
pub(super) struct Picked<'a> {
    /// Events, with their JSON where that has a persona.
    pub events: Vec<(&'a Line, Option<Bytes>)>,
    /// The last event that was looked at; `None` without any.
    pub end: Option<Position>,
}

impl Asked {
    /// Picks events behind a line.
    ///
    /// The owners of a batch are looked at together, and for all followers that do so at the same
    /// time. No event is picked of a persona that was out of reach when this was called.
    pub(super) async fn pick<'a>(
        &self,
        store: &GuardedStore,
        batch: &'a Batch,
        follower: &Follower,
        room: Room,
    ) -> Result<Picked<'a>, Error> {
        let (selection, view) = (&self.selection, store.view(&self.selection.viewer));
        let lines = batch.behind(follower.place().sequence);
        if !lines.iter().any(|line| selection.wants(line))
            || self.is_beyond(store, batch, follower).await?
        {
            let end = lines.last().map(|line| line.event.position());
            return Ok(Picked { events: Vec::new(), end });
        }
        let reach = selection.reach(store, batch).await?;
        let (mut events, mut bytes, mut end) = (Vec::new(), 0, None);
        for line in lines {
            if events.len() >= room.events || bytes >= room.bytes {
                break;
            }
            end = Some(line.event.position());
            if !selection.wants(line) || !reach.has(line) || !selection.has(store, line).await? {
                continue;
            }
            let json = batch.json_of(line);
            let json = if self.with_document {
                Some(with_document(view, line, json).await?)
            } else {
                None
            };
            bytes += json.as_ref().map_or(batch.part_of(line).len(), Bytes::len);
            events.push((line, json));
        }
        if !events.is_empty() && (self.with_document || selection.reads()) {
            // Those reads took time, in which a persona may have been given away.
            let reach = selection.reach(store, batch).await?;
            events.retain(|(line, _)| reach.has(line));
        }
        Ok(Picked { events, end })
    }

    /// Whether nothing of a batch is for a follower with a token of an owner, by a look that all
    /// such followers share.
    pub(super) async fn is_beyond(
        &self,
        store: &GuardedStore,
        batch: &Batch,
        follower: &Follower,
    ) -> Result<bool, Error> {
        let viewer = &self.selection.viewer;
        Ok(viewer.is_bound()
            && follower.was_there_for(batch)
            && batch.was_beyond(store.view(viewer), store).await?)
    }
}

/// An event with the persona at its revision, as JSON; without it where that is not there any more.
async fn with_document(view: View<'_>, line: &Line, json: &[u8]) -> Result<Bytes, Error> {
    let Some(persona) = line.persona(view).await? else { return Ok(Bytes::copy_from_slice(json)) };
    let members = json.strip_suffix(b"}").unwrap_or(json);
    let mut text = BytesMut::with_capacity(members.len() + persona.body.len() + 16);
    text.extend_from_slice(members);
    text.extend_from_slice(b",\"document\":");
    text.extend_from_slice(&persona.body);
    text.extend_from_slice(b"}");
    Ok(text.freeze())
}

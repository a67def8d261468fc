//! The bodies of `GET /api/v1/events`: what a follower gets of each change.

use persona_model::{ChangeKind, FeedPlace, PersonaId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Time;

/// The name of the event in a stream that is no change.
pub const RESET: &str = "reset";
/// Seconds between two heartbeats of a stream without events. Proxies end connections that are
/// silent for longer than 30 to 60 seconds.
pub const HEARTBEAT_SECONDS: u64 = 15;

/// One page of events.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct EventPage {
    /// The events, in the order of their commits; empty when none came.
    pub items: Vec<Event>,
    /// The value of after for the next request, so that no event is missed and none comes twice.
    pub next_after: String,
}

/// A change of a persona, as it was committed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// The place of the change in the order of commits; numbers can be left out.
    #[schemars(range(min = 1))]
    pub sequence: u64,
    /// The identity of the persona.
    #[schemars(extend("format" = "uuid"))]
    pub persona: String,
    /// The revision that the change made. Of a label the revision that it points to then, or that
    /// it pointed to before it was removed.
    #[schemars(range(min = 1))]
    pub revision: u64,
    /// What happened.
    pub kind: EventKind,
    /// When it was committed.
    pub at: Time,
    /// The author of the change, where known.
    pub by: Option<String>,
    /// Which label was moved; absent where the persona itself was changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// With include=document: the persona at this revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "persona")]
    pub document: Option<Value>,
}

/// What happened to a persona.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum EventKind {
    /// The persona was created.
    Created,
    /// The document of the persona changed.
    Updated,
    /// The persona was deleted.
    Deleted,
    /// The persona was undeleted.
    Undeleted,
    /// A label was set, or moved to this revision.
    Labelled,
    /// A label was removed.
    Unlabelled,
    /// The persona was purged: it is gone with its history, and the revision is its last one.
    Purged,
}

/// The data of the event `reset`: the server does not know the place that the follower named, so
/// the follower must read everything anew. Events go on behind this place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reset {
    /// The newest change when the server looked for the place.
    pub sequence: u64,
}

fn persona(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "$ref": "#/components/schemas/Persona" })
}

impl EventKind {
    /// Every kind with its word.
    pub const ALL: [(Self, ChangeKind, &str); 7] = [
        (Self::Created, ChangeKind::Created, "created"),
        (Self::Updated, ChangeKind::Updated, "updated"),
        (Self::Deleted, ChangeKind::Deleted, "deleted"),
        (Self::Undeleted, ChangeKind::Undeleted, "undeleted"),
        (Self::Labelled, ChangeKind::Labelled, "labelled"),
        (Self::Unlabelled, ChangeKind::Unlabelled, "unlabelled"),
        (Self::Purged, ChangeKind::Purged, "purged"),
    ];
}

impl From<ChangeKind> for EventKind {
    fn from(kind: ChangeKind) -> Self {
        match kind {
            ChangeKind::Created => Self::Created,
            ChangeKind::Updated => Self::Updated,
            ChangeKind::Deleted => Self::Deleted,
            ChangeKind::Undeleted => Self::Undeleted,
            ChangeKind::Labelled => Self::Labelled,
            ChangeKind::Unlabelled => Self::Unlabelled,
            ChangeKind::Purged => Self::Purged,
        }
    }
}

impl Event {
    /// The event of a line of the feed.
    pub fn of(event: &persona_storage::Event) -> Self {
        let persona_storage::Event { change, author } = event;
        Self {
            sequence: change.sequence,
            persona: change.persona.to_string(),
            revision: change.revision.number(),
            kind: change.kind.into(),
            at: Time(change.at),
            by: author.clone(),
            label: change.label.as_ref().map(ToString::to_string),
            document: None,
        }
    }

    /// The place of this event in the feed, with its proof. `None` where the members are not those
    /// of an event that this API sends.
    pub fn place(&self) -> Option<FeedPlace> {
        let persona = PersonaId::parse(&self.persona)?;
        let revision = persona_model::Revision::new(self.revision)?;
        let position = persona_model::Position::at(self.sequence, persona, revision, self.at.0);
        Some(position.into())
    }
}

#[cfg(test)]
mod tests {
    use persona_model::{Change, ChangeKind, PersonaId, Revision, Timestamp};

    use super::{Event, EventKind};

    #[test]
    fn an_event_proves_its_own_place() {
        let change = Change {
            sequence: 4500,
            persona: PersonaId::from_bytes([7; 16]),
            revision: Revision::FIRST,
            kind: ChangeKind::Undeleted,
            at: Timestamp::from_micros(1_795_543_841_000_120),
            label: None,
        };
        let event =
            Event::of(&persona_storage::Event { change: change.clone(), author: Some("a".into()) });
        let text = serde_json::to_string(&event).expect("JSON");
        let read: Event = serde_json::from_str(&text).expect("an event");
        assert!(read.place().expect("a place").is_at(&change), "{text}");
        for (kind, of_model, word) in EventKind::ALL {
            assert_eq!(EventKind::from(of_model), kind);
            assert_eq!(serde_json::to_value(kind).expect("JSON"), word);
        }
    }
}

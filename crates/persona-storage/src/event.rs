//! Events: the lines of the feed in the form for followers.

use persona_model::{Change, FeedPlace, Position};

use crate::Error;
use crate::fault_injection::{self, InjectedFault};

/// Most events that [`crate::Store::next_events`] returns at once: reading them takes about a
/// millisecond of a thread that serves other requests too.
pub const EVENTS_AT_ONCE_MAX: usize = 256;

/// A line of the feed, with the further facts for followers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// The line.
    pub change: Change,
    /// The author of the change, where known.
    pub author: Option<String>,
}

impl Event {
    /// The place behind which the feed goes on after this event.
    pub fn position(&self) -> Position {
        Position::of(&self.change)
    }
}

/// How many lines must be read, starting with the line of a place, to get `limit` events behind it.
pub(crate) const fn lines_for(limit: usize) -> usize {
    limit.saturating_add(1)
}

/// The events behind a place, from lines that were read starting with the line of the place. That
/// line proves that the place belongs to this feed.
///
/// # Errors
///
/// [`Error::UnknownPosition`] where the line of the place is missing, or is another one.
pub(crate) fn behind(
    place: FeedPlace,
    mut lines: Vec<Event>,
    limit: usize,
) -> Result<Vec<Event>, Error> {
    if !place.is_beginning() {
        let is_known = lines.first().is_some_and(|event| place.is_at(&event.change));
        if !is_known && !fault_injection::is_on(InjectedFault::TrustPositions) {
            return Err(Error::UnknownPosition);
        }
        lines.retain(|event| event.change.sequence > place.sequence);
    }
    lines.truncate(limit);
    Ok(fault_injection::without_an_event(lines))
}

#[cfg(test)]
mod tests {
    use persona_model::{Change, ChangeKind, FeedPlace, PersonaId, Position, Revision, Timestamp};

    use super::{Event, behind};
    use crate::Error;

    fn event(sequence: u64) -> Event {
        let change = Change {
            sequence,
            persona: PersonaId::from_bytes([7; 16]),
            revision: Revision::FIRST,
            kind: ChangeKind::Created,
            at: Timestamp::from_micros(1),
            label: None,
        };
        Event { change, author: None }
    }

    fn numbers(place: FeedPlace, lines: &[u64], limit: usize) -> Option<Vec<u64>> {
        let lines = lines.iter().copied().map(event).collect();
        match behind(place, lines, limit) {
            Ok(events) => Some(events.iter().map(|event| event.change.sequence).collect()),
            Err(Error::UnknownPosition) => None,
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn events_are_behind_a_place_that_is_there_and_nothing_is_told_without_it() {
        let at = |sequence| FeedPlace { sequence, proof: None };
        assert_eq!(numbers(at(3), &[3, 4, 9], 5), Some(vec![4, 9]));
        assert_eq!(numbers(at(3), &[3, 4, 9], 1), Some(vec![4]));
        assert_eq!(numbers(at(3), &[3], 5), Some(vec![]));
        assert_eq!(numbers(at(3), &[4, 9], 5), None, "its line is gone");
        assert_eq!(numbers(at(3), &[], 5), None, "it is of the future");
        let other = Position { proof: 1, ..event(3).position() };
        assert_eq!(numbers(other.into(), &[3, 4], 5), None, "its line is another one");
        assert_eq!(numbers(event(3).position().into(), &[3, 4], 5), Some(vec![4]));
        assert_eq!(numbers(FeedPlace::BEGINNING, &[3, 4], 1), Some(vec![3]));
        assert_eq!(numbers(FeedPlace::BEGINNING, &[], 1), Some(vec![]));
    }
}

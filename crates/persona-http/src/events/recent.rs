//! The most recent events, which followers share, within a bound of memory.

use std::collections::VecDeque;
use std::sync::Arc;

use persona_model::Position;

use super::batch::Batch;

/// Most events that are kept: those of some seconds under full load.
pub(super) const EVENTS_MAX: usize = 8 * 1024;
/// Most bytes of the text of the kept events; about the size of [`EVENTS_MAX`] events.
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// The events behind one line of the feed, without a gap, up to the newest that was read.
pub(super) struct Recent {
    /// The sequence number of the line before the first kept event.
    start: u64,
    batches: VecDeque<Arc<Batch>>,
    events: usize,
    bytes: usize,
}

/// The result of a look for events behind a line.
pub(super) enum Found {
    /// A batch with at least one event behind the line.
    Events(Arc<Batch>),
    /// No event behind the line was read yet.
    Nothing,
    /// The events behind the line are not kept in memory.
    NotKept,
}

impl Recent {
    /// No events yet, starting behind this line.
    pub(super) fn behind(place: Position) -> Self {
        Self { start: place.sequence, batches: VecDeque::new(), events: 0, bytes: 0 }
    }

    /// Adds the events behind those that are kept.
    pub(super) fn add(&mut self, batch: Arc<Batch>) {
        self.events += batch.len();
        self.bytes += batch.text().len();
        self.batches.push_back(batch);
        while self.events > EVENTS_MAX || self.bytes > BYTES_MAX {
            let Some(oldest) = self.batches.pop_front() else { break };
            self.events -= oldest.len();
            self.bytes -= oldest.text().len();
            self.start = oldest.end().sequence;
        }
    }

    /// What comes next behind the line with this number.
    pub(super) fn next(&self, sequence: u64) -> Found {
        if sequence < self.start {
            return Found::NotKept;
        }
        let at = self.batches.partition_point(|batch| batch.end().sequence <= sequence);
        self.batches.get(at).map_or(Found::Nothing, |batch| Found::Events(Arc::clone(batch)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::batch::tests::{batch, event};
    use super::{EVENTS_MAX, Found, Recent};

    fn next(recent: &Recent, sequence: u64) -> Option<Vec<u64>> {
        match recent.next(sequence) {
            Found::Events(batch) => {
                let lines = batch.behind(sequence).iter();
                Some(lines.map(|line| line.event.change.sequence).collect())
            }
            Found::Nothing => Some(Vec::new()),
            Found::NotKept => None,
        }
    }

    #[test]
    fn what_comes_next_is_found_wherever_a_follower_is() {
        let mut recent = Recent::behind(event(7).position());
        assert_eq!(next(&recent, 6), None);
        assert_eq!(next(&recent, 7), Some(vec![]));
        recent.add(Arc::new(batch(7, &[9, 12])));
        recent.add(Arc::new(batch(12, &[13])));
        for (from, expected) in [
            (7, vec![9, 12]),
            (9, vec![12]),
            (11, vec![12]),
            (12, vec![13]),
            (13, vec![]),
            // A follower that read further in the store than the kept events go.
            (20, vec![]),
        ] {
            assert_eq!(next(&recent, from), Some(expected), "{from}");
        }
        assert_eq!(next(&recent, 6), None);
    }

    #[test]
    fn the_oldest_events_go_when_there_are_too_many() {
        let mut recent = Recent::behind(event(0).position());
        let last = EVENTS_MAX as u64 + 100;
        for number in 1..=last {
            recent.add(Arc::new(batch(number - 1, &[number])));
        }
        assert_eq!(next(&recent, 99), None);
        assert_eq!(next(&recent, 100), Some(vec![101]));
        assert_eq!(next(&recent, last - 1), Some(vec![last]));
        assert_eq!(recent.events, EVENTS_MAX);
    }
}

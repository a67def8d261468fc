//! Checks that a follower of the event stream got each change once, in order (check G).

use std::collections::HashMap;

use super::findings::{Check, Findings};
use crate::verify::history::{Record, RequestKind};

/// An event that a follower got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Told {
    /// The place of the event in the feed.
    pub sequence: u64,
    /// The persona by its number in this run; `None` for one of which the run does not know, and
    /// where the change made no revision.
    pub persona: Option<u32>,
    /// The revision that the change made.
    pub revision: u32,
}

/// Checks that a follower got every revision of each persona, from the first to the last, each once
/// and in order, and all events in the order of their places.
pub fn check_told(told: &[Told], history: &[Record]) -> Findings {
    let mut findings = Findings::default();
    let unordered = told.windows(2).filter(|pair| pair[0].sequence >= pair[1].sequence);
    for pair in unordered {
        let (before, after) = (pair[0].sequence, pair[1].sequence);
        findings.add(Check::Told, format!("event {after} was told after event {before}"));
    }
    let mut newest: HashMap<u32, u32> = HashMap::new();
    for event in told {
        let Some(persona) = event.persona else { continue };
        let newest = newest.entry(persona).or_default();
        if event.revision != *newest + 1 {
            let Told { revision, .. } = event;
            let what = format!(
                "revision {revision} of persona {persona} was told after revision {newest}"
            );
            findings.add(Check::Told, what);
        }
        *newest = event.revision.max(*newest);
    }
    let exported = history.iter().filter(|record| record.operation == RequestKind::Export);
    for record in exported {
        let is_told = newest.get(&record.persona).copied().unwrap_or_default();
        let last = record.revision.unwrap_or_default();
        if is_told < last {
            let persona = record.persona;
            let what = format!(
                "persona {persona} has revision {last} at the end, and {is_told} was told last"
            );
            findings.add(Check::Told, what);
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{Told, check_told};
    use crate::verify::checks::Check;
    use crate::verify::history::{Knowledge, Record, RequestKind};

    fn there(persona: u32, revision: u32) -> Record {
        Record {
            invoked_at: 0,
            returned_at: 1,
            state: None,
            effect: 0,
            persona,
            revision: Some(revision),
            request: 0,
            expected: 0,
            worker: 0,
            operation: RequestKind::Export,
            outcome: Knowledge::Done,
            replayed: false,
        }
    }

    #[test]
    fn each_revision_is_told_once_and_in_order() {
        let at_the_end = [there(0, 3), there(1, 1)];
        let count = |events: &[(u64, u32, u32)]| {
            let told: Vec<Told> = events
                .iter()
                .map(|(sequence, persona, revision)| Told {
                    sequence: *sequence,
                    persona: Some(*persona).filter(|persona| *persona < 9),
                    revision: *revision,
                })
                .collect();
            check_told(&told, &at_the_end).count(Check::Told)
        };
        assert_eq!(count(&[(3, 0, 1), (4, 1, 1), (7, 0, 2), (8, 9, 5), (9, 0, 3)]), 0);
        assert_eq!(count(&[(3, 0, 1), (4, 1, 1), (9, 0, 3)]), 1, "one is missing");
        assert_eq!(count(&[(3, 0, 1), (4, 1, 1), (7, 0, 2)]), 1, "the last is missing");
        assert_eq!(count(&[(3, 0, 1), (7, 0, 2), (9, 0, 3)]), 1, "nothing of a persona");
        let twice = [(3, 0, 1), (4, 1, 1), (4, 1, 1), (7, 0, 2), (9, 0, 3)];
        assert_eq!(count(&twice), 2, "its place and its revision come twice");
        assert_eq!(count(&[(4, 0, 1), (3, 1, 1), (7, 0, 2), (9, 0, 3)]), 1, "out of order");
    }
}

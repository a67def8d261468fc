//! Checks that a client that follows changes with lists saw each of them (check F).

use super::findings::{Check, Findings};
use crate::verify::history::{Knowledge, Record, RequestKind};

/// One list of changes that was read to its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Poll {
    /// When the list was about to be requested, as in a [`Record`].
    pub invoked_at: u64,
    /// The personas in the list, each with its revision.
    pub seen: Vec<(u32, u32)>,
}

/// Checks that each poll, with those before it, shows every revision that was acknowledged before
/// it began.
pub fn check_followed(polls: &[Poll], history: &[Record]) -> Findings {
    let is_kept = |record: &&Record| {
        record.outcome == Knowledge::Done
            && (record.operation.is_write() || record.operation == RequestKind::Export)
    };
    let kept = history.iter().filter(is_kept);
    let mut told: Vec<_> = kept
        .filter_map(|record| {
            Some((
                record.returned_at,
                record.persona,
                record.revision.filter(|revision| *revision > 0)?,
            ))
        })
        .collect();
    told.sort_unstable();
    let (mut findings, mut told) = (Findings::default(), told.into_iter().peekable());
    let mut newest: Vec<u32> = Vec::new();
    for poll in polls {
        for (persona, revision) in &poll.seen {
            let persona = *persona as usize;
            newest.resize(newest.len().max(persona + 1), 0);
            newest[persona] = newest[persona].max(*revision);
        }
        while let Some((_, persona, revision)) =
            told.next_if(|(returned_at, ..)| *returned_at < poll.invoked_at)
        {
            let seen = newest.get(persona as usize).copied().unwrap_or_default();
            if seen < revision {
                let what = format!(
                    "revision {revision} of persona {persona} was told before a list of changes \
                     began that shows"
                );
                findings.add(
                    Check::Followed,
                    format!(
                        "{what} {}",
                        if seen == 0 { "nothing of it".into() } else { format!("revision {seen}") }
                    ),
                );
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{Poll, check_followed};
    use crate::verify::checks::Check;
    use crate::verify::history::{Knowledge, Record, RequestKind};

    fn write(persona: u32, revision: u32, returned_at: u64) -> Record {
        Record {
            invoked_at: returned_at - 1,
            returned_at,
            state: None,
            effect: 1,
            persona,
            revision: Some(revision),
            request: 1,
            expected: 0,
            worker: 0,
            operation: RequestKind::Patch,
            outcome: Knowledge::Done,
            replayed: false,
        }
    }

    #[test]
    fn a_revision_that_was_told_before_a_list_began_must_be_in_it_or_in_an_earlier_one() {
        let history = [write(0, 1, 10), write(1, 1, 10), write(0, 2, 20), write(0, 3, 40)];
        let poll = |invoked_at, seen: &[(u32, u32)]| Poll { invoked_at, seen: seen.to_vec() };
        let count = |polls: &[Poll]| check_followed(polls, &history).count(Check::Followed);
        assert_eq!(
            count(&[poll(15, &[(0, 1), (1, 1)]), poll(30, &[(0, 2)]), poll(50, &[(0, 3)])]),
            0
        );
        assert_eq!(
            count(&[poll(30, &[(0, 2), (1, 1)]), poll(50, &[(0, 3)])]),
            0,
            "only the newest is shown"
        );
        assert_eq!(count(&[poll(15, &[(0, 1)]), poll(30, &[(0, 2)])]), 1, "nothing of one");
        assert_eq!(
            count(&[poll(15, &[(0, 1), (1, 1)]), poll(30, &[]), poll(50, &[(0, 3)])]),
            1,
            "late"
        );
        assert_eq!(
            count(&[poll(15, &[(0, 1), (1, 1)]), poll(25, &[(0, 2)])]),
            0,
            "the last was told later"
        );
    }
}

//! Checks that the order of revisions agrees with real time (checks L and V, and a part of D).

use super::findings::{Check, Findings};
use super::request::Request;
use crate::verify::history::{Knowledge, Record, RequestKind};

/// When each revision of one persona was known to exist.
pub(super) struct Order {
    /// Times at which an answer named a higher revision than every answer before, and that
    /// revision; both grow.
    heights: Vec<(u64, u32)>,
}

impl Order {
    /// Sorts the answers by time and keeps those that named a new highest revision.
    pub(super) fn new(records: &[Record]) -> Self {
        let named =
            |record: &Record| record.revision.map(|revision| (record.returned_at, revision));
        let mut answers: Vec<(u64, u32)> = records.iter().filter_map(named).collect();
        answers.sort_unstable();
        let mut heights: Vec<(u64, u32)> = Vec::new();
        for (time, revision) in answers {
            if heights.last().is_none_or(|(_, height)| revision > *height) {
                heights.push((time, revision));
            }
        }
        Self { heights }
    }

    /// The highest revision that an answer named before this time.
    fn height_before(&self, time: u64) -> u32 {
        let count = self.heights.partition_point(|(known, _)| *known < time);
        count.checked_sub(1).map_or(0, |last| self.heights[last].1)
    }

    /// Whether an answer named this revision, or a later one, before this time.
    pub(super) fn was_seen_before(&self, revision: u32, time: u64) -> bool {
        self.height_before(time) >= revision
    }

    /// When an answer first named this revision or a later one; `u64::MAX` if none did.
    pub(super) fn seen_at(&self, revision: u32) -> u64 {
        let first = self.heights.partition_point(|(_, height)| *height < revision);
        self.heights.get(first).map_or(u64::MAX, |(known, _)| *known)
    }

    /// For how long, at this time, a higher revision had been known.
    fn staleness(&self, revision: u32, time: u64) -> u64 {
        let first = self.heights.partition_point(|(_, height)| *height <= revision);
        self.heights.get(first).map_or(0, |(known, _)| time.saturating_sub(*known))
    }

    /// Checks every answer and every acknowledged write.
    pub(super) fn check(&self, records: &[Record], requests: &[Request], findings: &mut Findings) {
        for record in records {
            findings.visits += u64::from(
                record.operation == RequestKind::Visit && record.outcome == Knowledge::Done,
            );
            // A replayed answer shows an earlier state, so it is not checked.
            if let Some(revision) = record.revision.filter(|_| !record.replayed) {
                self.check_answer(record, revision, findings);
            }
        }
        let persona = records[0].persona;
        for request in requests {
            if let Some(revision) = request.made() {
                self.check_write((revision, request), findings, persona);
            }
        }
    }

    fn check_answer(&self, record: &Record, revision: u32, findings: &mut Findings) {
        let height = self.height_before(record.invoked_at);
        if revision >= height {
            return;
        }
        let check = match record.operation {
            RequestKind::Visit => Check::Visible,
            RequestKind::Export => Check::Durable,
            _ => Check::Linear,
        };
        let staleness = self.staleness(revision, record.invoked_at);
        findings.staleness_max = findings.staleness_max.max(staleness);
        let Record { operation, worker, persona, .. } = record;
        let micros = staleness / 1000;
        let what = format!(
            "{} of persona {persona} on worker {worker} saw revision {revision}",
            operation.as_str()
        );
        findings.add(
            check,
            format!("{what}, {micros} us after a later one was answered, when {height} was known"),
        );
    }

    /// Checks that a write made a revision above all that were known before it began.
    pub(super) fn check_write(
        &self,
        (revision, request): (u32, &Request),
        findings: &mut Findings,
        persona: u32,
    ) {
        // Deleting a deleted persona is answered with the current revision, which may have been
        // known before.
        if self.was_seen_before(revision, request.invoked_at) && !request.may_change_nothing() {
            let what = format!(
                "{} of persona {persona} is revision {revision}",
                request.operation.as_str()
            );
            findings.add(Check::Linear, format!("{what}, which was answered before it was sent"));
        }
    }
}

//! The chain of revisions of one persona: checks that each revision holds what its write makes of
//! the one before (check D).

use super::findings::{Check, Findings};
use super::gaps;
use super::order::Order;
use super::request::Request;
use crate::verify::history::Record;

/// The revisions of one persona, from 0 (the persona does not exist) to the last.
pub(super) struct Chain<'a> {
    pub(super) persona: u32,
    pub(super) requests: &'a [Request],
    /// The state of each revision, if an answer showed the state or it follows from the revisions
    /// beside it.
    pub(super) states: Vec<Option<u64>>,
    /// The write that made each revision, if the write was acknowledged or is the only explanation.
    pub(super) writers: Vec<Option<u32>>,
    /// The writes without an answer that were found in the chain.
    pub(super) found: Vec<u32>,
}

impl<'a> Chain<'a> {
    /// Puts answers and acknowledged writes at their places.
    pub(super) fn new(
        records: &[Record],
        requests: &'a [Request],
        last: u32,
        findings: &mut Findings,
    ) -> Self {
        let length = last as usize + 1;
        let (states, writers) = (vec![None; length], vec![None; length]);
        let mut chain =
            Self { persona: records[0].persona, requests, states, writers, found: Vec::new() };
        chain.states[0] = Some(0);
        for record in records {
            if let (Some(revision), Some(state)) = (record.revision, record.state) {
                chain.see(revision, state.get(), findings);
            }
        }
        for (number, request) in (0_u32..).zip(requests) {
            if let Some(revision) = request.made() {
                chain.claim(revision, number, findings);
            }
        }
        chain
    }

    fn see(&mut self, revision: u32, state: u64, findings: &mut Findings) {
        match self.states[revision as usize] {
            Some(known) if known != state => {
                findings.add(
                    Check::Linear,
                    format!(
                        "persona {} was seen with two contents at revision {revision}",
                        self.persona
                    ),
                );
            }
            _ => self.states[revision as usize] = Some(state),
        }
    }

    fn claim(&mut self, revision: u32, number: u32, findings: &mut Findings) {
        let request = &self.requests[number as usize];
        let persona = self.persona;
        if request.place().is_some_and(|place| place != revision) {
            let expected = request.expected;
            let what = format!(
                "{} of persona {persona} expected revision {expected} and made {revision}",
                request.operation.as_str()
            );
            findings.add(Check::Linear, what);
        }
        match self.writers[revision as usize] {
            None => self.writers[revision as usize] = Some(number),
            // A client that deletes a persona that was just deleted gets the same revision, and
            // changed nothing.
            Some(other)
                if request.may_change_nothing()
                    && self.requests[other as usize].operation == request.operation => {}
            Some(_) => findings.add(
                Check::Durable,
                format!("two writes of persona {persona} were acknowledged as revision {revision}"),
            ),
        }
    }

    /// Infers states, explains revisions that were not acknowledged, and compares.
    pub(super) fn check(&mut self, order: &Order, findings: &mut Findings) {
        self.infer_backwards();
        for revision in 1..self.states.len() {
            let Some(writer) = self.writers[revision] else { continue };
            let Some(expected) =
                self.requests[writer as usize].applied_to(self.states[revision - 1])
            else {
                continue;
            };
            match self.states[revision] {
                None => self.states[revision] = Some(expected),
                Some(state) if state != expected => {
                    let (persona, before) = (self.persona, revision - 1);
                    let what = format!(
                        "revision {revision} of persona {persona} is not what its write made of \
                         revision {before}"
                    );
                    findings.add(Check::Durable, what);
                }
                Some(_) => {}
            }
        }
        gaps::explain(self, order, findings);
        let unknown = self.requests.iter().filter(|request| request.unknown).count() as u64;
        let found = self.found.len() as u64;
        findings.unknown_applied += found;
        findings.unknown_missing += unknown.saturating_sub(found);
    }

    /// Infers states backwards: the state before a write follows from the state after it, unless
    /// the write replaced everything.
    fn infer_backwards(&mut self) {
        for revision in (1..self.states.len()).rev() {
            let writer = self.writers[revision].map(|number| &self.requests[number as usize]);
            if let (None, Some(state), Some(writer)) =
                (self.states[revision - 1], self.states[revision], writer)
            {
                self.states[revision - 1] = writer.undone_from(state);
            }
        }
    }

    /// The writes without an answer that turned out to have happened, with the revision that each
    /// made.
    pub(super) fn attributed(&self) -> impl Iterator<Item = (u32, &Request)> {
        let writers = (0_u32..)
            .zip(&self.writers)
            .filter_map(|(revision, writer)| Some((revision, &self.requests[(*writer)? as usize])));
        writers.filter(|(_, request)| request.unknown)
    }
}

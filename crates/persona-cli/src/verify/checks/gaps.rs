//! Attributes revisions that no acknowledged write made to writes without an answer.
//!
//! The states on both sides of a gap decide. For a gap of one revision this is one look into a
//! table. Longer gaps are rare (a killed worker took the answers of a whole transaction with it);
//! for these, writes are tried one by one. A revision that was replaced before a client saw it
//! cannot be attributed and is only counted.

use std::collections::HashMap;
use std::ops::Range;

use super::chain::Chain;
use super::findings::{Check, Findings};
use super::order::Order;
use super::request::Request;
use crate::verify::history::RequestKind;

/// Longest gap for which writes are tried. Longer gaps are only counted.
const GAP_REVISIONS_MAX: usize = 8;
/// Longest gap for which refused writes are tried, and how many of the last ones.
const REFUSED_REVISIONS_MAX: usize = 3;
const REFUSED_TRIED_MAX: usize = 64;
/// Most steps of the search for one gap, so that no history can stall the checker.
const STEPS_MAX: u32 = 200_000;
/// How many of the last writes before the gap was seen are tried: first a few, which nearly always
/// succeed, then more.
const WINDOWS: [usize; 3] = [8, 64, usize::MAX];

/// Attributes every gap to writes, or reports that no write made it.
pub(super) fn explain(chain: &mut Chain<'_>, order: &Order, findings: &mut Findings) {
    let mut candidates = Candidates::of(chain);
    let mut left_over = 0;
    for gap in gaps_of(chain) {
        match attribute(chain, order, &candidates, gap.clone()) {
            Attribution::Writes(numbers) => {
                for (revision, number) in gap.clone().rev().zip(numbers.iter().rev()) {
                    chain.writers[revision] = Some(*number);
                    chain.found.push(*number);
                    candidates.take(*number, &chain.requests[*number as usize]);
                }
                left_over += gap.len() - numbers.len();
            }
            Attribution::Open => left_over += gap.len(),
            Attribution::None => match refused_writer(chain, &gap) {
                Some(request) => {
                    let (revision, persona, word) =
                        (gap.start, chain.persona, request.operation.as_str());
                    findings.add(
                        Check::Refused,
                        format!(
                            "revision {revision} of persona {persona} is \
                             what a {word} makes that was refused"
                        ),
                    );
                }
                None => findings.add(Check::Durable, unexplained(chain, &gap)),
            },
        }
    }
    findings.unattributed += left_over as u64;
    if left_over > candidates.count {
        let (persona, sent) = (chain.persona, candidates.count);
        findings.add(
            Check::Durable,
            format!(
                "persona {persona} has {left_over} revisions that were not acknowledged, but \
                 only {sent} such writes"
            ),
        );
    }
}

fn unexplained(chain: &Chain<'_>, gap: &Range<usize>) -> String {
    let Range { start, end } = gap;
    format!(
        "revisions {start} to {} of persona {} are not what any write without an answer makes",
        end - 1,
        chain.persona
    )
}

/// The first of the refused writes that make the revisions of a gap: a transaction that no client
/// saw can contain several of them.
fn refused_writer<'a>(chain: &Chain<'a>, gap: &Range<usize>) -> Option<&'a Request> {
    let (before, after) = (chain.states[gap.start - 1], chain.states[gap.end - 1]?);
    let most = if gap.len() == 1 { usize::MAX } else { REFUSED_TRIED_MAX };
    let refused = chain.requests.iter().rev().filter(|request| request.refused);
    let refused: Vec<&Request> = refused.take(most).collect();
    if gap.len() > REFUSED_REVISIONS_MAX {
        return None;
    }
    first_of(before, after, gap.len(), &refused)
}

/// The first of a sequence of writes that leads from one state to another.
fn first_of<'a>(
    before: Option<u64>,
    after: u64,
    steps: usize,
    writes: &[&'a Request],
) -> Option<&'a Request> {
    let leads = |write: &&&Request| match write.applied_to(before) {
        Some(state) if steps == 1 => state == after,
        state => state.is_some() && first_of(state, after, steps - 1, writes).is_some(),
    };
    writes.iter().find(leads).copied()
}

fn gaps_of(chain: &Chain<'_>) -> Vec<Range<usize>> {
    let mut gaps: Vec<Range<usize>> = Vec::new();
    let unclaimed = (1..chain.writers.len()).filter(|revision| chain.writers[*revision].is_none());
    for revision in unclaimed {
        match gaps.last_mut() {
            Some(gap) if gap.end == revision => gap.end += 1,
            _ => gaps.push(revision..revision + 1),
        }
    }
    gaps
}

/// The attribution of a gap.
enum Attribution {
    /// These writes made the last revisions of the gap; earlier ones were replaced unseen.
    Writes(Vec<u32>),
    /// The writes cannot be determined.
    Open,
    /// No write that was sent can have made the gap.
    None,
}

fn attribute(
    chain: &Chain<'_>,
    order: &Order,
    candidates: &Candidates,
    gap: Range<usize>,
) -> Attribution {
    let last = gap.end - 1;
    let (Some(start), Some(_)) = (chain.states[gap.start - 1], chain.states[last]) else {
        return Attribution::Open;
    };
    if gap.len() > GAP_REVISIONS_MAX {
        return Attribution::Open;
    }
    let seen_at = u32::try_from(last).map_or(u64::MAX, |last| order.seen_at(last));
    let mut search =
        Search { chain, order, candidates, recent: Vec::new(), last, taken: Vec::new(), steps: 0 };
    let found = WINDOWS.into_iter().any(|window| {
        search.recent = candidates.recent(seen_at, window);
        search.reach(gap.start, start)
    });
    if found {
        let replaces =
            |number: &u32| chain.requests[*number as usize].operation == RequestKind::Replace;
        let from = search.taken.iter().rposition(replaces).unwrap_or_default();
        return Attribution::Writes(search.taken.split_off(from));
    }
    if search.steps >= STEPS_MAX { Attribution::Open } else { Attribution::None }
}

/// The writes without an answer that are not attributed yet.
struct Candidates {
    /// Patches by their effect on the state; each effect belongs to one write.
    patches: HashMap<u64, u32>,
    /// When each patch was sent, in order; patches that were found stay in the list.
    sent: Vec<(u64, u64)>,
    /// The other writes, by the only revision that they can make.
    placed: HashMap<u32, Vec<u32>>,
    count: usize,
}

impl Candidates {
    fn of(chain: &Chain<'_>) -> Self {
        let mut candidates =
            Self { patches: HashMap::new(), sent: Vec::new(), placed: HashMap::new(), count: 0 };
        for (number, request) in
            (0_u32..).zip(chain.requests).filter(|(_, request)| request.unknown)
        {
            candidates.count += 1;
            match request.place() {
                None => {
                    candidates.patches.insert(request.effect, number);
                    candidates.sent.push((request.invoked_at, request.effect));
                }
                Some(place) => candidates.placed.entry(place).or_default().push(number),
            }
        }
        candidates.sent.sort_unstable();
        candidates
    }

    /// The last patches that were sent before this time, the latest first.
    fn recent(&self, time: u64, window: usize) -> Vec<u32> {
        let sent = &self.sent[..self.sent.partition_point(|(sent_at, _)| *sent_at <= time)];
        sent.iter()
            .rev()
            .filter_map(|(_, effect)| self.patches.get(effect).copied())
            .take(window)
            .collect()
    }

    fn take(&mut self, number: u32, request: &Request) {
        self.count -= 1;
        match request.place() {
            None => drop(self.patches.remove(&request.effect)),
            Some(place) => self.placed.entry(place).or_default().retain(|other| *other != number),
        }
    }
}

/// A search for writes that lead from one end of a gap to the other.
struct Search<'a, 'b> {
    chain: &'a Chain<'b>,
    order: &'a Order,
    candidates: &'a Candidates,
    /// The patches that are tried if the states do not determine the write.
    recent: Vec<u32>,
    last: usize,
    taken: Vec<u32>,
    steps: u32,
}

impl Search<'_, '_> {
    /// Whether the end of the gap can be reached from this state, with one write for each revision
    /// from `revision` on.
    fn reach(&mut self, revision: usize, state: u64) -> bool {
        let Ok(place) = u32::try_from(revision) else { return false };
        let target = self.chain.states[revision];
        let candidates = self.candidates;
        let placed = candidates.placed.get(&place).into_iter().flatten();
        let Some(target) = target else {
            let tried = self.recent.len();
            return placed.copied().any(|number| self.take(place, state, number))
                || (0..tried).any(|index| self.take(place, state, self.recent[index]));
        };
        // If the next state is known, at most one patch leads to it.
        placed
            .chain(candidates.patches.get(&(state ^ target)))
            .any(|number| self.take(place, state, *number))
    }

    fn take(&mut self, place: u32, state: u64, number: u32) -> bool {
        self.steps += 1;
        let request = &self.chain.requests[number as usize];
        let Some(next) = request.applied_to(Some(state)) else { return false };
        let fits = self.chain.states[place as usize].is_none_or(|target| target == next);
        let seen_before = self.order.was_seen_before(place, request.invoked_at);
        if self.steps >= STEPS_MAX || !fits || seen_before || self.taken.contains(&number) {
            return false;
        }
        self.taken.push(number);
        let reached = place as usize == self.last || self.reach(place as usize + 1, next);
        if !reached {
            self.taken.pop();
        }
        reached
    }
}

//! Decides which items may be sent now, and which report comes next.
//!
//! Items are sent many at a time. The revisions of a history depend on each other: revisions of one
//! persona must be sent in order, and one persona must give up a handle before another takes it.
//! Reports come in the order of the file. The state changes only by calls; there is no clock and no
//! task.

use std::collections::{HashMap, HashSet, VecDeque};

use persona_model::PersonaId;

/// The facts on which the order of a revision depends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dependence {
    /// The persona.
    pub persona: PersonaId,
    /// The handle of the persona in this revision, with the owner within which it is unique. `None`
    /// without a handle, or if the persona is deleted.
    pub handle: Option<String>,
}

/// The number of an item in the order of the file, from 0.
pub type Ticket = usize;

/// Items on their way from the file to their reports.
#[derive(Debug)]
pub struct Order<I, R> {
    /// The ticket of the first entry.
    first: Ticket,
    entries: VecDeque<Entry<I, R>>,
}

#[derive(Debug)]
struct Entry<I, R> {
    dependence: Option<Dependence>,
    phase: Phase,
    /// The item; `None` while it is being sent.
    item: Option<I>,
    /// The report, once the item has ended or was refused for its handle.
    report: Option<R>,
    /// The personas of which a revision ended while this item was being sent.
    meanwhile: Vec<PersonaId>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// The item was not sent yet, or must be sent again.
    Waiting,
    /// The item is being sent.
    Sent,
    /// The handle of the item belongs to this persona. The item is sent again when a revision of
    /// that persona has ended.
    Blocked(PersonaId),
    /// The item has its report.
    Ended,
}

impl<I, R> Default for Order<I, R> {
    fn default() -> Self {
        Self { first: 0, entries: VecDeque::new() }
    }
}

impl<I, R> Order<I, R> {
    /// Number of items that were added and not yet popped.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Adds an item behind all others; without a dependence it may be sent at any time.
    pub fn push(&mut self, dependence: Option<Dependence>, item: I) {
        self.entries.push_back(Entry {
            dependence,
            phase: Phase::Waiting,
            item: Some(item),
            report: None,
            meanwhile: Vec::new(),
        });
    }

    /// Adds the report of an item that is not sent.
    pub fn push_ended(&mut self, report: R) {
        self.entries.push_back(Entry {
            dependence: None,
            phase: Phase::Ended,
            item: None,
            report: Some(report),
            meanwhile: Vec::new(),
        });
    }

    /// Takes every item that may be sent now.
    pub fn take_ready(&mut self) -> Vec<(Ticket, I)> {
        let mut ready = Vec::new();
        let mut before = Before::default();
        for (index, entry) in self.entries.iter_mut().enumerate() {
            let may_go = entry.phase == Phase::Waiting
                && entry.dependence.as_ref().is_none_or(|dependence| before.allows(dependence));
            before.add(entry.phase, entry.dependence.as_ref());
            if let Some(item) = entry.item.take_if(|_| may_go) {
                entry.phase = Phase::Sent;
                entry.meanwhile.clear();
                ready.push((self.first + index, item));
            }
        }
        ready
    }

    /// Records the report of an item that has ended.
    pub fn end(&mut self, ticket: Ticket, report: R) {
        let Some(ended) = self.entry(ticket) else { return };
        ended.phase = Phase::Ended;
        ended.report = Some(report);
        let Some(persona) = ended.dependence.as_ref().map(|dependence| dependence.persona) else {
            return;
        };
        for entry in &mut self.entries {
            match entry.phase {
                Phase::Sent if entry.dependence.is_some() => entry.meanwhile.push(persona),
                Phase::Blocked(holder) if holder == persona => entry.phase = Phase::Waiting,
                _ => {}
            }
        }
    }

    /// Records that an item was refused because this persona has its handle. The report counts if
    /// the persona never gives the handle up.
    pub fn refuse(&mut self, ticket: Ticket, holder: PersonaId, item: I, report: R) {
        let Some(entry) = self.entry(ticket) else { return };
        entry.item = Some(item);
        entry.report = Some(report);
        // If a revision of the holder ended while the refusal was on its way, the item is sent
        // again at once, because no other event would wake it.
        entry.phase =
            if entry.meanwhile.contains(&holder) { Phase::Waiting } else { Phase::Blocked(holder) };
    }

    /// Gives up the first item that another persona blocks. Called when no item is being sent, and
    /// no further item can come before one ends.
    pub fn give_up(&mut self) {
        let blocked =
            self.entries.iter_mut().find(|entry| matches!(entry.phase, Phase::Blocked(_)));
        if let Some(entry) = blocked {
            entry.phase = Phase::Ended;
            entry.item = None;
        }
    }

    /// The next report in the order of the file, when it is there.
    pub fn pop(&mut self) -> Option<R> {
        let front = self.entries.front()?;
        if front.phase != Phase::Ended {
            return None;
        }
        self.first += 1;
        self.entries.pop_front()?.report
    }

    fn entry(&mut self, ticket: Ticket) -> Option<&mut Entry<I, R>> {
        self.entries.get_mut(ticket.checked_sub(self.first)?)
    }
}

/// The entries before an entry that have not ended.
#[derive(Default)]
struct Before {
    personas: HashSet<PersonaId>,
    /// For each handle the first entry that takes it, and the persona that has it, where known.
    handles: HashMap<String, Option<PersonaId>>,
}

impl Before {
    fn allows(&self, dependence: &Dependence) -> bool {
        let is_handle_free = dependence
            .handle
            .as_ref()
            .and_then(|handle| self.handles.get(handle))
            // Revisions of the persona that has the handle may go on, because the other entries
            // wait for them.
            .is_none_or(|holder| *holder == Some(dependence.persona));
        is_handle_free && !self.personas.contains(&dependence.persona)
    }

    fn add(&mut self, phase: Phase, dependence: Option<&Dependence>) {
        let Some(dependence) = dependence.filter(|_| phase != Phase::Ended) else { return };
        self.personas.insert(dependence.persona);
        let holder = match phase {
            Phase::Blocked(holder) => Some(holder),
            _ => None,
        };
        if let Some(handle) = &dependence.handle
            && !self.handles.contains_key(handle)
        {
            self.handles.insert(handle.clone(), holder);
        }
    }
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;

//! Invented histories: records that clients of a correct store could have made, and the same with
//! one lie.

use std::num::NonZeroU64;

use persona_cli::verify::checks::DELETED;
use persona_cli::verify::history::{Knowledge, Record, RequestKind};
use persona_cli::verify::{Random, effect_of};

/// The time between two events, in nanoseconds.
const STEP: u64 = 1_000;
/// A request is sent up to this long before its event, and answered up to this long after, in
/// nanoseconds.
const OVERLAP: u64 = 20_000;

#[derive(Clone, Copy, Default)]
struct Persona {
    revision: u32,
    state: u64,
}

/// A correct store, its clients, and their records.
pub struct World {
    random: Random,
    now: u64,
    next_request: u32,
    personas: Vec<Persona>,
    deleted: Vec<bool>,
    records: Vec<Record>,
}

impl World {
    /// The history of so many requests about so many personas, with the export at its end.
    pub fn history(seed: u64, personas: u32, requests: usize) -> Vec<Record> {
        let count = personas as usize;
        let mut world = Self {
            random: Random::new(seed, 0),
            now: 10 * OVERLAP,
            next_request: 1,
            personas: vec![Persona::default(); count],
            deleted: vec![false; count],
            records: Vec::with_capacity(requests + count * 2 + 8),
        };
        (0..personas).for_each(|persona| world.create(persona));
        while world.records.len() < requests {
            world.step();
        }
        world.export();
        world.records
    }

    fn step(&mut self) {
        let persona =
            u32::try_from(self.random.below(self.personas.len() as u64)).expect("few personas");
        match self.random.below(100) {
            0..40 => self.read(persona, RequestKind::Read),
            40..55 => self.read(persona, RequestKind::Visit),
            55..60 => self.refused(persona),
            60..63 => self.delete_or_restore(persona),
            63..66 => self.lost_in_a_row(persona),
            66..72 => self.write(persona, RequestKind::Replace),
            _ => self.write(persona, RequestKind::Patch),
        }
    }

    /// A record of an event that happens now.
    fn record(&mut self, persona: u32, operation: RequestKind) -> Record {
        self.now += STEP;
        let Persona { revision, state } = self.personas[persona as usize];
        Record {
            invoked_at: self.now - self.random.below(OVERLAP),
            returned_at: self.now + self.random.below(OVERLAP),
            state: NonZeroU64::new(state),
            effect: 0,
            persona,
            revision: Some(revision),
            request: 0,
            expected: 0,
            worker: 1,
            operation,
            outcome: Knowledge::Done,
            replayed: false,
        }
    }

    fn create(&mut self, persona: u32) {
        self.write(persona, RequestKind::Create);
    }

    fn read(&mut self, persona: u32, operation: RequestKind) {
        let mut record = self.record(persona, operation);
        // A 304 or a 410 names the revision and has no content.
        if self.deleted[persona as usize] || self.random.once_in(4) {
            record.state = None;
        }
        self.records.push(record);
    }

    /// A conditional write that expects another revision than the present one.
    fn refused(&mut self, persona: u32) {
        let mut record = self.record(persona, RequestKind::Replace);
        record.request = self.new_request();
        record.effect = effect_of(record.request);
        record.expected = record.revision.unwrap_or_default()
            + 1
            + u32::try_from(self.random.below(3)).expect("small");
        (record.state, record.outcome) = (None, Knowledge::Refused);
        self.records.push(record);
    }

    fn new_request(&mut self) -> u32 {
        self.next_request += 1;
        self.next_request
    }

    /// Applies a write now and returns the record of its acknowledgement.
    fn apply(&mut self, persona: u32, operation: RequestKind) -> Record {
        let request = self.new_request();
        let before = self.personas[persona as usize];
        let effect = if matches!(operation, RequestKind::Delete | RequestKind::Undelete) {
            DELETED
        } else {
            effect_of(request)
        };
        let replaces = matches!(operation, RequestKind::Create | RequestKind::Replace);
        let state = if replaces { effect } else { before.state ^ effect };
        self.personas[persona as usize] = Persona { revision: before.revision + 1, state };
        let expected = if operation == RequestKind::Patch { 0 } else { before.revision };
        Record { request, effect, expected, ..self.record(persona, operation) }
    }

    fn write(&mut self, persona: u32, operation: RequestKind) {
        if self.deleted[persona as usize] {
            return self.delete_or_restore(persona);
        }
        let acknowledged = self.apply(persona, operation);
        if !self.random.once_in(12) || operation == RequestKind::Create {
            return self.records.push(acknowledged);
        }
        // The answer is lost. Some clients ask again and get the answer; others never know.
        self.records.push(unanswered(acknowledged));
        if operation != RequestKind::Patch || self.random.once_in(2) {
            let again = self.record(persona, operation);
            let (invoked_at, returned_at) = (
                acknowledged.returned_at + 1,
                acknowledged.returned_at + again.returned_at - self.now + 2,
            );
            self.records.push(Record { invoked_at, returned_at, replayed: true, ..acknowledged });
        }
    }

    fn delete_or_restore(&mut self, persona: u32) {
        let is_deleted = self.deleted[persona as usize];
        let mut record = self
            .apply(persona, if is_deleted { RequestKind::Undelete } else { RequestKind::Delete });
        if !is_deleted {
            record.state = None;
        }
        self.deleted[persona as usize] = !is_deleted;
        self.records.push(record);
        if self.random.once_in(3) {
            // Another client wanted the same at the same moment, and is told that it is done.
            let request = self.new_request();
            self.records.push(Record { request, ..record });
        }
    }

    /// A killed worker: some patches were applied, some were not, and no client was answered.
    fn lost_in_a_row(&mut self, persona: u32) {
        if self.deleted[persona as usize] {
            return;
        }
        for _ in 0..=self.random.below(3) {
            let happened = self.apply(persona, RequestKind::Patch);
            self.records.push(unanswered(happened));
        }
        let request = self.new_request();
        let never = Record {
            request,
            effect: effect_of(request),
            ..self.record(persona, RequestKind::Patch)
        };
        self.records.push(unanswered(never));
    }

    fn export(&mut self) {
        self.now += 10 * OVERLAP;
        for persona in 0..u32::try_from(self.personas.len()).expect("few personas") {
            let mut record = self.record(persona, RequestKind::Export);
            (record.invoked_at, record.returned_at) = (self.now, self.now + STEP);
            self.records.push(record);
        }
    }
}

fn unanswered(record: Record) -> Record {
    Record { outcome: Knowledge::Unknown, revision: None, state: None, ..record }
}

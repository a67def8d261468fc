//! Histories with handles that move, sent through an `Order` to a store that refuses taken handles,
//! in every possible order of events.

use std::collections::HashMap;

use persona_model::PersonaId;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any};
use proptest::{prop_assert, prop_assert_eq, proptest};

use super::{Dependence, Order, Ticket};

/// Most items in the order at a time, few so that the bound is reached often.
const WINDOW: usize = 8;
/// Personas of a history, one more than handles.
const PERSONAS: u8 = 4;

/// A revision of a history: persona, revision and handle.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Line {
    persona: u8,
    revision: u64,
    handle: Option<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kept {
    Yes,
    /// The line does not follow the last revision in the store.
    Unfollowing,
    Taken,
}

fn id(persona: u8) -> PersonaId {
    PersonaId::from_bytes([persona; 16])
}

/// A store: revision and handle of each persona.
#[derive(Default)]
struct Shelf(HashMap<u8, (u64, Option<u8>)>);

impl Shelf {
    fn holder(&self, handle: Option<u8>, besides: u8) -> Option<u8> {
        let has = |(persona, (_, other)): (&u8, &(u64, Option<u8>))| {
            (handle.is_some() && *other == handle && *persona != besides).then_some(*persona)
        };
        self.0.iter().find_map(has)
    }

    fn keep(&mut self, line: &Line) -> Result<(), (Kept, u8)> {
        let current = self.0.get(&line.persona).map_or(0, |(revision, _)| *revision);
        if line.revision != current + 1 {
            return Err((Kept::Unfollowing, 0));
        }
        if let Some(holder) = self.holder(line.handle, line.persona) {
            return Err((Kept::Taken, holder));
        }
        self.0.insert(line.persona, (line.revision, line.handle));
        Ok(())
    }
}

/// Histories that a store could have made: no handle has two holders.
fn histories() -> impl Strategy<Value = Vec<Line>> {
    vec((0..PERSONAS, 0..PERSONAS), 0..120).prop_map(|wishes| {
        let mut shelf = Shelf::default();
        let mut lines = Vec::new();
        for (persona, handle) in wishes {
            let revision = shelf.0.get(&persona).map_or(0, |(revision, _)| *revision) + 1;
            let line = Line { persona, revision, handle: (handle > 0).then_some(handle) };
            if shelf.keep(&line).is_ok() {
                lines.push(line);
            }
        }
        lines
    })
}

/// The same histories, but with some lines before the one that gives up their handle. In a
/// database, numbers of transactions can have this order.
fn histories_out_of_order() -> impl Strategy<Value = Vec<Line>> {
    (histories(), vec(any::<bool>(), 120)).prop_flat_map(|(mut lines, swaps)| {
        for (pair, is_swapped) in lines.chunks_exact_mut(2).zip(swaps) {
            if is_swapped && pair[0].persona != pair[1].persona {
                pair.swap(0, 1);
            }
        }
        Just(lines)
    })
}

/// Sends all lines to the store; the numbers choose what happens next.
fn send_all(shelf: &mut Shelf, lines: &[Line], choices: &[u8]) -> Vec<(Line, Kept)> {
    let mut order: Order<Line, (Line, Kept)> = Order::default();
    let (mut coming, mut choices) = (lines.iter(), choices.iter().cycle());
    let mut choose = |count: usize| usize::from(*choices.next().expect("endless")) % count;
    let (mut sent, mut answered): (Vec<(Ticket, Line)>, Vec<_>) = (Vec::new(), Vec::new());
    let mut reports = Vec::new();
    // A bound: each line is answered at most once for each end of another line.
    for _ in 0..lines.len() * lines.len() * 4 + 8 {
        sent.extend(order.take_ready());
        reports.extend(std::iter::from_fn(|| order.pop()));
        let has_room = order.len() < WINDOW && coming.len() > 0;
        let can = [has_room, !sent.is_empty(), !answered.is_empty()];
        let possible: Vec<usize> = (0..can.len()).filter(|act| can[*act]).collect();
        if possible.is_empty() {
            if order.len() == 0 {
                return reports;
            }
            order.give_up();
            continue;
        }
        match possible[choose(possible.len())] {
            0 => {
                let line = coming.next().expect("there is one").clone();
                let handle = line.handle.map(|handle| handle.to_string());
                order.push(Some(Dependence { persona: id(line.persona), handle }), line);
            }
            1 => {
                let (ticket, line) = sent.swap_remove(choose(sent.len()));
                let kept = shelf.keep(&line);
                answered.push((ticket, line, kept));
            }
            _ => match answered.swap_remove(choose(answered.len())) {
                (ticket, line, Err((Kept::Taken, holder))) => {
                    order.refuse(ticket, id(holder), line.clone(), (line, Kept::Taken));
                }
                (ticket, line, kept) => {
                    let kept = kept.err().map_or(Kept::Yes, |(kept, _)| kept);
                    order.end(ticket, (line, kept));
                }
            },
        }
    }
    panic!("it does not end: {order:?}");
}

proptest! {
    #[test]
    fn every_line_of_a_history_is_kept_and_told_in_its_order(
        lines in histories(), choices in vec(any::<u8>(), 64..256)
    ) {
        let reports = send_all(&mut Shelf::default(), &lines, &choices);
        let all: Vec<_> = lines.into_iter().map(|line| (line, Kept::Yes)).collect();
        prop_assert_eq!(reports, all);
    }

    #[test]
    fn a_line_before_the_one_that_gave_its_handle_up_is_kept_too(
        lines in histories_out_of_order(), choices in vec(any::<u8>(), 64..256)
    ) {
        let reports = send_all(&mut Shelf::default(), &lines, &choices);
        let all: Vec<_> = lines.into_iter().map(|line| (line, Kept::Yes)).collect();
        prop_assert_eq!(reports, all);
    }

    #[test]
    fn a_handle_that_another_persona_keeps_stops_its_persona_and_no_other(
        lines in histories(), choices in vec(any::<u8>(), 64..256)
    ) {
        // A persona that is in no line has handle 1.
        let mut shelf = Shelf(HashMap::from([(PERSONAS, (1, Some(1)))]));
        let reports = send_all(&mut shelf, &lines, &choices);
        prop_assert_eq!(reports.len(), lines.len());
        let failed = |persona: u8, revision: u64| {
            let is_it = |(line, kept): &&(Line, Kept)| {
                (line.persona, line.revision) == (persona, revision) && *kept != Kept::Yes
            };
            reports.iter().any(|report| is_it(&report))
        };
        for (line, kept) in &reports {
            let Line { persona, revision, handle } = *line;
            let is_taken = shelf.holder(handle, persona).is_some();
            prop_assert!(*kept != Kept::Taken || is_taken, "{:?} was refused", line);
            let is_stopped = failed(persona, revision - 1);
            prop_assert_eq!(*kept == Kept::Unfollowing, is_stopped, "{:?}", line);
            prop_assert!(*kept != Kept::Yes || handle != Some(1), "{:?} was kept", line);
        }
    }
}

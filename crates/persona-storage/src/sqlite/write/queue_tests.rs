//! What the queue promises: bounds, order, and how long a light write waits.

use std::collections::HashMap;

use proptest::prelude::*;

use super::{
    Client, LIGHT_BYTES_MAX, Party, QUEUE_BYTES_MAX, QUEUE_WRITES_MAX, Queue, Refused, Size, Weight,
};

const MIB: usize = 1024 * 1024;

#[expect(clippy::unnecessary_wraps, reason = "as the queue takes it")]
fn client(number: u8) -> Client {
    Some(Party::Address([192, 0, 2, number].into()))
}

fn size(bytes: usize) -> Size {
    Size { bytes, cost: bytes }
}

#[test]
fn a_light_write_waits_for_at_most_one_heavy_one() {
    let (queue, taker) = Queue::new();
    for number in 0..8 {
        queue.push(client(number), size(7 * MIB), "heavy").expect("room");
    }
    assert_eq!(taker.next(), Some((Weight::Heavy, "heavy")), "nothing else waits");
    queue.push(client(1), size(100), "light").expect("room");
    assert_eq!(taker.next(), Some((Weight::Light, "light")));
    assert_eq!(taker.next(), Some((Weight::Heavy, "heavy")));
    queue.push(client(9), size(100), "light").expect("room");
    queue.push(client(9), size(100), "light").expect("room");
    assert_eq!(taker.next(), Some((Weight::Light, "light")));
    assert_eq!(
        (taker.next_light(), taker.next_light()),
        (Some("light"), None),
        "heavy ones do not join"
    );
}

#[test]
fn a_heavy_write_is_not_held_up_by_light_ones_for_ever() {
    let (queue, taker) = Queue::new();
    queue.push(client(1), size(MIB), 0).expect("room");
    let weights = (1..6).map(|number| {
        queue.push(client(2), size(100), number).expect("room");
        taker.next().expect("one waits").0
    });
    assert_eq!(weights.take(2).collect::<Vec<_>>(), [Weight::Light, Weight::Heavy]);
}

#[test]
fn a_short_patch_of_a_large_document_is_heavy() {
    let (queue, taker) = Queue::new();
    queue.push(None, Size { bytes: 20, cost: LIGHT_BYTES_MAX + 1 }, ()).expect("room");
    assert_eq!(taker.next_light(), None);
    assert_eq!(taker.next(), Some((Weight::Heavy, ())));
}

#[test]
fn a_client_with_many_writes_does_not_hold_up_another() {
    let (queue, taker) = Queue::new();
    for number in 0..900 {
        queue.push(client(1), size(100), (1, number)).expect("room");
    }
    queue.push(client(2), size(100), (2, 0)).expect("room");
    let before =
        std::iter::from_fn(|| taker.next_light()).take_while(|(owner, _)| *owner == 1).count();
    assert!(before <= 16, "{before} writes of the other client came first");
}

#[test]
fn heavy_clients_take_turns_by_bytes() {
    let (queue, taker) = Queue::new();
    for _ in 0..4 {
        queue.push(client(1), size(8 * MIB), 8 * MIB).expect("room");
    }
    for _ in 0..32 {
        queue.push(client(2), size(MIB), MIB).expect("room");
    }
    let first: Vec<usize> = (0..18).map(|_| taker.next().expect("one waits").1).collect();
    let large = first.iter().filter(|bytes| **bytes == 8 * MIB).count();
    assert!((1..=3).contains(&large), "{first:?}");
}

#[test]
fn a_full_queue_refuses_the_newest_write_of_the_client_that_holds_most() {
    let (queue, taker) = Queue::new();
    for number in 0..QUEUE_WRITES_MAX {
        queue.push(client(1), size(100), (1, number)).expect("room");
    }
    assert_eq!(
        queue.push(client(1), size(100), (1, 9999)),
        Err(Refused::Full((1, 9999))),
        "its own"
    );
    assert_eq!(
        queue.push(client(2), size(100), (2, 0)),
        Err(Refused::Full((1, QUEUE_WRITES_MAX - 1))),
        "another client's"
    );
    let all: Vec<_> = std::iter::from_fn(|| taker.next_light()).collect();
    assert_eq!(all.len(), QUEUE_WRITES_MAX);
    assert!(all.contains(&(2, 0)));
    for number in 0..8 {
        queue.push(client(1), size(QUEUE_BYTES_MAX / 8), (1, number)).expect("room");
    }
    assert_eq!(
        queue.push(client(2), size(100), (2, 1)),
        Err(Refused::Full((1, 7))),
        "by bytes too"
    );
}

#[test]
fn a_closed_queue_gives_what_waits_and_takes_no_more() {
    let (queue, taker) = Queue::new();
    queue.push(None, size(1), 'a').expect("room");
    queue.close();
    assert_eq!(queue.push(None, size(1), 'b'), Err(Refused::Closed('b')));
    assert_eq!((taker.next(), taker.next()), (Some((Weight::Light, 'a')), None));
    let (queue, taker) = Queue::new();
    let dropped = std::sync::Arc::new(());
    queue.push(None, size(1), std::sync::Arc::clone(&dropped)).expect("room");
    drop(taker);
    assert_eq!(std::sync::Arc::strong_count(&dropped), 1, "what waited is dropped with the taker");
    assert!(matches!(queue.push(None, size(1), dropped), Err(Refused::Closed(_))));
}

#[test]
fn a_taker_that_waits_is_woken() {
    let (queue, taker) = Queue::new();
    let waiter = std::thread::spawn(move || (taker.next(), taker.next()));
    queue.push(None, size(1), 'a').expect("room");
    queue.close();
    assert_eq!(waiter.join().expect("no panic"), (Some((Weight::Light, 'a')), None));
}

#[derive(Clone, Debug)]
enum Step {
    Push { client: u8, bytes: usize },
    Transaction,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let bytes = prop_oneof![4 => 0..8000_usize, 1 => LIGHT_BYTES_MAX..16 * MIB];
    let push = (0..4_u8, bytes).prop_map(|(client, bytes)| Step::Push { client, bytes });
    prop::collection::vec(prop_oneof![4 => push, 1 => Just(Step::Transaction)], 0..200)
}

/// A write of the model: its number, its client, and how many heavy ones were taken when it came.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Item {
    number: usize,
    client: u8,
    weight: Weight,
    heavy_before: usize,
}

proptest! {
    #[test]
    fn nothing_is_lost_or_overtaken_and_no_light_write_waits_for_two_heavy_ones(steps in steps()) {
        let (queue, taker) = Queue::new();
        let (mut heavy, mut pushed, mut refused, mut taken) = (0, 0, Vec::new(), Vec::new());
        let transaction = |heavy: &mut usize| {
            let (weight, first) = taker.next()?;
            let mut items: Vec<Item> = vec![first];
            match weight {
                Weight::Heavy => *heavy += 1,
                Weight::Light => items.extend(std::iter::from_fn(|| taker.next_light())),
            }
            for item in &items {
                assert_eq!(item.weight, weight);
                assert!(weight == Weight::Heavy || *heavy - item.heavy_before <= 1, "{item:?} after {heavy}");
            }
            Some(items)
        };
        let mut waiting = 0;
        for step in steps {
            match step {
                Step::Push { client: number, bytes } => {
                    let weight = if bytes > LIGHT_BYTES_MAX { Weight::Heavy } else { Weight::Light };
                    let item = Item { number: pushed, client: number, weight, heavy_before: heavy };
                    match queue.push(client(number), size(bytes), item) {
                        Ok(()) => waiting += 1,
                        Err(Refused::Full(item)) => refused.push(item),
                        Err(Refused::Closed(_)) => prop_assert!(false, "it is open"),
                    }
                    pushed += 1;
                    prop_assert!(queue.lock().bytes <= QUEUE_BYTES_MAX);
                }
                Step::Transaction if waiting > 0 => {
                    let items = transaction(&mut heavy).expect("something waits");
                    waiting -= items.len();
                    taken.extend(items);
                }
                Step::Transaction => {}
            }
        }
        queue.close();
        while let Some(items) = transaction(&mut heavy) {
            taken.extend(items);
        }
        prop_assert_eq!(taken.len() + refused.len(), pushed);
        let mut newest: HashMap<(u8, bool), usize> = HashMap::new();
        for item in taken {
            let before = newest.insert((item.client, item.weight == Weight::Light), item.number);
            prop_assert!(before.is_none_or(|before| before < item.number), "a client's writes of a kind keep their order");
        }
    }
}

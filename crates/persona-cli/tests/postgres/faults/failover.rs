//! A primary that is killed under load, and its synchronous standby that takes over.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::common::report::{Form, milliseconds, report};
use crate::common::{DEADLINE, Server, wait_for};
use crate::faults::ledger::{Asked, Ledger, Told, path_in};
use crate::faults::standby::Pair;

const TARGET: &str = "20 failovers: nothing acknowledged lost, nothing done twice, writes are back within 5 s of the promotion";
/// Longest wait for writes after the promotion, in the long form.
const BACK_MAX: Duration = Duration::from_secs(5);
const CLIENTS: usize = 8;
/// How many writes are acknowledged before the primary is killed; the next constant is the number
/// after the promotion.
const BEFORE: usize = 200;
const AFTERWARDS: usize = 100;

#[test]
fn a_killed_primary_loses_nothing_acknowledged_and_writes_come_back_with_its_standby() {
    rounds(Form::Short, 1);
}

#[test]
#[ignore = "twenty pairs of servers take minutes"]
fn twenty_killed_primaries_lose_nothing_acknowledged_and_writes_come_back_within_five_seconds() {
    rounds(Form::Long, 20);
}

fn rounds(form: Form, count: usize) {
    let (mut kept, mut refused, mut unknown, mut longest) = (0, 0, 0, Duration::ZERO);
    for round in 0..count {
        // In every other round the standby is cut off first, so that the primary has commits that
        // the standby does not have.
        let (ledger, back) = fail_over(round % 2 == 0);
        println!(
            "round {round}: {:?} kept, refused, unknown; back after {back:?}",
            ledger.counts()
        );
        let counts = ledger.counts();
        (kept, refused, unknown) = (kept + counts.0, refused + counts.1, unknown + counts.2);
        longest = longest.max(back);
    }
    let figures = json!({
        "failovers": count, "kept": kept, "refused": refused, "unknown": unknown, "lost": 0, "twice": 0, "back_ms": milliseconds(longest),
    });
    report(21, "failover", form, TARGET, &figures);
    assert!(form == Form::Short || longest <= BACK_MAX, "writes were back after {longest:?}");
}

/// The state that clients share while they write.
#[derive(Default)]
struct Load {
    acknowledged: AtomicUsize,
    is_over: AtomicBool,
}

/// Makes one failover. Returns the answers of all clients, and how long after the promotion the
/// first new write was acknowledged.
fn fail_over(is_cut_off: bool) -> (Ledger, Duration) {
    let pair = Pair::start();
    let server = Server::with_workers(2).flag(format!("--database={}", pair.url())).start();
    let load = Load::default();
    let (mut ledger, mut back) = (Ledger::default(), Duration::ZERO);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                scope.spawn({
                    let (server, load) = (&server, &load);
                    move || write(server, load, number)
                })
            })
            .collect();
        let has = |wanted: usize| {
            wait_for("acknowledged writes", DEADLINE, || {
                (load.acknowledged.load(Ordering::Acquire) >= wanted).then_some(())
            });
        };
        has(BEFORE);
        if is_cut_off {
            pair.cut_off_standby();
            let more = load.acknowledged.load(Ordering::Acquire) + AFTERWARDS;
            wait_for("commits that the standby has not", DEADLINE, || {
                (pair.waiter().is_some() || load.acknowledged.load(Ordering::Acquire) >= more)
                    .then_some(())
            });
        }
        pair.primary.kill();
        pair.standby.sql("postgres", "SELECT pg_promote()");
        let (promoted, acknowledged) = (Instant::now(), load.acknowledged.load(Ordering::Acquire));
        has(acknowledged + 1);
        back = promoted.elapsed();
        has(acknowledged + AFTERWARDS);
        load.is_over.store(true, Ordering::Release);
        for client in clients {
            ledger.add(client.join().expect("no panic"));
        }
    });
    ledger.compare(&pair.standby, &pair.database);
    let counts = ledger.counts();
    assert!(counts.0 >= BEFORE + AFTERWARDS, "{counts:?}");
    let mut again = ledger;
    let first = again.clone();
    again.repeat_all(&mut server.connect());
    again.compare(&pair.standby, &pair.database);
    (first, back)
}

/// Creates and changes personas until the load is over. Each client has a persona of its own, and
/// all clients share one more.
fn write(server: &Server, load: &Load, number: usize) -> Ledger {
    let (mut client, mut ledger) = (server.connect(), Ledger::default());
    let path = path_in(&ledger.ask(&mut client, Asked::create(format!("own {number}"))));
    for count in 0.. {
        if load.is_over.load(Ordering::Acquire) {
            break;
        }
        let mark = format!("{number} {count}");
        let asked = if count % 4 == 0 { Asked::create(mark) } else { Asked::patch(&path, mark) };
        if matches!(ledger.ask(&mut client, asked.with_key(count % 2 == 0)), Told::Kept(_)) {
            load.acknowledged.fetch_add(1, Ordering::AcqRel);
        }
    }
    ledger
}

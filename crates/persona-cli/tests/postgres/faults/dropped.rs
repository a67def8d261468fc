//! Connections that break at every message of a write, also while they are being opened: each write
//! is done once and answered as usual, or answered as unknown.

use std::io::Write;
use std::process::Stdio;
use std::thread;
use std::time::Instant;

use serde_json::json;

use crate::common::report::{Form, report, variable};
use crate::common::{Client, DEADLINE, Server, wait_for};
use crate::faults::ledger::{Asked, Ledger, Told, path_in};
use persona_test_support::Cluster;
use persona_test_support::wire::{Fault, Sender, Trap, Wire};

const TARGET: &str = "10,000 injections: nothing acknowledged lost, nothing done twice";
/// A text that only connections of workers send at their start: those of the maintenance process
/// open and close by themselves.
const WORKER: &str = "persona worker";

/// A server of one worker with one connection, over a wire.
struct Bench {
    cluster: &'static Cluster,
    database: String,
    wire: Wire,
    server: Server,
    client: Client,
    ledger: Ledger,
    cuts: u64,
}

impl Bench {
    fn new(parameters: &str) -> Self {
        let cluster = Cluster::shared();
        let database = cluster.database();
        let wire = Wire::to(cluster.port());
        let url = format!("{}?pool_max=1{parameters}", wire.url(&database));
        let server = Server::with_workers(1).flag(format!("--database={url}")).start();
        let client = server.connect();
        Self { cluster, database, wire, server, client, ledger: Ledger::default(), cuts: 0 }
    }

    /// Applies this fault to the n-th message of a write, for every n. Returns how many messages a
    /// write has.
    fn at_every_message(
        &mut self,
        sender: Sender,
        fault: Fault,
        is_new: bool,
        what: &dyn Fn(String) -> Asked,
    ) -> u64 {
        for nth in 0.. {
            if is_new {
                self.wire.cut_all();
            }
            self.wire.arm(Trap::nth(sender, nth, fault).of(WORKER));
            let mark = format!("{sender:?} {fault:?} {nth} {is_new} {}", self.cuts);
            let told = self.ledger.ask(&mut self.client, what(mark).with_key(nth % 2 == 0));
            assert!(
                matches!(told, Told::Kept(_)),
                "one cut fails no write: {sender:?} {fault:?} {nth}: {told:?}"
            );
            if self.wire.disarm() == 0 {
                return nth;
            }
            self.cuts += 1;
        }
        unreachable!("a write has an end");
    }

    /// Waits until the condition holds for so many sessions of the database.
    #[track_caller]
    fn wait_for_sessions(&self, condition: &str, count: usize) {
        let sql = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND {condition}"
        );
        wait_for(condition, DEADLINE, || {
            (self.cluster.sql(&self.database, &sql) == count.to_string()).then_some(())
        });
    }

    fn compare(mut self) -> u64 {
        self.ledger.compare(self.cluster, &self.database);
        self.ledger.repeat_all(&mut self.server.connect());
        self.ledger.compare(self.cluster, &self.database);
        self.cuts
    }
}

#[test]
fn a_write_is_done_once_and_answered_at_whichever_message_its_connection_breaks() {
    let began = Instant::now();
    let mut cuts = 0;
    for parameters in ["", "&statement_cache=off"] {
        let mut bench = Bench::new(parameters);
        let path = path_in(&bench.ledger.ask(&mut bench.client, Asked::create("first")));
        let change = |mark: String| Asked::patch(&path, mark);
        for sender in [Sender::Client, Sender::Server] {
            let known = bench.at_every_message(sender, Fault::Before, false, &Asked::create);
            let new = bench.at_every_message(sender, Fault::Before, true, &change);
            assert!(
                known >= 4 && new > known,
                "{known} messages on a connection that is there, {new} with a new one"
            );
        }
        bench.at_every_message(Sender::Client, Fault::After, false, &change);
        bench.at_every_message(Sender::Client, Fault::After, true, &Asked::create);
        cuts += bench.compare();
    }
    let figures =
        json!({ "cuts": cuts, "lost": 0, "twice": 0, "seconds": began.elapsed().as_secs_f64() });
    report(22, "dropped", Form::Short, TARGET, &figures);
    assert!(cuts >= 100, "only {cuts} cuts");
}

#[test]
fn a_read_is_answered_at_whichever_message_the_connection_of_all_reads_breaks() {
    // With three connections short reads share one.
    let cluster = Cluster::shared();
    let database = cluster.database();
    let wire = Wire::to(cluster.port());
    let server = Server::with_workers(1)
        .flag(format!("--database={}?pool_max=3", wire.url(&database)))
        .start();
    let (mut client, mut ledger) = (server.connect(), Ledger::default());
    let path = path_in(&ledger.ask(&mut client, Asked::create("first")));
    for (sender, fault) in [
        (Sender::Client, Fault::Before),
        (Sender::Client, Fault::After),
        (Sender::Server, Fault::Before),
    ] {
        for is_new in [false, true] {
            let mut messages = 0;
            loop {
                if is_new {
                    wire.cut_all();
                }
                wire.arm(Trap::nth(sender, messages, fault).of(WORKER));
                let status = client.get(&path).expect("an answer").status;
                assert_eq!(status, 200, "{sender:?} {fault:?} {messages} {is_new}");
                if wire.disarm() == 0 {
                    break;
                }
                messages += 1;
            }
            assert!(messages >= 2, "{sender:?} sends more than {messages} messages");
        }
    }
}

#[test]
fn a_write_that_still_runs_when_its_connection_breaks_is_done_once() {
    let mut bench = Bench::new("");
    let path = path_in(&bench.ledger.ask(&mut bench.client, Asked::create("first")));
    // Another session has locked the row, so the statement waits on the server.
    let mut psql = bench.cluster.command("psql");
    psql.args([
        "-X",
        "-q",
        "-U",
        "postgres",
        "-p",
        &bench.cluster.port().to_string(),
        "-d",
        &bench.database,
        "-h",
    ]);
    let mut holder = psql
        .arg(bench.cluster.folder())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("psql");
    let mut input = holder.stdin.take().expect("piped");
    writeln!(input, "BEGIN; SELECT 1 FROM persona_store.personas FOR UPDATE;").expect("it reads");
    bench.wait_for_sessions("state = 'idle in transaction'", 1);
    let waiting = thread::spawn({
        let (mut client, asked) =
            (bench.server.connect(), Asked::patch(&path, "still running").with_key(false));
        move || {
            let mut ledger = Ledger::default();
            ledger.ask(&mut client, asked);
            ledger
        }
    });
    bench.wait_for_sessions("wait_event_type = 'Lock'", 1);
    bench.wire.cut_all();
    // The look of the second attempt finds nothing, because the first attempt is not over, so the
    // write is sent again.
    bench.wait_for_sessions("wait_event_type = 'Lock'", 2);
    writeln!(input, "ROLLBACK;").expect("it reads");
    let told = waiting.join().expect("no panic");
    assert_eq!(told.counts(), (1, 0, 0));
    bench.ledger.add(told);
    drop(input);
    holder.wait().expect("psql ends with its input");
    bench.compare();
}

#[test]
#[ignore = "long: run by ./test --long"]
fn ten_thousand_random_injections_lose_nothing_and_do_nothing_twice() {
    let seed =
        variable("PERSONA_FAULT_SEED").map_or(20_261_126, |seed| seed.parse().expect("a number"));
    println!("PERSONA_FAULT_SEED={seed}");
    let mut dice = Dice(seed);
    let mut bench = Bench::new("&statement_timeout=1");
    let path = path_in(&bench.ledger.ask(&mut bench.client, Asked::create("first")));
    let mut number = 0;
    while bench.cuts < 10_000 {
        number += 1;
        let sender = if dice.below(2) == 0 { Sender::Client } else { Sender::Server };
        let fault = match dice.below(1000) {
            0 => Fault::Silence,
            1..400 => Fault::Before,
            400..800 => Fault::After,
            800..900 if sender == Sender::Client => {
                Fault::Fails(["40001", "40P01", "55P03"][dice.below(3)])
            }
            _ => Fault::Ends(["57P01", "57P02", "57P05", "08006", "53300"][dice.below(5)]),
        };
        if dice.below(4) == 0 {
            bench.wire.cut_all();
        }
        bench.wire.arm(Trap::nth(sender, dice.below(16) as u64, fault).of(WORKER));
        let asked = if dice.below(2) == 0 {
            Asked::create(format!("{number}"))
        } else {
            Asked::patch(&path, format!("{number}"))
        };
        bench.ledger.ask(&mut bench.client, asked.with_key(dice.below(2) == 0));
        bench.cuts += bench.wire.disarm();
    }
    let (kept, refused, unknown) = bench.ledger.counts();
    let injected = bench.compare();
    let figures = json!({ "writes": number, "injected": injected, "kept": kept, "refused": refused, "unknown": unknown, "lost": 0, "twice": 0 });
    report(22, "dropped", Form::Long, TARGET, &figures);
}

/// Random numbers that are the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        // The algorithm SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % limit as u64).expect("below a usize")
    }
}

//! Workers that are killed in the middle of an atomic batch, at every call of their writer.

use serde_json::{Value, json};

use super::TARGET;
use crate::common::personas::create;
use crate::common::report::{Form, report};
use crate::common::{Client, DEADLINE, Reply, Server, wait_for};
use crate::ledger::{Ledger, read_whole};
use crate::strace::{Attached, Point, is_there, kill_at};

/// How many personas every batch changes.
const CHANGED: usize = 5;
/// Most batches that are sent until one kill happens.
const BATCHES_MAX: usize = 8;
const PATH: &str = "/api/v1/personas/batch?atomic=true";

/// A server of one worker. Every batch changes the same personas, and creates one persona.
struct Bench {
    server: Server,
    /// The ids of the personas that every batch changes.
    changed: Vec<String>,
    /// The number of the last batch that was sent.
    sent: u64,
    figures: Figures,
}

/// Counts of the states after kills.
#[derive(Default, Debug)]
struct Figures {
    killed: usize,
    whole: usize,
    nothing: usize,
    parts: usize,
}

impl Bench {
    fn new(flags: &[&str]) -> Self {
        let usual =
            Server::with_workers(1).flag("--durability=full").flag("--wal-autocheckpoint=1");
        let server = flags.iter().fold(usual, |server, flag| server.flag(*flag)).start();
        let mut client = server.connect();
        let id_of = |path: String| path.rsplit('/').next().expect("a path").to_owned();
        let changed =
            (0..CHANGED).map(|number| id_of(create(&mut client, &format!("changed {number}"))));
        let changed = changed.collect();
        Self { server, changed, sent: 0, figures: Figures::default() }
    }

    /// The body of the next batch. The batch's number is in every item.
    fn batch(&self) -> Value {
        let name = format!("batch {}", self.sent);
        let patch =
            |id: &String| json!({ "op": "patch", "id": id, "patch": { "nickname": &name } });
        let mut items: Vec<Value> = self.changed.iter().map(patch).collect();
        items.insert(CHANGED / 2, json!({ "op": "create", "document": { "name": &name } }));
        json!({ "items": items })
    }

    /// Sends a batch once; `None` where the connection broke.
    fn send(&self, batch: &Value) -> Option<Reply> {
        let key = [("idempotency-key", format!("batch-{}", self.sent))];
        let headers: Vec<_> = key.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut client = Client::connect(self.server.address()).ok()?;
        client.request("POST", PATH, &headers, batch.to_string().as_bytes()).ok()
    }

    /// How many items of the batch can be read.
    fn items_kept(&self) -> usize {
        let list = wait_for("a list", DEADLINE, || {
            let mut client = Client::connect(self.server.address()).ok()?;
            let reply = client.get("/api/v1/personas?sort=-updated_at&limit=20").ok()?;
            (reply.status == 200).then(|| reply.json())
        });
        let name = format!("batch {}", self.sent);
        let items = list["items"].as_array().expect("a list");
        items.iter().filter(|item| item["name"] == name || item["nickname"] == name).count()
    }

    /// Sends batches until a worker is killed at this point, or until no batch reaches the point.
    fn kill(&mut self, point: &Point) {
        let victim = self.server.grown_up("worker");
        let options = ["-o".into(), "/dev/null".into(), "-e".into(), kill_at(point)];
        let mut strace = Attached::to(victim.pid, &options);
        for _ in 0..BATCHES_MAX {
            self.sent += 1;
            let batch = self.batch();
            let is_told = self.send(&batch).is_some_and(|reply| reply.status == 200);
            if is_told {
                assert_eq!(self.items_kept(), CHANGED + 1, "acknowledged: {point:?}");
                continue;
            }
            strace.wait();
            let figures = &mut self.figures;
            figures.killed += 1;
            match self.items_kept() {
                0 => self.figures.nothing += 1,
                kept if kept > CHANGED => self.figures.whole += 1,
                _ => self.figures.parts += 1,
            }
            // Repeated with its key the batch is done exactly once.
            wait_for("an acknowledgement", DEADLINE, || {
                self.send(&batch).filter(|reply| reply.status == 200)
            });
            assert_eq!(self.items_kept(), CHANGED + 1, "repeated: {point:?}");
            return;
        }
        drop(strace);
    }

    /// The expected file after all batches: each batch was done exactly once.
    fn expected(&self) -> Ledger {
        let changed = (0..CHANGED).map(|number| (format!("changed {number}"), (self.sent + 1, 0)));
        let created = (1..=self.sent).map(|number| (format!("batch {number}"), (1, 0)));
        Ledger { personas: changed.chain(created).collect() }
    }
}

fn every_batch_killed_at_every_call(form: Form) {
    if !is_there("every_batch_killed_at_every_call") {
        return;
    }
    let mut bench = Bench::new(&[]);
    // Between the commit and the end of the answer the writer makes no other call.
    let calls =
        [("pwrite64", 40, form.pick(6, 1)), ("fsync", 4, 1), ("sendto", 2, 1), ("writev", 2, 1)];
    for (call, most, step) in calls {
        for nth in (1..=most).step_by(step) {
            bench.kill(&Point { call: call.into(), nth });
        }
    }
    assert_eq!(read_whole(&bench.server.database()), bench.expected());
    let Figures { killed, whole, nothing, parts } = bench.figures;
    assert_eq!(parts, 0, "parts of batches were kept");
    assert!(whole > 0 && nothing > 0, "{:?}: not every kind of kill was met", bench.figures);
    let figures = json!({ "killed": killed, "whole": whole, "nothing": nothing, "parts": parts });
    report(4, "every_batch_killed_at_every_call", form, TARGET, &figures);
}

#[test]
fn an_atomic_batch_is_kept_whole_or_not_at_all_at_whichever_call_its_worker_is_killed() {
    every_batch_killed_at_every_call(Form::Short);
}

#[test]
#[ignore = "long: run by ./test --long"]
fn an_atomic_batch_is_kept_whole_or_not_at_all_at_whichever_call_its_worker_is_killed_long() {
    every_batch_killed_at_every_call(Form::Long);
}

/// The control: a server that applies a batch in two transactions is killed between the two.
#[test]
fn a_batch_in_two_transactions_is_found_in_part() {
    if !is_there("a_batch_in_two_transactions_is_found_in_part") {
        return;
    }
    let mut bench = Bench::new(&["--fault=split-batch"]);
    // A transaction makes more calls than one step.
    for nth in (1..=40).step_by(3) {
        bench.kill(&Point { call: "pwrite64".into(), nth });
        if bench.figures.parts > 0 {
            return;
        }
    }
    panic!("no part of a batch was kept: {:?}", bench.figures);
}

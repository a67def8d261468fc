//! Clients with requests that take long, beside a client that writes: exports that are not read,
//! lists that are planned and searched for long, lists that their client leaves at once. No write
//! waits for any of them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::common::report::{Form, milliseconds, report};
use crate::common::{Client, DEADLINE, Server, wait_for};
use crate::faults::ledger::{Asked, Ledger, Told, path_in};
use persona_test_support::Cluster;

const TARGET: &str = "every write beside them answered within 5 s, none with 503; at most pool_max sessions of a worker";
/// Longest time of a write beside them: the target of the long form, for an optimised build that is
/// alone on the machine. On a busy machine a write has the server's own limit, after which it is
/// refused, and no write may be refused: without connections of its own a write would wait behind
/// lists without an end.
const WRITE_MAX: Duration = Duration::from_secs(5);
/// How long the server lets a write wait here, in milliseconds: far less than the other requests
/// would make it wait.
const PATIENCE_MS: u64 = 15_000;
/// Sessions of the one worker.
const POOL_MAX: u64 = 10;
/// So many personas that together are more than sockets and queues hold on the way to a client that
/// does not read.
const LARGE_PERSONAS: usize = 320;
const LARGE_BYTES: usize = 100_000;
/// A search that looks into every text, and counts.
const SLOW_LIST: &str = "/api/v1/personas?q=-nothing&count=exact&sort=name&limit=1";

struct World {
    form: Form,
    server: Server,
    database: String,
    ledger: Ledger,
    path: String,
}

impl World {
    fn start(form: Form) -> Self {
        let cluster = Cluster::shared();
        let database = cluster.database();
        let server = Server::with_workers(1)
            .flag(format!("--database={}", cluster.url(&database)))
            .flag(format!("--busy-timeout-ms={PATIENCE_MS}"))
            .start();
        let (mut client, mut ledger) = (server.connect(), Ledger::default());
        let path = path_in(&ledger.ask(&mut client, Asked::create("first")));
        let body = json!({ "name": "large", "description": "x".repeat(LARGE_BYTES), "tags": ["t0", "t1"] }).to_string();
        for _ in 0..LARGE_PERSONAS {
            let created = client
                .request("POST", "/api/v1/personas", &[], body.as_bytes())
                .expect("an answer");
            assert_eq!(created.status, 201, "{created:?}");
        }
        Self { form, server, database, ledger, path }
    }

    fn sessions(&self, condition: &str) -> u64 {
        let sql = format!(
            "SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND application_name LIKE 'persona worker%' AND {condition}"
        );
        Cluster::shared().sql(&self.database, &sql).parse().expect("a number")
    }

    /// Writes for a while. Returns the time that 99 of 100 writes took at most, and the longest
    /// time.
    #[track_caller]
    fn write_beside(&mut self, what: &str, writes: usize) -> (Duration, Duration) {
        let mut client = self.server.connect();
        let mut times: Vec<Duration> = (0..writes)
            .map(|number| {
                let began = Instant::now();
                let told = self.ledger.ask(
                    &mut client,
                    Asked::patch(&self.path, format!("{what} {number}")).with_key(false),
                );
                assert!(matches!(told, Told::Kept(_)), "beside {what}: {told:?}");
                began.elapsed()
            })
            .collect();
        times.sort_unstable();
        let (p99, longest) = (times[times.len() * 99 / 100], times[times.len() - 1]);
        if self.form == Form::Long {
            assert!(longest < WRITE_MAX, "beside {what} a write took {longest:?}");
        }
        let sessions = self.sessions("true");
        assert!(sessions <= POOL_MAX, "beside {what} a worker has {sessions} sessions");
        (p99, longest)
    }
}

/// Ends the other clients, also where an assertion fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Repeats an action on so many threads while `meanwhile` runs. Returns how often it was done.
fn while_others<T>(
    threads: usize,
    act: impl Fn(usize) + Sync,
    meanwhile: impl FnOnce() -> T,
) -> (T, u64) {
    let (is_over, count) = (AtomicBool::new(false), AtomicU64::new(0));
    let result = thread::scope(|scope| {
        for number in 0..threads {
            let (act, is_over, count) = (&act, &is_over, &count);
            scope.spawn(move || {
                while !is_over.load(Ordering::SeqCst) {
                    act(number);
                    count.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        let _over = Over(&is_over);
        wait_for("the others have begun", DEADLINE, || {
            (count.load(Ordering::SeqCst) > 0).then_some(())
        });
        meanwhile()
    });
    (result, count.load(Ordering::SeqCst))
}

fn ask(client: &mut Client, path: &str) {
    client
        .send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes())
        .expect("sent");
}

fn beside_what_lasts(form: Form) {
    let mut world = World::start(form);
    let address = world.server.address();
    let writes = form.pick(100, 3000);
    let (alone, _) = world.write_beside("nothing", writes);

    let mut readers: Vec<Client> = (0..24).map(|_| world.server.connect()).collect();
    for reader in &mut readers {
        ask(reader, "/api/v1/export");
    }
    wait_for("exports", DEADLINE, || (world.sessions("query LIKE 'FETCH%'") >= 1).then_some(()));
    let exports = world.write_beside("24 exports that are not read", writes);
    drop(readers);

    let tags = (0..16).map(|number| format!("&tag=t{number}")).collect::<Vec<_>>().concat();
    let list = |_| {
        let mut client = Client::connect(address).expect("connected");
        let reply = client.get(&format!("{SLOW_LIST}{tags}")).expect("an answer");
        assert!([200, 503].contains(&reply.status), "{reply:?}");
    };
    let (lists, listed) =
        while_others(22, list, || world.write_beside("22 lists with many tags", writes));

    let search = |_| {
        let mut client = Client::connect(address).expect("connected");
        client.wait_up_to(2 * DEADLINE);
        let reply = client.get(SLOW_LIST).expect("an answer");
        assert!([200, 503].contains(&reply.status), "{reply:?}");
    };
    let (searches, slow_searches) =
        while_others(22, search, || world.write_beside("22 slow searches", writes));

    let close = |_| {
        let mut client = Client::connect(address).expect("connected");
        ask(&mut client, SLOW_LIST);
        // The request arrives, and the client does not wait for the answer.
        thread::sleep(Duration::from_millis(5));
    };
    let (closed, sent) =
        while_others(8, close, || world.write_beside("lists that are closed at once", writes));

    world.ledger.compare(Cluster::shared(), &world.database);
    let told = |(p99, longest): (Duration, Duration)| json!({ "p99_ms": milliseconds(p99), "longest_ms": milliseconds(longest) });
    let figures = json!({
        "writes_beside_each": writes, "alone_p99_ms": milliseconds(alone), "exports": told(exports), "tags": told(lists),
        "searches": told(searches), "closed": told(closed), "lists": listed, "slow_searches": slow_searches, "closed_lists": sent,
    });
    report(29, "crowded", form, TARGET, &figures);
}

#[test]
fn no_write_waits_for_exports_lists_or_searches_of_others() {
    beside_what_lasts(Form::Short);
}

#[test]
#[ignore = "long: run by ./test --long"]
fn thousands_of_writes_wait_for_no_exports_lists_or_searches_of_others() {
    beside_what_lasts(Form::Long);
}

//! A server behind pgbouncer, which hands each transaction to another connection.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;

use serde_json::json;

use crate::common::{DEADLINE, Server, refused, wait_for};
use crate::faults::ledger::{Asked, Ledger, Told, path_in};
use persona_test_support::Cluster;
use persona_test_support::port::Port;

/// Debian's path of pgbouncer, in a folder that only root has in PATH.
const PROGRAM: &str = "/usr/sbin/pgbouncer";

/// A pooler that ends with the test.
struct Pooler {
    child: Child,
    port: Port,
}

impl Pooler {
    /// Starts a pooler that ignores these parameters at the start of a connection.
    fn start(cluster: &Cluster, overlooked: &str) -> Self {
        let reserved = Port::reserve();
        let port = reserved.number();
        let users = cluster.folder().join(format!("users-{port}.txt"));
        fs::write(&users, "\"postgres\" \"\"\n").expect("the folder is writable");
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = trust\nauth_file = {}\npool_mode = transaction\ndefault_pool_size = 3\nserver_round_robin = 1\n\
             ignore_startup_parameters = extra_float_digits{overlooked}\n",
            cluster.port(),
            users.display()
        );
        let file = cluster.folder().join(format!("pgbouncer-{port}.ini"));
        fs::write(&file, settings).expect("the folder is writable");
        let mut command = cluster.program(Path::new(PROGRAM));
        command
            .arg("-q")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command.spawn().expect(
            "pgbouncer is not installed: `./test` installs it, or `apt-get install pgbouncer`",
        );
        wait_for("the pooler", DEADLINE, || TcpStream::connect(("127.0.0.1", port)).ok());
        Self { child, port: reserved }
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port.number())
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn everything_works_through_a_pooler_when_the_url_says_that_there_is_one() {
    let cluster = Cluster::shared();
    let database = cluster.database();
    let pooler = Pooler::start(cluster, "");
    let url = format!("{}?statement_cache=off", pooler.url(&database));
    let server = Server::with_workers(2).flag(format!("--database={url}")).start();
    let mut client = server.connect();
    let mut ledger = Ledger::default();
    let path = path_in(&ledger.ask(&mut client, Asked::create("shared")));
    // More clients at once than the pooler has connections, so that each connection serves several
    // clients.
    thread::scope(|scope| {
        let write = |number: usize| {
            let (mut client, mut ledger) = (server.connect(), Ledger::default());
            for count in 0..10 {
                let told =
                    ledger.ask(&mut client, Asked::patch(&path, format!("{number} {count}")));
                assert!(matches!(told, Told::Kept(_)), "{told:?}");
                assert_eq!(client.get(&path).expect("an answer").status, 200);
            }
            ledger
        };
        let clients: Vec<_> = (0..8).map(|number| scope.spawn(move || write(number))).collect();
        for client in clients {
            ledger.add(client.join().expect("no panic"));
        }
    });
    let stale = client
        .request(
            "PATCH",
            &path,
            &[("If-Match", "\"1-00000000\"")],
            json!({ "name": "x" }).to_string().as_bytes(),
        )
        .expect("an answer");
    assert_eq!(
        (stale.status, stale.json()["current_revision"].as_u64()),
        (412, Some(81)),
        "{stale:?}"
    );
    let conflict = client.request(
        "PATCH",
        &format!("{path}?base_revision=1"),
        &[],
        json!({ "description": "x" }).to_string().as_bytes(),
    );
    assert_eq!(conflict.expect("an answer").status, 409);
    ledger.compare(cluster, &database);
    ledger.repeat_all(&mut client);
    ledger.compare(cluster, &database);
    assert_eq!(cluster.sql(&database, "SELECT count(*) FROM pg_prepared_statements"), "0");
}

/// The request to cancel goes to the pooler, which passes it on to the connection that runs the
/// statement.
#[test]
fn a_list_is_cancelled_when_its_client_is_gone_through_a_pooler() {
    let cluster = Cluster::shared();
    let database = cluster.database();
    let pooler = Pooler::start(cluster, "");
    let server = Server::with_workers(1)
        .flag(format!("--database={}?statement_cache=off", pooler.url(&database)))
        .start();
    let list = b"GET /api/v1/personas?tag=a HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let waiting = || {
        cluster.sql(&database, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
    };
    // The lock is held until the standard input of psql ends.
    let mut holder = cluster.command("psql");
    holder
        .args([
            "-h",
            "127.0.0.1",
            "-U",
            "postgres",
            "-p",
            &cluster.port().to_string(),
            "-d",
            &database,
        ])
        .stdin(Stdio::piped());
    let mut holder = holder.stdout(Stdio::null()).spawn().expect("psql");
    let lock = "BEGIN; LOCK TABLE persona_store.persona_tags IN ACCESS EXCLUSIVE MODE;\n";
    holder.stdin.as_mut().expect("a pipe").write_all(lock.as_bytes()).expect("it reads");
    let is_locked = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'persona_store.persona_tags'::regclass";
    wait_for("the lock", DEADLINE, || (cluster.sql(&database, is_locked) == "1").then_some(()));
    for _ in 0..2 {
        let mut client = server.connect();
        client.send(list).expect("sent");
        wait_for("the list reaches the server", DEADLINE, || (waiting() != "0").then_some(()));
        drop(client);
        // The server has no limit for locks or statements here: the list would wait for as long as
        // the lock is held.
        wait_for("the list is cancelled", DEADLINE, || (waiting() == "0").then_some(()));
    }
    drop(holder.stdin.take());
    holder.wait().expect("it ends");
    assert_eq!(server.connect().get("/api/v1/personas?tag=a").expect("an answer").status, 200);
}

#[test]
fn a_pooler_that_the_url_does_not_tell_of_is_named_at_the_start_with_its_cure() {
    let cluster = Cluster::shared();
    for overlooked in ["", ", options"] {
        let pooler = Pooler::start(cluster, overlooked);
        let flag = format!("--database={}", pooler.url(&cluster.database()));
        let ended = refused(tempfile::tempdir().expect("a folder").path(), &[&flag]);
        assert_eq!(ended.code, Some(5), "{overlooked}: {}", ended.stderr);
        for words in ["is behind a pooler without sessions", "add statement_cache=off to the URL"] {
            assert!(ended.stderr.contains(words), "{overlooked}: {}", ended.stderr);
        }
    }
}

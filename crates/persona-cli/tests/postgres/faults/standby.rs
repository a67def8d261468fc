//! Commits that wait for the synchronous standby, until the wait is ended from outside. PostgreSQL
//! then reports success with a warning, or ends the connection, and in both cases the standby does
//! not have the commit.

use std::thread::{self, JoinHandle};

use crate::common::{DEADLINE, Server, wait_for};
use crate::faults::ledger::{Asked, Ledger, Told, path_in};
use persona_test_support::Cluster;

/// A primary and its synchronous standby.
pub struct Pair {
    pub primary: Cluster,
    pub standby: Cluster,
    pub database: String,
}

impl Pair {
    pub fn start() -> Self {
        let primary = Cluster::start(&[]);
        let database = primary.database();
        let standby = Cluster::standby_of(&primary);
        primary.sql("postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'");
        primary.sql("postgres", "SELECT pg_reload_conf()");
        let pair = Self { primary, standby, database };
        pair.wait_until_synchronous();
        pair
    }

    /// Waits until the standby answers and commits wait for it.
    #[track_caller]
    pub fn wait_until_synchronous(&self) {
        let is_so = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
        wait_for("a synchronous standby", DEADLINE, || {
            (self.primary.sql("postgres", is_so) == "1").then_some(())
        });
    }

    /// Cuts the standby off from its primary.
    pub fn cut_off_standby(&self) {
        self.standby.sql("postgres", "ALTER SYSTEM SET primary_conninfo = ''");
        self.standby.sql("postgres", "SELECT pg_reload_conf()");
        let is_connected = "SELECT count(*) FROM pg_stat_wal_receiver";
        wait_for("the end of replication", DEADLINE, || {
            (self.standby.sql("postgres", is_connected) == "0").then_some(())
        });
    }

    /// The process number of the primary's session that was the last to begin to wait for the
    /// standby.
    pub fn waiter(&self) -> Option<String> {
        let sql = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' ORDER BY query_start DESC LIMIT 1";
        Some(self.primary.sql("postgres", sql)).filter(|found| !found.is_empty())
    }

    /// The URL that names both servers.
    pub fn url(&self) -> String {
        format!(
            "postgres://postgres@127.0.0.1:{},127.0.0.1:{}/{}",
            self.primary.port(),
            self.standby.port(),
            self.database
        )
    }
}

#[test]
fn a_commit_is_not_acknowledged_before_the_standby_has_it_also_after_its_wait_was_ended() {
    let pair = Pair::start();
    let url = format!("{}?statement_timeout=1", pair.url());
    let server = Server::with_workers(1)
        .flag(format!("--database={url}"))
        .flag("--busy-timeout-ms=1000")
        .start();
    let mut ledger = Ledger::default();
    let path = path_in(&ledger.ask(&mut server.connect(), Asked::create("first")));
    // Without the standby commits wait for ever.
    pair.standby.stop();
    let waiting = write(&server, Asked::patch(&path, "terminated"));
    let first = waiting_for_standby(&pair);
    pair.primary.sql("postgres", &format!("SELECT pg_terminate_backend({first})"));
    // The write is looked for on another connection and found, which is not enough: the new
    // connection has to wait for the standby too.
    wait_for("another wait for the standby", DEADLINE, || {
        assert!(
            !waiting.is_finished(),
            "acknowledged, and the standby has it not: {:?}",
            server.log()
        );
        pair.waiter().filter(|found| *found != first)
    });
    pair.standby.start_again();
    ledger.add(waiting.join().expect("no panic"));
    assert_eq!(ledger.counts(), (2, 0, 0), "with the standby it is what it should be");
    pair.wait_until_synchronous();
    pair.standby.stop();
    let asked = Asked::patch(&path, "cancelled");
    let waiting = write(&server, asked.clone());
    let waiter = waiting_for_standby(&pair);
    pair.primary.sql("postgres", &format!("SELECT pg_cancel_backend({waiter})"));
    let told = waiting.join().expect("no panic");
    assert_eq!(told.counts(), (0, 0, 1), "the primary has it and the standby has not");
    // The same request again finds the write on the primary.
    let again = Told::by(&asked.send(&mut server.connect()).expect("an answer"));
    assert!(!matches!(again, Told::Kept(_)), "acknowledged, and the standby has it not: {again:?}");
    ledger.add(told);
    pair.standby.start_again();
    pair.wait_until_synchronous();
    ledger.repeat_all(&mut server.connect());
    ledger.compare(&pair.primary, &pair.database);
    pair.primary.kill();
    pair.standby.sql("postgres", "SELECT pg_promote()");
    ledger.compare(&pair.standby, &pair.database);
}

#[test]
#[ignore = "waits for the limits of a dozen writes"]
fn while_the_standby_is_away_the_server_is_not_filled_with_abandoned_commits() {
    let pair = Pair::start();
    let url = format!("{}?statement_timeout=1&pool_max=2", pair.url());
    let server = Server::with_workers(1)
        .flag(format!("--database={url}"))
        .flag("--busy-timeout-ms=8000")
        .start();
    let mut ledger = Ledger::default();
    assert!(matches!(ledger.ask(&mut server.connect(), Asked::create("first")), Told::Kept(_)));
    pair.standby.stop();
    for round in 0..2 {
        let waiting: Vec<_> = (0..6)
            .map(|number| write(&server, Asked::create(format!("{round} {number}"))))
            .collect();
        for client in waiting {
            wait_for("an answer", DEADLINE, || client.is_finished().then_some(()));
            let told = client.join().expect("no panic");
            assert_eq!(told.counts().0, 0, "acknowledged without the standby");
            ledger.add(told);
        }
    }
    let left: u32 = pair
        .primary
        .sql("postgres", "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
        .parse()
        .expect("a number");
    assert!(
        (1..=10).contains(&left),
        "{left} commits wait: more than the eight that may be abandoned and the pool of two"
    );
    pair.standby.start_again();
    pair.wait_until_synchronous();
    wait_for("service", DEADLINE, || {
        (server.connect().get("/readyz").ok()?.status == 200).then_some(())
    });
    ledger.repeat_all(&mut server.connect());
    ledger.compare(&pair.primary, &pair.database);
}

/// Sends a write from a client of its own.
fn write(server: &Server, asked: Asked) -> JoinHandle<Ledger> {
    let mut client = server.connect();
    thread::spawn(move || {
        let mut ledger = Ledger::default();
        ledger.ask(&mut client, asked);
        ledger
    })
}

/// Waits until a session of the primary waits for the standby, and returns its process number.
#[track_caller]
fn waiting_for_standby(pair: &Pair) -> String {
    wait_for("a commit that waits", DEADLINE, || pair.waiter())
}

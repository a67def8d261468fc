//! A store with one persona, its sessions in the server, and locks that make requests wait.

use std::sync::Arc;
use std::time::{Duration, Instant};

use persona_model::{Filter, ListRequest, Patch, Precondition, Sort};
use persona_storage::conformance::{TestClock, document, id, write};
use persona_storage::postgres::{PostgresStore, Settings, initialise};
use persona_storage::{Error, NoObserver, Operation, Store, Write, Written};
use persona_test_support::{Cluster, wait_until};
use serde_json::json;
use tokio::task::JoinSet;

/// Longest wait for something that happens by itself; a write is refused after as long a wait.
pub const LONG: Duration = Duration::from_secs(30);

/// How long a list may take, and how long the server lets a list wait for a lock without a look
/// whether its client still exists: twenty times [`LONG`]. So what happens within [`LONG`] follows
/// from what the store does, also on a busy machine.
pub const LIST_TIME: Duration = Duration::from_mins(10);
pub const PATIENT: &str =
    "options=-c%20lock_timeout%3D600s%20-c%20client_connection_check_interval%3D0";

/// So many personas that an export that is not read does not fit into queue and sockets.
pub const LARGE_PERSONAS: u8 = 160;

pub const LARGE_BYTES: usize = 100_000;

pub struct Bench<'a> {
    pub store: Arc<dyn Store>,
    pub cluster: &'a Cluster,
    pub database: String,
}

impl Bench<'static> {
    /// A store with one persona; its lists are cancelled after `read_time`.
    pub async fn with(parameters: &str, read_time: Duration) -> Self {
        let cluster = Cluster::shared();
        let database = cluster.database();
        let separator = if parameters.is_empty() { "" } else { "&" };
        let url = format!("{}?{PATIENT}{separator}{parameters}", cluster.url(&database));
        Self::on(cluster, database, &url, read_time).await
    }
}

impl<'a> Bench<'a> {
    /// The same in a database of this server, which the store reaches by this URL.
    pub async fn on(
        cluster: &'a Cluster,
        database: String,
        url: &str,
        read_time: Duration,
    ) -> Self {
        let settings =
            Settings::parse(url).expect("a URL").named("leases").reading_within(read_time);
        initialise(&settings).expect("an empty database");
        let store =
            PostgresStore::open(settings, Arc::new(TestClock::default()), Arc::new(NoObserver))
                .expect("it opens");
        store.write(create(0, "short")).await.expect("created");
        Self { store: Arc::new(store), cluster, database }
    }

    pub async fn fill(&self) {
        let text = "x".repeat(LARGE_BYTES);
        for number in 1..=LARGE_PERSONAS {
            self.store.write(create(number, &text)).await.expect("created");
        }
    }

    pub fn sql(&self, sql: &str) -> String {
        self.cluster.sql(&self.database, sql)
    }

    /// The number of sessions of the store for which this SQL condition holds.
    pub fn sessions(&self, condition: &str) -> usize {
        let of_store = "datname = current_database() AND application_name = 'leases'";
        self.sql(&format!("SELECT count(*) FROM pg_stat_activity WHERE {of_store} AND {condition}"))
            .parse()
            .expect("a number")
    }

    /// Waits until so many writes wait in the server for a lock. None of the writes may end before
    /// that.
    pub async fn holds_writes(&self, writes: &mut JoinSet<Result<Written, Error>>, holders: usize) {
        let began = Instant::now();
        let waiting = wait_until("the writes wait for a lock", LONG, || {
            let found = self.sessions("wait_event_type = 'Lock'");
            if found != holders && began.elapsed() >= LONG {
                println!("{found}, not {holders}: {}", self.sql("SELECT * FROM pg_stat_activity"));
            }
            found == holders
        });
        tokio::select! {
            () = waiting => {}
            Some(ended) = writes.join_next() => panic!("a write ended: {ended:?}"),
        }
    }

    /// Patches the first persona.
    pub async fn patch(&self, number: usize) {
        let patch =
            Patch::merge(json!({ "description": format!("{number}") })).expect("a merge patch");
        self.store
            .write(write(Operation::Patch {
                id: id(0),
                precondition: Precondition::Any,
                patch,
                base: None,
            }))
            .await
            .expect("patched");
    }

    /// Patches the persona several times in a row while something else goes on; no patch may wait
    /// for that.
    pub async fn patch_beside(&self, what: &str) {
        for number in 0..6 {
            let patched = tokio::time::timeout(LONG, self.patch(number)).await;
            assert!(patched.is_ok(), "a write waits for {what}");
        }
    }
}

pub fn create(number: u8, description: &str) -> Write {
    write(Operation::Create {
        id: id(number),
        document: document(json!({ "name": "Ada", "description": description })),
    })
}

/// A list of the personas that have all of so many tags.
pub fn list_with_tags(count: usize) -> ListRequest {
    let tags = (0..count).map(|number| format!("tag {number}")).collect();
    ListRequest {
        filter: Filter { tags, ..Filter::default() },
        sort: Sort::DEFAULT,
        after: None,
        limit: 50,
        count: true,
    }
}

/// A lock on a table or row. Requests that need the lock wait in the server as long as this lives.
pub struct Held(tokio_postgres::Client);

impl Held {
    /// Makes a list that asks for a tag wait.
    pub async fn tags_of(bench: &Bench<'_>) -> Self {
        Self::with(bench, "LOCK TABLE persona_store.persona_tags IN ACCESS EXCLUSIVE MODE").await
    }

    /// Makes every write wait, and no read.
    pub async fn writes_of(bench: &Bench<'_>) -> Self {
        Self::with(bench, "LOCK TABLE persona_store.personas IN EXCLUSIVE MODE").await
    }

    /// Makes a change of the persona with this name wait.
    pub async fn changes_of(bench: &Bench<'_>, name: &str) -> Self {
        Self::with(
            bench,
            &format!("SELECT 1 FROM persona_store.personas WHERE name = '{name}' FOR UPDATE"),
        )
        .await
    }

    pub async fn with(bench: &Bench<'_>, lock: &str) -> Self {
        let url = bench.cluster.url(&bench.database);
        let (client, connection) =
            tokio_postgres::connect(&url, tokio_postgres::NoTls).await.expect("connected");
        tokio::spawn(connection);
        client.batch_execute(&format!("BEGIN; {lock}")).await.expect("locked");
        Self(client)
    }

    pub async fn release(self) {
        self.0.batch_execute("ROLLBACK").await.expect("over");
    }
}

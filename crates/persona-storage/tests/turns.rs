//! A light write waits for at most one heavy one, whoever sends how many.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use persona_model::PersonaId;
use persona_storage::conformance::{TestClock, document, id, write};
use persona_storage::sqlite::{Gate, Settings, SqliteStore, initialise};
use persona_storage::{Observer, Operation, Store, Write};
use serde_json::json;
use tokio::task::JoinSet;

/// Writes of large documents, and of small ones.
const HEAVY: u8 = 6;
const LIGHT: u8 = 8;
/// Longest wait for something to be seen.
const DEADLINE: Duration = Duration::from_mins(1);

/// Counts who waits.
#[derive(Default)]
struct Counts {
    queued: AtomicUsize,
    at_the_gate: AtomicUsize,
}

impl Observer for Counts {
    fn enqueued(&self) {
        self.queued.fetch_add(1, SeqCst);
    }

    fn gate_waiting(&self) {
        self.at_the_gate.fetch_add(1, SeqCst);
    }
}

async fn reaches(count: &AtomicUsize, wanted: usize) {
    let began = Instant::now();
    while count.load(SeqCst) < wanted {
        assert!(began.elapsed() < DEADLINE, "{} of {wanted}", count.load(SeqCst));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn create(number: u8, bytes: usize, client: u8) -> Write {
    let members = json!({ "name": "Ada", "alternate_greetings": vec!["x".repeat(bytes / 4); 4] });
    let client = Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, client)));
    Write { client, bytes, ..write(Operation::Create { id: id(number), document: document(members) }) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_light_write_is_committed_after_at_most_one_heavy_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = Settings::new(folder.path().join("persona.db"));
    initialise(&settings).expect("a new file");
    let counts = Arc::new(Counts::default());
    let store = Arc::new(SqliteStore::open(settings.clone(), Arc::new(TestClock::default()), counts.clone()).expect("it opens"));
    let mut writers = JoinSet::new();
    let mut send = |write: Write| {
        let store = Arc::clone(&store);
        writers.spawn(async move { store.write(write).await.expect("created").answer.id });
    };
    {
        let gate = Gate::open(&settings.path).expect("a gate");
        let pass = gate.enter().expect("locks work");
        // The first has its turn, and waits at the gate; all others queue up behind it.
        send(create(0, 1 << 20, 0));
        reaches(&counts.at_the_gate, 1).await;
        (1..HEAVY).for_each(|number| send(create(number, 1 << 20, number)));
        reaches(&counts.queued, usize::from(HEAVY)).await;
        (0..LIGHT).for_each(|number| send(create(100 + number, 100, number)));
        reaches(&counts.queued, usize::from(HEAVY + LIGHT)).await;
        drop(pass);
    }
    while let Some(written) = writers.join_next().await {
        written.expect("no panic");
    }
    let feed = store.changes_after(0, 100).await.expect("readable");
    let order: Vec<u8> = feed.iter().map(|change| PersonaId::as_bytes(&change.persona)[15]).collect();
    assert_eq!(order.len(), usize::from(HEAVY + LIGHT));
    let last_light = order.iter().rposition(|number| *number >= 100).expect("light ones");
    let before = order[..last_light].iter().filter(|number| **number < 100).count();
    // One that has just come to the queue when the gate opens may be in the light transaction after the next heavy one.
    assert!(before <= 2, "{order:?}");
    let first_light = order.iter().position(|number| *number >= 100).expect("light ones");
    assert_eq!(first_light, 1, "{order:?}");
    store.close().await;
}

//! What the search index costs: pages of the WAL and time of a change, time of a search, bytes of
//! the file. Prints one line of figures, so that two versions can be run in turns and compared.
//!
//! `cargo bench -p persona-storage --bench search_index -- 100000`

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures are rounded for reading"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use persona_model::{
    Clock, Document, Filter, ListRequest, Patch, PersonaId, Precondition, Search, Sort, Timestamp,
};
use persona_storage::sqlite::{Maintenance, Settings, SqliteStore, initialise};
use persona_storage::{NoObserver, Operation, Store, Write};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// Personas that are made at once.
const CREATED_AT_ONCE: u64 = 64;
/// Changes of one kind, one after the other.
const CHANGES: u64 = 500;
const SEARCHES: u64 = 300;
/// Words of one persona and of all personas: about 2 KB, as the usual persona has.
const WORDS: u64 = 300;
const VOCABULARY: u64 = 40_000;
/// A page of the WAL with its header, in bytes.
const FRAME_BYTES: u64 = 4096 + 24;
/// Words of the heavy document, nearly all of them different.
const HEAVY_WORDS: u64 = 380_000;
const HEAVY_CHANGES: u64 = 8;
/// The pause that maintenance tells when it has nothing left to do.
const IDLE: Duration = Duration::from_millis(200);
/// How long small changes are made beside heavy ones.
const BESIDE: Duration = Duration::from_secs(15);

struct Wall(Instant);

impl Clock for Wall {
    fn now(&self) -> Timestamp {
        let micros = i64::try_from(self.elapsed().as_micros()).expect("a short time");
        Timestamp::from_micros(1_795_867_200_000_000 + micros)
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Numbers that look random.
fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// A word of the vocabulary, a few of them in most personas and most of them in few.
fn word(seed: u64) -> String {
    let (rank, spread) = (mixed(seed), mixed(seed ^ 0x5555) % 1000 + 1);
    format!("w{:x}", (rank % VOCABULARY) * spread / 1000 * spread / 1000)
}

fn text(seed: u64, words: u64) -> String {
    (0..words).map(|at| word(seed * 1000 + at)).collect::<Vec<_>>().join(" ")
}

fn id(number: u64) -> PersonaId {
    let mut bytes = [7; 16];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    PersonaId::from_bytes(bytes)
}

fn write(operation: Operation) -> Write {
    Write::new(operation, Instant::now() + Duration::from_mins(5))
}

struct Bench {
    path: PathBuf,
    store: Arc<SqliteStore>,
    maintenance: Maintenance,
    runtime: tokio::runtime::Runtime,
}

impl Bench {
    fn new(folder: &Path) -> Self {
        let path = folder.join("persona.db");
        let settings = Settings::new(&path);
        initialise(&settings).expect("a new file");
        let clock: Arc<dyn Clock> = Arc::new(Wall(Instant::now()));
        let maintenance = Maintenance::open(&settings, Arc::clone(&clock), Arc::new(NoObserver));
        let store = SqliteStore::open(settings, clock, Arc::new(NoObserver)).expect("it opens");
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        Self {
            path,
            store: Arc::new(store),
            maintenance: maintenance.expect("it opens"),
            runtime: runtime.expect("a runtime"),
        }
    }

    fn create(&mut self, numbers: std::ops::Range<u64>) {
        for first in numbers.clone().step_by(usize::try_from(CREATED_AT_ONCE).expect("few")) {
            let store = &self.store;
            self.runtime.block_on(async {
                let mut all = JoinSet::new();
                for number in first..(first + CREATED_AT_ONCE).min(numbers.end) {
                    let store = Arc::clone(store);
                    let name = format!("Persona {number} {}", word(number));
                    let tags = [word(number * 3), word(number * 3 + 1)];
                    let members =
                        json!({ "name": name, "tags": tags, "system_prompt": text(number, WORDS) });
                    let document = Document::from_json(members).expect("valid");
                    let create = Operation::Create { id: id(number), document };
                    all.spawn(async move { store.write(write(create)).await.map(drop) });
                }
                while let Some(done) = all.join_next().await {
                    done.expect("no panic").expect("created");
                }
            });
            self.maintenance.tick().expect("maintenance");
        }
    }

    /// Lets maintenance end its work, and cut the WAL to nothing.
    fn settle(&mut self) {
        while self.maintenance.tick().expect("maintenance") < IDLE || self.wal_bytes() > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn wal_bytes(&self) -> u64 {
        let mut path = self.path.clone().into_os_string();
        path.push("-wal");
        std::fs::metadata(path).map_or(0, |file| file.len())
    }

    fn patch(&self, number: u64, members: Value) -> f64 {
        let patch = Patch::merge(members).expect("a patch");
        let operation =
            Operation::Patch { id: id(number), precondition: Precondition::Any, patch, base: None };
        let began = Instant::now();
        self.runtime.block_on(self.store.write(write(operation))).expect("patched");
        began.elapsed().as_secs_f64() * 1e3
    }

    /// Milliseconds of the middle and slowest change, pages of one, and pages with the merges.
    fn changes(&mut self, count: u64, change: impl Fn(u64) -> (u64, Value)) -> Value {
        self.settle();
        let times: Vec<f64> = (0..count)
            .map(|at| {
                let (number, members) = change(at);
                self.patch(number, members)
            })
            .collect();
        let times = sorted(times);
        let pages = |bytes: u64| rounded(bytes as f64 / FRAME_BYTES as f64 / count as f64);
        let written = pages(self.wal_bytes());
        json!({ "p50_ms": rounded(at(&times, 0.5)), "max_ms": rounded(at(&times, 1.0)), "pages": written })
    }

    /// Milliseconds of small changes, one after the other, while two others exchange documents.
    fn changes_beside(&mut self, heavy: Option<&[Value; 2]>) -> Value {
        let stop = Arc::new(AtomicBool::new(false));
        let mut others = JoinSet::new();
        let patch = |number: u64, members: &Value| Operation::Patch {
            id: id(number),
            precondition: Precondition::Any,
            patch: Patch::merge(members.clone()).expect("a patch"),
            base: None,
        };
        let written = Arc::new(AtomicU64::new(0));
        for (number, documents) in (0..2).zip([heavy, heavy].into_iter().flatten()) {
            let (store, stop) = (Arc::clone(&self.store), Arc::clone(&stop));
            let (documents, written) = (documents.clone(), Arc::clone(&written));
            let others_patch = patch;
            let change = async move {
                for members in documents.iter().cycle() {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    store.write(write(others_patch(number, members))).await.expect("patched");
                    written.fetch_add(1, Ordering::Relaxed);
                }
            };
            others.spawn_on(change, self.runtime.handle());
        }
        let until = Instant::now() + BESIDE;
        let mut times = Vec::new();
        while Instant::now() < until {
            let at = times.len() as u64;
            times.push(self.patch(2 + mixed(at) % 100, json!({ "extensions": { "number": at } })));
            self.maintenance.tick().expect("maintenance");
        }
        stop.store(true, Ordering::Relaxed);
        self.runtime.block_on(async { while others.join_next().await.is_some() {} });
        let times = sorted(times);
        json!({
            "changes": times.len(),
            "heavy_changes": written.load(Ordering::Relaxed),
            "p50_ms": rounded(at(&times, 0.5)),
            "p99_ms": rounded(at(&times, 0.99)),
            "max_ms": rounded(at(&times, 1.0)),
        })
    }

    fn search(&self, text: &str, sort: Sort, count: bool) -> f64 {
        let filter = Filter { search: Search::parse(text).ok(), ..Filter::default() };
        let request = ListRequest { filter, sort, after: None, limit: 50, count };
        let began = Instant::now();
        self.runtime.block_on(self.store.list(request)).expect("listed");
        began.elapsed().as_secs_f64() * 1e3
    }

    fn searches(&self, sort: Sort, count: bool, text: impl Fn(u64) -> String) -> Value {
        let times = sorted((0..SEARCHES).map(|at| self.search(&text(at), sort, count)).collect());
        json!({ "p50_ms": rounded(at(&times, 0.5)), "p99_ms": rounded(at(&times, 0.99)) })
    }
}

fn sorted(mut times: Vec<f64>) -> Vec<f64> {
    times.sort_unstable_by(f64::total_cmp);
    times
}

fn at(times: &[f64], part: f64) -> f64 {
    times[((times.len() - 1) as f64 * part) as usize]
}

fn rounded(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

fn main() {
    let personas = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(10_000);
    let folder = tempfile::tempdir().expect("a folder");
    let mut bench = Bench::new(folder.path());
    let began = Instant::now();
    bench.create(0..personas);
    let created = personas as f64 / began.elapsed().as_secs_f64();
    bench.settle();
    let bytes = std::fs::metadata(&bench.path).expect("it is there").len() / personas;
    let frequent = |at: u64| format!("w{:x} w{:x}", at % 7, 7 + at % 11);
    let search = json!({
        "two_frequent": bench.searches(Sort::RELEVANCE, false, frequent),
        "one_frequent": bench.searches(Sort::RELEVANCE, false, |at| format!("w{:x}", at % 18)),
        "frequent_and_rare":
            bench.searches(Sort::RELEVANCE, false, |at| format!("w{:x} w{:x}", at % 7, 9_000 + at * 50)),
        "prefix_of_two": bench.searches(Sort::RELEVANCE, false, |at| format!("w{:x}*", at % 16)),
        "two_frequent_counted": bench.searches(Sort::RELEVANCE, true, frequent),
    });
    let random = |at: u64| mixed(at) % personas;
    let nickname =
        bench.changes(CHANGES, |at| (random(at), json!({ "nickname": format!("change{at}") })));
    let texts = bench.changes(CHANGES, |at| {
        (random(at), json!({ "description": format!("change{at} {}", text(at, 20)) }))
    });
    let neither =
        bench.changes(CHANGES, |at| (random(at), json!({ "extensions": { "number": at } })));
    let words: Vec<String> =
        (0..HEAVY_WORDS).map(|at| format!("h{:x}", mixed(at) % 100_000_000)).collect();
    let texts_of_heavy: Vec<String> = words.chunks(20_000).map(|chunk| chunk.join(" ")).collect();
    let made = bench.patch(0, json!({ "alternate_greetings": texts_of_heavy }));
    let heavy_nickname =
        bench.changes(HEAVY_CHANGES, |at| (0, json!({ "nickname": format!("heavy{at}") })));
    let heavy_text =
        bench.changes(HEAVY_CHANGES, |at| (0, json!({ "description": format!("change{at}") })));
    let other: Vec<String> = texts_of_heavy.iter().map(|text| text.replace('h', "g")).collect();
    let heavy =
        [json!({ "alternate_greetings": texts_of_heavy }), json!({ "alternate_greetings": other })];
    let beside_none = bench.changes_beside(None);
    let beside_heavy = bench.changes_beside(Some(&heavy));
    let figures = json!({
        "personas": personas,
        "created_per_second": rounded(created),
        "bytes_per_persona": bytes,
        "search": search,
        "patch_nickname": nickname,
        "patch_text": texts,
        "patch_neither": neither,
        "heavy_made_ms": rounded(made),
        "heavy_patch_nickname": heavy_nickname,
        "heavy_patch_text": heavy_text,
        "small_beside_nothing": beside_none,
        "small_beside_heavy": beside_heavy,
    });
    println!("{figures}");
    bench.runtime.block_on(bench.store.close());
}

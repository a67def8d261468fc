//! What each write computes before it reaches the database.
//!
//! `./bench --micro` runs these and compares them with `benches/baseline.json`.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use persona_model::{Document, Patch, TextWords, TitleWords};
use serde_json::{Value, json};

/// Bytes of text in the usual persona, and in a large one.
const SIZES: [(&str, usize); 2] = [("2_kb", 2_000), ("10_kb", 10_000)];

fn input(bytes: usize) -> Value {
    let sentence =
        "You answer in whole sentences, ask when something is unclear, and never invent a source. ";
    json!({ "name": "Ada", "tags": ["maths", "history"], "system_prompt": sentence.repeat(bytes / sentence.len()) })
}

fn document(bytes: usize) -> Document {
    Document::from_json(input(bytes)).expect("valid")
}

fn hot_parts(criterion: &mut Criterion) {
    let patch = Patch::merge(json!({ "nickname": "the Countess" })).expect("an object");
    for (size, bytes) in SIZES {
        let document = document(bytes);
        let text = document.text();
        criterion.bench_function(&format!("patch_apply_{size}"), |bencher| {
            bencher.iter(|| patch.apply(black_box(&document)));
        });
        criterion.bench_function(&format!("canonical_json_and_hash_{size}"), |bencher| {
            // A document keeps its hash, so each turn needs one of its own.
            let fresh = || Document::from_stored(text).expect("readable");
            bencher.iter_batched(
                fresh,
                |document| black_box(&document).content_hash(),
                BatchSize::SmallInput,
            );
        });
        criterion.bench_function(&format!("search_words_{size}"), |bencher| {
            bencher.iter(|| {
                let document = black_box(&document);
                (TitleWords::of(document), TextWords::of(document))
            });
        });
        criterion.bench_function(&format!("read_stored_{size}"), |bencher| {
            bencher.iter(|| Document::from_stored(black_box(text)));
        });
    }
}

criterion_group!(benches, hot_parts);
criterion_main!(benches);

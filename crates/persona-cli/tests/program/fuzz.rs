//! The fuzz targets (`fuzz/README.md`) over their seeds, and over changes of these that are the
//! same in every run. cargo-fuzz searches for as long as one lets it, which no test does.

use std::fs;
use std::path::Path;

use persona_http::contract::{Method, OperationId};

#[path = "../../../../fuzz/src/lib.rs"]
mod targets;

/// Changes that are tried of each seed.
const CHANGES: usize = 200;
/// Pieces that are put into a seed: signs with a meaning in one of the formats.
const PIECES: [&[u8]; 16] = [
    b"\"", b"{", b"]", b",", b"\n", b"\r\n", b"\n\n", b"\\u0000", b"\\ud800", b"1e999", b"-",
    b"%2F", b"@", b"\xff", b"=", b"*",
];

/// A number that looks random, and the next state (xorshift64).
fn dice(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    usize::try_from(*state >> 16).expect("a machine of 64 bits")
}

/// A text with up to three changes.
fn changed(seed: &[u8], state: &mut u64) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=dice(state) % 3 {
        let at = dice(state) % (bytes.len() + 1);
        let end = (at + dice(state) % 16).min(bytes.len());
        match dice(state) % 5 {
            0 => drop(bytes.drain(at..end)),
            1 => bytes.truncate(at),
            2 => {
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            3 => {
                let bit = 1 << (dice(state) % 8);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= bit;
                }
            }
            _ => {
                let piece = PIECES[dice(state) % PIECES.len()];
                bytes.splice(at..at, piece.iter().copied());
            }
        }
    }
    bytes
}

#[test]
fn every_target_stands_its_seeds_and_changes_of_them() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
    for (name, run) in targets::TARGETS {
        let seeds = fs::read_dir(folder.join(name)).expect("the target has seeds");
        let mut state = 1;
        for seed in seeds {
            let path = seed.expect("readable").path();
            let seed = fs::read(&path).expect("readable");
            run(&seed);
            for _ in 0..CHANGES {
                run(&changed(&seed, &mut state));
            }
        }
    }
}

#[test]
fn the_target_of_queries_asks_every_read_that_has_parameters() {
    let paths = targets::queries::paths();
    let mut unused: Vec<&String> = paths.iter().collect();
    for operation in OperationId::ALL {
        let row = operation.row();
        let is_of_row = |path: &&String| {
            let (path, pattern) = (path.split('/'), row.path.split('/'));
            path.clone().count() == pattern.clone().count()
                && path.zip(pattern).all(|(part, wanted)| part == wanted || wanted.starts_with('{'))
        };
        if row.method == Method::Get {
            let is_asked = paths.iter().any(|path| is_of_row(&path));
            assert!(is_asked || row.all_query().next().is_none(), "{}", row.path);
            unused.retain(|path| !is_of_row(path));
        }
    }
    assert!(unused.is_empty(), "no routes: {unused:?}");
}

#[test]
fn every_target_is_a_program_of_cargo_fuzz() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).expect("readable");
    for (name, _) in targets::TARGETS {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
        assert!(folder.join(format!("fuzz_targets/{name}.rs")).exists(), "{name}");
    }
}

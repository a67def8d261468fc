//! The target `queries` for cargo-fuzz.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| persona_fuzz::queries::run(bytes));

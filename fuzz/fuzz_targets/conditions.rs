//! The target `conditions` for cargo-fuzz.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| persona_fuzz::conditions::run(bytes));

#![no_main]

#[path = "../../tests/inevent/decoder.rs"]
mod decoder;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| decoder::run(bytes));

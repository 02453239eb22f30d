#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dataverse_sandbox::fuzz::sql(bytes));

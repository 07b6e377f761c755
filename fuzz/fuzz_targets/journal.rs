#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| keyrelay_fuzz::journal::whole(bytes));

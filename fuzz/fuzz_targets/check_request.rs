//! See `bodies::gateway::check_request`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::gateway::check_request(data));

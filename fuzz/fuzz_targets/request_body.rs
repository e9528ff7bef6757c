//! See `bodies::texts::request_body`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::texts::request_body(data));

//! See `bodies::request_body`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::request_body(data));

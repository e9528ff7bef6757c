//! See `bodies::access_token`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::access_token(data));

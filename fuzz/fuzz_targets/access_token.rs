//! See `bodies::tokens::access_token`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::tokens::access_token(data));

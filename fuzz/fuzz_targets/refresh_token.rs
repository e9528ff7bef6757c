//! See `bodies::refresh_token`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::refresh_token(data));

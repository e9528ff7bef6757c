//! See `bodies::tokens::opaque_token`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::tokens::opaque_token(data));

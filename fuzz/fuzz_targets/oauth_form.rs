//! See `bodies::oauth::oauth_form`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::oauth::oauth_form(data));

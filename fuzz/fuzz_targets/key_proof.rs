//! See `bodies::proofs::key_proof`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::proofs::key_proof(data));

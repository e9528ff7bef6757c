//! The fuzz targets' own functions, on random bytes, on genuine inputs with a few bytes changed, and on those that
//! the fuzzer has found to reach something new.

#[path = "../../fuzz/bodies/mod.rs"]
mod bodies;

use std::{fs, path::Path};

use proptest::{collection::vec, prelude::*};

/// A change to an input: where, what, and a byte to do it with.
type Edit = (prop::sample::Index, u8, u8);

fn edited(mut input: Vec<u8>, edits: &[Edit]) -> Vec<u8> {
    // Bytes that mean something to one of the parsers.
    const TELLING: &[u8] = b".\"{}[]:,;=+/-_\\0\0\n \xff";
    for (place, what, byte) in edits {
        let at = place.index(input.len() + 1);
        match what % 6 {
            0 if at < input.len() => input[at] = *byte,
            1 if at < input.len() => input[at] ^= 1 << (byte % 8),
            2 if at < input.len() => drop(input.remove(at)),
            3 => input.truncate(at),
            4 => input.insert(at, TELLING[usize::from(*byte) % TELLING.len()]),
            _ => input.extend_from_within(at..),
        }
    }
    input
}

fn inputs(seeds: fn() -> Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let edits = vec((any::<prop::sample::Index>(), any::<u8>(), any::<u8>()), 0..6);
    let mutated = (any::<prop::sample::Index>(), edits).prop_map(move |(seed, edits)| {
        let mut seeds = seeds();
        let index = seed.index(seeds.len());
        edited(seeds.swap_remove(index), &edits)
    });
    prop_oneof![1 => vec(any::<u8>(), 0..300), 4 => mutated]
}

proptest! {
    #[test]
    fn access_token(input in inputs(bodies::tokens::access_token_seeds)) {
        bodies::tokens::access_token(&input);
    }

    #[test]
    fn opaque_token(input in inputs(bodies::tokens::opaque_token_seeds)) {
        bodies::tokens::opaque_token(&input);
    }

    #[test]
    fn key_proof(input in inputs(bodies::proofs::key_proof_seeds)) {
        bodies::proofs::key_proof(&input);
    }

    #[test]
    fn request_body(input in inputs(bodies::texts::request_body_seeds)) {
        bodies::texts::request_body(&input);
    }

    #[test]
    fn forwarded(input in inputs(bodies::texts::forwarded_seeds)) {
        bodies::texts::forwarded(&input);
    }

    #[test]
    fn oauth_form(input in inputs(bodies::oauth::oauth_form_seeds)) {
        bodies::oauth::oauth_form(&input);
    }

    #[test]
    fn check_request(input in inputs(bodies::gateway::check_request_seeds)) {
        bodies::gateway::check_request(&input);
    }
}

/// The invariants bite: genuine inputs get through.
#[test]
fn genuine_inputs_pass() {
    for target in bodies::TARGETS {
        for seed in (target.seeds)() {
            (target.run)(&seed);
        }
    }
}

#[test]
fn what_the_fuzzer_kept_still_holds() {
    for target in bodies::TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/kept").join(target.name);
        let mut count = 0;
        for entry in fs::read_dir(&folder).expect("a folder") {
            (target.run)(&fs::read(entry.expect("an entry").path()).expect("an input"));
            count += 1;
        }
        assert!(count > 1, "{} keeps nothing", target.name);
    }
}

//! The fuzz targets' own functions, on random bytes and on genuine inputs with a few bytes changed.

#[path = "../../fuzz/bodies.rs"]
mod bodies;

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
    fn access_token(input in inputs(bodies::access_token_seeds)) {
        bodies::access_token(&input);
    }

    #[test]
    fn refresh_token(input in inputs(bodies::refresh_token_seeds)) {
        bodies::refresh_token(&input);
    }

    #[test]
    fn request_body(input in inputs(bodies::request_body_seeds)) {
        bodies::request_body(&input);
    }

    #[test]
    fn forwarded(input in inputs(bodies::forwarded_seeds)) {
        bodies::forwarded(&input);
    }
}

/// The invariants bite: genuine inputs get through.
#[test]
fn genuine_inputs_pass() {
    for seed in bodies::access_token_seeds() {
        bodies::access_token(&seed);
    }
    for seed in bodies::request_body_seeds() {
        bodies::request_body(&seed);
    }
    for seed in bodies::forwarded_seeds() {
        bodies::forwarded(&seed);
    }
}

//! What the fuzz targets do with their input, and what must hold whatever it is. `tests/suite/fuzz_twins.rs`
//! runs the same functions on random and on mutated genuine inputs, so that every test run has its share.

pub mod gateway;
pub mod oauth;
pub mod proofs;
mod served;
pub mod texts;
pub mod tokens;

use std::time::Duration;

use keyward::domain::clock::Timestamp;

/// When everything happens: the clock stands still.
const NOW: Timestamp = Timestamp::from_secs(2_000_000_000);
const ACCESS_TTL: Duration = Duration::from_mins(15);

/// A fuzz target.
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
    /// Genuine inputs.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

pub const TARGETS: [Target; 7] = [
    Target { name: "access_token", run: tokens::access_token, seeds: tokens::access_token_seeds },
    Target { name: "opaque_token", run: tokens::opaque_token, seeds: tokens::opaque_token_seeds },
    Target { name: "key_proof", run: proofs::key_proof, seeds: proofs::key_proof_seeds },
    Target { name: "request_body", run: texts::request_body, seeds: texts::request_body_seeds },
    Target { name: "forwarded", run: texts::forwarded, seeds: texts::forwarded_seeds },
    Target { name: "oauth_form", run: oauth::oauth_form, seeds: oauth::oauth_form_seeds },
    Target { name: "check_request", run: gateway::check_request, seeds: gateway::check_request_seeds },
];

/// How many letters are expanded in one input.
const EXPANDED: usize = 16;

/// What a `$` and a letter stand for. Tokens and secrets are drawn anew in each process: with a letter in their
/// place an input means the same in all of them.
type Meanings<'a> = [(u8, &'a str)];

/// The input with what its letters stand for.
fn expand(data: &[u8], meanings: &Meanings<'_>) -> Vec<u8> {
    let mut expanded = Vec::with_capacity(data.len() + 512);
    let (mut rest, mut left) = (data, EXPANDED);
    while let Some((byte, after)) = rest.split_first() {
        let letter = after.first().filter(|_| *byte == b'$' && left > 0);
        let meaning = letter.and_then(|letter| meanings.iter().find(|(known, _)| known == letter));
        rest = if let Some((_, text)) = meaning {
            left -= 1;
            expanded.extend_from_slice(text.as_bytes());
            &after[1..]
        } else {
            expanded.push(*byte);
            after
        };
    }
    expanded
}

/// Texts as inputs.
fn bytes<const N: usize>(texts: [&str; N]) -> Vec<Vec<u8>> {
    texts.map(|text| text.as_bytes().to_vec()).into()
}

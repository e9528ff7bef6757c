//! Proofs that a client has a key (RFC 9449), before and behind the signature.

use std::{sync::LazyLock, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use keyward::{
    domain::algorithm::Algorithm,
    keys::{
        header::TOKEN_MAX_BYTES,
        key_proof::{ProvedRequest, read},
        signing_key::SigningKey,
    },
};

use super::{NOW, bytes, expand};

const ADDRESS: &str = "https://auth.example.com/v1/refresh";
const CLAIMS: &str =
    r#"{"jti":"one","htm":"POST","htu":"https://auth.example.com/v1/refresh","iat":2000000000}"#;

/// A client's key, and a proof by it.
struct Prover {
    key: SigningKey,
    header: String,
    proof: String,
}

static PROVER: LazyLock<Prover> = LazyLock::new(|| {
    let der = SigningKey::generate(Algorithm::EdDsa).expect("a key");
    let key = SigningKey::from_pkcs8(&der).expect("a key");
    let header = format!(r#"{{"typ":"dpop+jwt","alg":"EdDSA","jwk":{}}}"#, key.public().jwk());
    let proof = signed(&key, header.as_bytes(), CLAIMS.as_bytes());
    Prover { key, header, proof }
});

fn signed(key: &SigningKey, header: &[u8], claims: &[u8]) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = key.sign(message.as_bytes()).expect("a signature");
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The first byte says what the rest is: a proof; or a header, or claims, signed with the right key, so that what lies
/// behind the signature is reached. `$T` is a genuine proof, `$J` its key.
pub fn key_proof(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    let Prover { key, header, proof } = &*PROVER;
    let rest = expand(rest, &[(b'T', proof), (b'J', key.public().jwk())]);
    let text = match kind % 3 {
        0 => String::from_utf8_lossy(&rest).into_owned(),
        1 => signed(key, &rest, CLAIMS.as_bytes()),
        _ => signed(key, header.as_bytes(), &rest),
    };
    let Ok(shown) = read(&text, &ProvedRequest { method: "POST", address: ADDRESS }, NOW) else { return };
    assert_eq!(shown.key.to_string(), key.public().kid(), "a proof by nobody");
    assert!(kind % 3 != 0 || text == *proof, "one proof has one form");
    assert!(text.len() <= TOKEN_MAX_BYTES && (1..=128).contains(&shown.id.len()));
    let minute = Duration::from_mins(1);
    assert!(shown.made_at <= NOW + minute && NOW <= shown.made_at + minute);
}

/// Genuine inputs of [`key_proof`].
#[must_use]
pub fn key_proof_seeds() -> Vec<Vec<u8>> {
    bytes([
        "\0$T",
        r#"1{"typ":"dpop+jwt","alg":"EdDSA","jwk":$J}"#,
        r#"1{"typ":"application/DPOP+JWT","alg":"Ed25519","jwk":$J,"kid":"1"}"#,
        r#"1{"typ":"dpop+jwt","alg":"ES256","jwk":{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}}"#,
        r#"2{"jti":"one","htm":"POST","htu":"https://auth.example.com/v1/refresh","iat":2000000000}"#,
        r#"2{"jti":"two","htm":"POST","htu":"HTTPS://AUTH.example.com:443/x/../v1/%72efresh?a#b","iat":1999999940.5,"ath":"x","nonce":null}"#,
    ])
}

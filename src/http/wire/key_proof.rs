//! The proof of a key that came with a request (RFC 9449): one `DPoP` header, made for our own address, whatever host
//! the request named.

use axum::http::HeaderMap;

use crate::{
    auth::error::{AuthError, Invalid},
    domain::{
        key_proof::{KeyProof, KeyProofFault, KeyThumbprint},
        session::Transport,
    },
    http::Shared,
};

/// As pages of other origins must be let send it.
pub const HEADER: &str = "dpop";

/// The key that a sign-in is to be bound to. A proof that could bind nothing is refused: whoever sends one believes that
/// it does.
///
/// # Errors
/// 400 `invalid_request`.
pub fn at_sign_in(
    http: &Shared,
    sent: &HeaderMap,
    path: &str,
    transport: Transport,
) -> Result<Option<KeyThumbprint>, AuthError> {
    let refused = |fault| AuthError::Invalid(Invalid::KeyProof(fault));
    let proof = shown(http, sent, path).map_err(refused)?;
    if proof.is_some() && transport == Transport::Session {
        return Err(refused(KeyProofFault::NothingToBind));
    }
    Ok(proof.map(|proof| proof.key))
}

/// The proof that came with a refresh.
///
/// # Errors
/// 401 `refresh_invalid`; as OAuth has it 400 `invalid_dpop_proof`.
pub fn at_refresh(http: &Shared, sent: &HeaderMap, path: &str) -> Result<Option<KeyProof>, AuthError> {
    shown(http, sent, path).map_err(AuthError::Unproved)
}

fn shown(http: &Shared, sent: &HeaderMap, path: &str) -> Result<Option<KeyProof>, KeyProofFault> {
    let mut lines = sent.get_all(HEADER).iter();
    match (lines.next(), lines.next()) {
        (None, _) => Ok(None),
        (Some(line), None) => {
            let text = line.to_str().map_err(|_| KeyProofFault::Malformed)?;
            http.auth.key_proof(text, path).map(Some)
        }
        (Some(_), Some(_)) => Err(KeyProofFault::Malformed),
    }
}

//! Sessions that are bound to a key of their client (contract 3.2, RFC 9449): the proof that each refresh brings.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{Auth, error::AuthError};
use crate::{
    domain::{
        ids::SessionId,
        key_proof::{KeyProof, KeyProofFault, KeyThumbprint, PROOF_WINDOW},
        random,
        refresh_token::RefreshToken,
    },
    keys::key_proof::{self, ProvedRequest},
    store::once::{OnceKey, Spending},
};

impl Auth {
    /// Reads a proof that came with a POST to one of our paths. Nothing is asked of a store, and nothing kept.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn key_proof(&self, text: &str, path: &str) -> Result<KeyProof, KeyProofFault> {
        let address = format!("{}{path}", self.keys.issuer());
        key_proof::read(text, &ProvedRequest { method: "POST", address: &address }, self.clock.now())
    }

    /// By which key a refresh is proved, where its session is bound to one. A proof is spent by then, and none other is:
    /// who lacks the token and the key has nothing kept here. Whether the session is bound to it after all, the step
    /// that rotates says.
    pub(in crate::auth) async fn prove_key(
        &self,
        token: &RefreshToken,
        proof: Option<&KeyProof>,
    ) -> Result<Option<KeyThumbprint>, AuthError> {
        let Some(proof) = proof else { return Ok(None) };
        // A session is bound for life, so what is read here holds in the step that follows.
        let session = self.stores.sessions.find(token.session(), self.clock.now()).await?;
        let Some(key) = session.and_then(|session| session.facts.bound_to) else { return Ok(None) };
        if key != proof.key {
            return Err(unproved(token.session(), KeyProofFault::OtherKey));
        }
        self.spend_key_proof(proof).await?;
        Ok(Some(key))
    }

    /// Each proof is good for one request, and a request that comes again, byte for byte, is another one: whoever copied
    /// it must get nothing.
    async fn spend_key_proof(&self, proof: &KeyProof) -> Result<(), AuthError> {
        let (now, until) = (self.clock.now(), proof.made_at + PROOF_WINDOW);
        // It was read in time. Where this machine stood still since, nobody may remember that it was spent.
        if now > until {
            return Err(AuthError::Unproved(KeyProofFault::Moment));
        }
        let spending = Spending {
            key: OnceKey::of("key proof", &[proof.key.as_bytes(), proof.id.as_bytes()]),
            made_at: proof.made_at,
            until,
            outcome: URL_SAFE_NO_PAD.encode(random::bytes::<9>()),
        };
        let spent = self.stores.once.spend(&spending, now).await?;
        if spent.is_for(&spending.outcome) { Ok(()) } else { Err(AuthError::Unproved(KeyProofFault::Used)) }
    }
}

/// A genuine token in the hands of somebody without the session's key: it was taken from its owner, or they lost the key.
pub(in crate::auth) fn unproved(session: SessionId, fault: KeyProofFault) -> AuthError {
    tracing::warn!(session.id = %session, proof.fault = %fault, "a refresh of a bound session came without its key");
    AuthError::Unproved(fault)
}

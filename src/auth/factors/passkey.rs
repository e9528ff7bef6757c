//! Passkeys: user verification required, discoverable, without attestation. Their owner makes one by a recent sign-in;
//! a sign-in uses it, after a password or by itself.
//!
//! What is kept of one is sealed for its owner: whoever writes into the database plants no key of theirs. Its factor
//! has the hash of the credential's id for an id, so that a credential is one user's.

use std::sync::Arc;

use aws_lc_rs::digest;
use webauthn_rs_core::{error::WebauthnError, proto::Credential};

use super::{
    passkey_answer::{PasskeyAssertion, PasskeyAttestation},
    relying_party::RelyingParty,
};
use crate::{
    auth::{
        Auth,
        check::Caller,
        error::{AuthError, Conflict},
        events::by_caller,
    },
    domain::{
        app::AppName,
        event::EventKind,
        factor::{Factor, FactorKind, SealedSecret, UserFactors},
        ids::{FactorId, UserId},
        occasion::Occasion,
        recovery_code::RecoveryCode,
    },
    keys::sealer::{OpenError, Purpose},
    store::factors::Added,
};

/// How many of them an account may have.
const MOST: usize = 32;
/// How often the use of a passkey is judged anew where another of its uses came in between.
const TRIES: usize = 4;

/// What a browser is asked to make a passkey by.
pub struct PasskeyCreation {
    /// In base64url.
    pub challenge: String,
    /// The RP ID.
    pub domain: String,
    pub user: UserId,
    pub name: String,
    /// As COSE numbers them, the best first.
    pub algorithms: Vec<i64>,
    /// What the user has already.
    pub exclude: Vec<KnownCredential>,
}

/// What a browser is asked to use a passkey by.
pub struct PasskeyRequest {
    /// In base64url.
    pub challenge: String,
    /// The RP ID.
    pub domain: String,
    /// One of these; none: any that is discoverable.
    pub allow: Vec<KnownCredential>,
}

/// A credential as a browser knows it.
pub struct KnownCredential {
    pub id: Vec<u8>,
    /// How its authenticator is reached.
    pub transports: Vec<String>,
}

impl Auth {
    /// Begins to set up a passkey. Nothing is kept of it.
    pub async fn begin_passkey(&self, caller: &Caller) -> Result<PasskeyCreation, AuthError> {
        let own = self.require_recent_sign_in(caller).await?;
        if own.passkeys().count() >= MOST {
            return Err(AuthError::Conflict(Conflict::TooManyPasskeys));
        }
        let (user, claims) = (self.me(caller).await?, caller.claims());
        let session = claims.session.to_string();
        Ok(PasskeyCreation {
            challenge: self.passkey_challenge(enrolment(&session), &claims.app)?,
            domain: self.relying_party.domain().to_owned(),
            user: user.id,
            name: user.username.shown().to_owned(),
            algorithms: RelyingParty::algorithms().to_vec(),
            exclude: self.known_credentials(user.id, &own)?,
        })
    }

    /// Has a passkey count that was made as it was asked for. Returns the codes that stand in for it where it is the
    /// first factor; those of before stay otherwise.
    pub async fn confirm_passkey(
        &self,
        caller: &Caller,
        made: &PasskeyAttestation,
        occasion: &Occasion,
    ) -> Result<Vec<RecoveryCode>, AuthError> {
        let own = self.require_recent_sign_in(caller).await?;
        if own.passkeys().count() >= MOST {
            return Err(AuthError::Conflict(Conflict::TooManyPasskeys));
        }
        let (user, now) = (caller.user(), self.clock.now());
        let (id, credential) = self.made(caller, made).await?;
        let sealed = self.seal_passkey(user, id, &credential)?;
        let (kind, created_at) = (FactorKind::Passkey, now);
        let factor = Factor { id, kind, sealed, created_at, confirmed_at: Some(now) };
        let codes = RecoveryCode::set();
        let hashes: Vec<_> = codes.iter().map(RecoveryCode::hash).collect();
        let (factors, notice) = (Arc::clone(&self.stores.factors), self.notice_of_factors(user).await?);
        let adding = async move { factors.add(user, &factor, &hashes, notice.as_ref()).await };
        let event = self.factor_changed(EventKind::FactorAdded, user, &by_caller(occasion, caller));
        let event = event.because(kind.as_str());
        match self.change(adding, |added| *added != Added::Refused, event).await? {
            Added::First => Ok(codes),
            Added::Further => Ok(Vec::new()),
            Added::Refused => Err(AuthError::Conflict(Conflict::PasskeySetUp)),
        }
    }

    /// The credential that was made, and the id that its factor has.
    async fn made(
        &self,
        caller: &Caller,
        made: &PasskeyAttestation,
    ) -> Result<(FactorId, Credential), AuthError> {
        let session = caller.claims().session.to_string();
        let challenge = self.open_challenge(enrolment(&session), made.challenge());
        let challenge = challenge.ok_or(AuthError::WrongPasskey)?;
        let app = self.app(&challenge.app).await?.ok_or(AuthError::WrongPasskey)?;
        let credential = self.relying_party.register(&app, made).map_err(|error| refused(&error))?;
        let id = factor_of(&credential.cred_id);
        // Of one challenge one passkey comes, also where an answer was lost.
        if self.spend_challenge(&challenge, &id.to_string()).await? {
            Ok((id, credential))
        } else {
            Err(AuthError::WrongPasskey)
        }
    }

    /// What a browser is asked for in an attempt at that app; where nobody has said who they are, for any passkey.
    pub(in crate::auth) async fn passkey_request(
        &self,
        attempt: &str,
        app: &AppName,
        user: Option<UserId>,
    ) -> Result<PasskeyRequest, AuthError> {
        let allow = match user {
            Some(user) => self.known_credentials(user, &self.factors_of(user).await?)?,
            None => Vec::new(),
        };
        let challenge = self.passkey_challenge(sign_in(attempt), app)?;
        Ok(PasskeyRequest { challenge, domain: self.relying_party.domain().to_owned(), allow })
    }

    /// Whether the answer is that of a passkey of the user, to what was asked in this attempt, and nobody has used it.
    pub(in crate::auth) async fn spend_passkey(
        &self,
        user: UserId,
        shown: &PasskeyAssertion,
        attempt: &str,
    ) -> Result<bool, AuthError> {
        if shown.user_handle().is_some_and(|handle| handle != user.uuid().as_bytes()) {
            return Ok(false);
        }
        let Some(challenge) = self.open_challenge(sign_in(attempt), shown.challenge()) else {
            return Ok(false);
        };
        let Some(app) = self.app(&challenge.app).await? else { return Ok(false) };
        let id = factor_of(shown.credential());
        for _ in 0..TRIES {
            let own = self.factors_of(user).await?;
            let Some(factor) = own.passkeys().find(|factor| factor.id == id) else { return Ok(false) };
            let kept = self.unseal_passkey(user, factor)?;
            let next = match self.relying_party.verify(&app, shown, &kept) {
                Ok(next) => next,
                Err(error) => {
                    refused(&error);
                    return Ok(false);
                }
            };
            if !self.spend_challenge(&challenge, attempt).await? {
                return Ok(false);
            }
            if self.note_use(user, factor, &kept, &next).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Keeps what a use has changed; `false` = another use came in between, by which this one is to be judged.
    async fn note_use(
        &self,
        user: UserId,
        factor: &Factor,
        kept: &Credential,
        next: &Credential,
    ) -> Result<bool, AuthError> {
        let state = |of: &Credential| (of.counter, of.backup_eligible, of.backup_state);
        if state(kept) == state(next) {
            return Ok(true);
        }
        let sealed = self.seal_passkey(user, factor.id, next)?;
        Ok(self.stores.factors.reseal(user, factor.id, &factor.sealed, &sealed).await?)
    }

    fn known_credentials(&self, user: UserId, own: &UserFactors) -> Result<Vec<KnownCredential>, AuthError> {
        let credentials = own.passkeys().map(|factor| self.unseal_passkey(user, factor));
        credentials.map(|credential| credential.map(KnownCredential::from)).collect()
    }

    fn seal_passkey(
        &self,
        user: UserId,
        id: FactorId,
        credential: &Credential,
    ) -> Result<SealedSecret, AuthError> {
        let whose = format!("{user} {id}");
        // What was read or made always serialises.
        let content = serde_json::to_vec(credential).unwrap_or_default();
        Ok(SealedSecret::new(self.keys.sealer().seal(Purpose::new("passkey", &whose), &content)?))
    }

    fn unseal_passkey(&self, user: UserId, factor: &Factor) -> Result<Credential, AuthError> {
        let whose = format!("{user} {}", factor.id);
        let opened = self.keys.sealer().open(Purpose::new("passkey", &whose), factor.sealed.as_str())?;
        serde_json::from_slice(opened.expose()).map_err(|_| AuthError::Sealed(OpenError::Invalid))
    }

    /// The web origins that are of one domain with this server (Level 3, section 5.11).
    #[must_use]
    pub fn related_origins(&self) -> Vec<String> {
        self.relying_party.pages()
    }
}

impl From<Credential> for KnownCredential {
    fn from(credential: Credential) -> Self {
        let transports = credential.transports.unwrap_or_default().into_iter();
        let word = |transport| serde_json::to_value(transport).ok()?.as_str().map(str::to_owned);
        Self { id: credential.cred_id, transports: transports.filter_map(word).collect() }
    }
}

/// For whoever asks why: an operator whose pages are not among the origins, most likely.
fn refused(error: &WebauthnError) -> AuthError {
    tracing::debug!(%error, "the answer of a passkey was refused");
    AuthError::WrongPasskey
}

const fn enrolment(session: &str) -> Purpose<'_> {
    Purpose::new("passkey enrolment", session)
}

const fn sign_in(attempt: &str) -> Purpose<'_> {
    Purpose::new("passkey sign-in", attempt)
}

/// 128 bits of SHA-256.
fn factor_of(credential: &[u8]) -> FactorId {
    let mut id = [0; 16];
    id.copy_from_slice(&digest::digest(&digest::SHA256, credential).as_ref()[..16]);
    FactorId::from_bytes(id)
}

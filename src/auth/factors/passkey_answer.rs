//! What a browser brings of a passkey (`PublicKeyCredential.toJSON()`, `WebAuthn` Level 3 section 5.1), in its form.

use std::fmt;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use uuid::Uuid;
use webauthn_rs_core::proto::{AuthenticatorTransport, PublicKeyCredential, RegisterPublicKeyCredential};

use crate::{
    auth::error::{AuthError, Invalid},
    domain::ids::UserId,
};

/// The longest id of a credential, in bytes (section 7.1).
const LONGEST_ID: usize = 1023;
/// The flag of a key that may be copied to other devices, in the byte of flags (section 6.1).
const BACKUP_ELIGIBLE: u8 = 0x08;
const FLAGS_AT: usize = 32;
/// More of them than there are.
const MOST_TRANSPORTS: usize = 8;
const MALFORMED: AuthError = AuthError::Invalid(Invalid::Passkey);

/// A new passkey.
pub struct PasskeyAttestation {
    content: RegisterPublicKeyCredential,
    challenge: String,
}

/// The use of a passkey.
pub struct PasskeyAssertion {
    content: PublicKeyCredential,
    client_data: ClientData,
}

/// Of what the browser says beside the authenticator, and has signed.
#[derive(Deserialize)]
struct ClientData {
    /// Which question it is the answer to.
    challenge: String,
    /// Whether the page was within one of another origin.
    #[serde(default, rename = "crossOrigin")]
    is_cross_origin: bool,
}

impl PasskeyAttestation {
    pub fn parse(brought: Value) -> Result<Self, AuthError> {
        let content: RegisterPublicKeyCredential = read(brought)?;
        let client_data = client_data(&content.type_, &content.raw_id, &content.response.client_data_json)?;
        Ok(Self { content, challenge: client_data.challenge })
    }

    pub(super) const fn content(&self) -> &RegisterPublicKeyCredential {
        &self.content
    }

    pub(super) fn challenge(&self) -> &str {
        &self.challenge
    }

    /// How its authenticator is reached, as far as the browser knows: for browsers to come.
    pub(super) fn transports(&self) -> Option<Vec<AuthenticatorTransport>> {
        let mut transports = self.content.response.transports.clone()?;
        transports.truncate(MOST_TRANSPORTS);
        Some(transports)
    }
}

impl PasskeyAssertion {
    pub fn parse(brought: Value) -> Result<Self, AuthError> {
        let content: PublicKeyCredential = read(brought)?;
        let client_data = client_data(&content.type_, &content.raw_id, &content.response.client_data_json)?;
        Ok(Self { content, client_data })
    }

    pub(super) const fn content(&self) -> &PublicKeyCredential {
        &self.content
    }

    pub(super) fn challenge(&self) -> &str {
        &self.client_data.challenge
    }

    /// The library looks at it where a passkey is made, and not where one is used.
    pub(super) const fn is_cross_origin(&self) -> bool {
        self.client_data.is_cross_origin
    }

    pub(super) fn credential(&self) -> &[u8] {
        &self.content.raw_id
    }

    /// Whose it says that it is: a user is known to authenticators by their id.
    pub(in crate::auth) fn user(&self) -> Option<UserId> {
        Uuid::from_slice(self.user_handle()?).ok().map(UserId::from_uuid)
    }

    pub(super) fn user_handle(&self) -> Option<&[u8]> {
        self.content.response.user_handle.as_deref()
    }

    /// As the authenticator says: it is signed, and verified with all else.
    pub(super) fn is_backup_eligible(&self) -> bool {
        let flags = self.content.response.authenticator_data.get(FLAGS_AT);
        flags.is_some_and(|flags| flags & BACKUP_ELIGIBLE != 0)
    }
}

impl fmt::Debug for PasskeyAssertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasskeyAssertion(…)")
    }
}

fn read<T: DeserializeOwned>(brought: Value) -> Result<T, AuthError> {
    serde_json::from_value(brought).map_err(|_| MALFORMED)
}

fn client_data(kind: &str, id: &[u8], json: &[u8]) -> Result<ClientData, AuthError> {
    if kind != "public-key" || id.is_empty() || id.len() > LONGEST_ID {
        return Err(MALFORMED);
    }
    serde_json::from_slice(json).map_err(|_| MALFORMED)
}

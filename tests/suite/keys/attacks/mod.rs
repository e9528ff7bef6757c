//! The attack list on access tokens, JWT-01 to JWT-17. A row is an id, what is attacked, and the token;
//! all are signed with the right key wherever that makes the attack harder to see.

mod claims;
mod forms;
mod headers;
mod signatures;
mod weak_keys;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use keyward::{
    domain::{algorithm::Algorithm, claims::AccessClaims},
    keys::{error::TokenError, folder::Folder, ring::KeyRing, signing_key::SigningKey},
};
use serde_json::{Value, json};

use super::{AUDIENCE, ISSUER, KeysFolder};

/// An attack: its id in the list, what it tries, the token.
type Row = (&'static str, String, String);

/// A key ring and whoever has got hold of its key.
struct Forge {
    place: KeysFolder,
    ring: KeyRing,
    key: SigningKey,
    claims: AccessClaims,
}

impl Forge {
    fn new(algorithm: Algorithm) -> Self {
        let place = KeysFolder::new();
        let ring = place.ring(algorithm);
        let mut keys = Folder::open(&place.dir()).expect("a folder").keys().expect("keys");
        let key = keys.pop().expect("one key").key;
        let claims = super::claims(place.now());
        Self { place, ring, key, claims }
    }

    fn header(&self) -> Value {
        let public = self.key.public();
        json!({"alg": public.algorithm().as_str(), "typ": "at+jwt", "kid": public.kid()})
    }

    fn payload(&self) -> Value {
        json!({
            "iss": ISSUER, "sub": self.claims.principal.to_string(), "aud": AUDIENCE,
            "exp": self.claims.expires_at.secs(), "iat": self.claims.issued_at.secs(),
            "jti": self.claims.id.to_string(), "sid": self.claims.session.to_string(),
            "gen": self.claims.generation, "client_id": "default", "roles": ["admin"],
            "preferred_username": self.claims.username,
            "auth_time": self.claims.auth.at.secs(), "amr": ["pwd", "otp", "mfa"], "acr": "2",
        })
    }

    /// A genuinely signed token of any header and payload.
    #[expect(clippy::needless_pass_by_value, reason = "texts and JSON, owned or not, as each row has them")]
    fn token(&self, header: impl ToString, payload: impl ToString) -> String {
        self.signed(&format!("{}.{}", encode(header.to_string()), encode(payload.to_string())))
    }

    /// A genuine signature put after any two segments.
    fn signed(&self, message: &str) -> String {
        format!("{message}.{}", encode(self.key.sign(message.as_bytes()).expect("a signature")))
    }

    fn genuine(&self) -> String {
        self.token(self.header(), self.payload())
    }

    /// A token with members of the header replaced, added, or (if null) taken out.
    fn with_header(&self, changes: &Value) -> String {
        self.token(merged(self.header(), changes), self.payload())
    }

    /// The same for the payload.
    fn with_payload(&self, changes: &Value) -> String {
        self.token(self.header(), merged(self.payload(), changes))
    }

    fn verify(&self, token: &str) -> Result<AccessClaims, TokenError> {
        self.ring.verify(token, self.place.now())
    }

    fn assert_accepted(&self, what: &str, token: &str) {
        assert_eq!(self.verify(token), Ok(self.claims.clone()), "{what}: {token}");
    }

    /// Every row is refused, with one and the same answer, by a ring that takes the genuine token.
    fn assert_refused(&self, rows: impl IntoIterator<Item = Row>) {
        self.assert_accepted("genuine", &self.genuine());
        for (id, what, token) in rows {
            assert_eq!(self.verify(&token), Err(TokenError::Invalid), "{id}: {what}: {token}");
        }
    }
}

fn row(id: &'static str, what: impl Into<String>, token: impl Into<String>) -> Row {
    (id, what.into(), token.into())
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// `null` in `changes` takes a member out.
fn merged(mut object: Value, changes: &Value) -> Value {
    let members = object.as_object_mut().expect("an object");
    for (name, value) in changes.as_object().expect("an object") {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    object
}

//! Passkeys as `WebAuthn` Level 3 has them: whether what a browser brings is right. The steps of its sections 7.1 and
//! 7.2 are the library's, but for keys of Ed25519 (`super::eddsa`). The challenge is ours: whoever calls has opened it
//! (`super::challenge`), so that here it is only held against itself.

use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};
use url::Url;
use webauthn_rs_core::{
    WebauthnCore,
    error::WebauthnError,
    proto::{COSEAlgorithm, COSEKeyType, Credential, ECDSACurve, EDDSACurve, UserVerificationPolicy},
};

use super::{
    eddsa::{self, Ed25519Attested},
    passkey_answer::{PasskeyAssertion, PasskeyAttestation},
};
use crate::domain::app::App;

/// What is verified, and authenticators have.
const ALGORITHMS: [COSEAlgorithm; 3] = [COSEAlgorithm::ES256, COSEAlgorithm::EDDSA, COSEAlgorithm::RS256];
/// How long a browser lets its user look for the passkey (Level 3, section 15.1: 5 to 10 minutes).
pub const TIMEOUT: Duration = Duration::from_mins(5);

/// For whom passkeys are made.
pub struct RelyingParty {
    domain: String,
    origins: Vec<Url>,
}

impl RelyingParty {
    /// Of the issuer's host, unless it is said otherwise. The issuer's own origin is always one of the origins.
    pub(in crate::auth) fn at(issuer: &str, domain: Option<&str>, origins: &[String]) -> Self {
        let issuer = Url::parse(issuer).ok();
        let host = issuer.as_ref().and_then(Url::host_str).unwrap_or("localhost");
        let others = origins.iter().filter_map(|origin| Url::parse(origin).ok());
        let domain = domain.unwrap_or(host).to_owned();
        Self { domain, origins: issuer.clone().into_iter().chain(others).collect() }
    }

    /// The RP ID.
    pub(super) fn domain(&self) -> &str {
        &self.domain
    }

    /// Those of its origins that are web pages.
    pub(super) fn pages(&self) -> Vec<String> {
        let pages = self.origins.iter().map(Url::origin).filter(url::Origin::is_tuple);
        pages.map(|origin| origin.ascii_serialization()).collect()
    }

    /// What is asked for, as COSE numbers it.
    pub(super) fn algorithms() -> [i64; 3] {
        ALGORITHMS.map(|algorithm| algorithm as i64)
    }

    /// The credential that was made.
    pub(super) fn register(&self, app: &App, made: &PasskeyAttestation) -> Result<Credential, WebauthnError> {
        let core = self.core(app);
        // The names went to the browser by themselves.
        let asked = core.new_challenge_register_builder(&[0], "user", "user")?;
        let asked = asked
            .credential_algorithms(ALGORITHMS.to_vec())
            .user_verification_policy(UserVerificationPolicy::Required)
            .require_resident_key(true);
        let (_, state) = core.generate_challenge_register(asked)?;
        let state = with_challenge(&state, made.challenge())?;
        let content = made.content();
        let credential = match Ed25519Attested::read(content) {
            None => core.register_credential(content, &state, None)?,
            Some(attested) => {
                let stood_in = attested.stood_in(content)?;
                let judged = core.register_credential(&stood_in, &state, None)?;
                Credential { cred: attested.kept(), ..judged }
            }
        };
        // By that it is known when it is used; and how long it may be was seen.
        if credential.cred_id.as_slice() != content.raw_id.as_slice() {
            return Err(WebauthnError::CredentialNotFound);
        }
        if !is_of_its_algorithm(&credential) {
            return Err(WebauthnError::COSEKeyInvalidType);
        }
        Ok(Credential { transports: made.transports(), ..credential })
    }

    /// The credential as it is to be kept from now on, where the answer is of it.
    pub(super) fn verify(
        &self,
        app: &App,
        shown: &PasskeyAssertion,
        kept: &Credential,
    ) -> Result<Credential, WebauthnError> {
        if shown.is_cross_origin() {
            return Err(WebauthnError::CredentialCrossOrigin);
        }
        let core = self.core(app);
        let asked =
            core.new_challenge_authenticate_builder(Vec::new(), Some(UserVerificationPolicy::Required))?;
        let (_, state) = core.generate_challenge_authenticate(asked)?;
        let state = with_challenge(&state, shown.challenge())?;
        // A key that is bound to one device may become one that is copied to others, and not the other way. Copies
        // count by themselves, or not at all, so that the count of such a key says nothing.
        let is_copied = kept.backup_eligible || shown.is_backup_eligible();
        let counter = if is_copied { 0 } else { kept.counter };
        let expected = Credential { backup_eligible: is_copied, counter, ..kept.clone() };
        let used = match &kept.cred.key {
            COSEKeyType::EC_OKP(key) => {
                let (stood_in, cred) = eddsa::stood_in(key, shown.content())?;
                let expected = Credential { cred, ..expected.clone() };
                core.authenticate_single_credential(&stood_in, &state, &expected)?
            }
            _ => core.authenticate_single_credential(shown.content(), &state, &expected)?,
        };
        let counter = if is_copied { kept.counter } else { used.counter() };
        Ok(Credential { counter, backup_state: used.backup_state(), ..expected })
    }

    fn core(&self, app: &App) -> WebauthnCore {
        let of_app = app.origins.iter().filter_map(|origin| Url::parse(origin.as_str()).ok());
        let origins = self.origins.iter().cloned().chain(of_app).collect();
        let domain = &self.domain;
        WebauthnCore::new_unsafe_experts_only(domain, domain, origins, TIMEOUT, Some(false), Some(false))
    }
}

/// The library's state with a challenge of ours in the place of its own.
fn with_challenge<T: Serialize + DeserializeOwned>(state: &T, challenge: &str) -> Result<T, WebauthnError> {
    let mut members = serde_json::to_value(state)?;
    members["challenge"] = challenge.into();
    Ok(serde_json::from_value(members)?)
}

/// The library takes any curve for ES256, and a modulus by its length: ES256 is of P-256 (Level 3, section 5.8.5), and
/// RS256 of 2048 bits.
fn is_of_its_algorithm(credential: &Credential) -> bool {
    match &credential.cred.key {
        COSEKeyType::EC_EC2(key) => key.curve == ECDSACurve::SECP256R1,
        COSEKeyType::RSA(key) => key.n.first().is_some_and(|first| *first >= 0x80),
        COSEKeyType::EC_OKP(key) => key.curve == EDDSACurve::ED25519,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::{
        app::{AppKind, AppName},
        app_policy::AppPolicy,
        clock::Timestamp,
    };

    #[test]
    fn it_is_of_the_issuers_host_and_its_pages_are_web_origins() {
        let default = RelyingParty::at("https://id.example.com/sso", None, &[]);
        assert_eq!(default.domain(), "id.example.com");
        assert_eq!(default.pages(), ["https://id.example.com"]);
        let origins = ["https://example.com", "android:apk-key-hash:AAAA"].map(str::to_owned);
        let set = RelyingParty::at("http://localhost:8080", Some("example.com"), &origins);
        assert_eq!((set.domain(), set.origins.len()), ("example.com", 3));
        assert_eq!(set.pages(), ["http://localhost:8080", "https://example.com"]);
    }

    #[test]
    fn the_challenge_of_a_state_is_ours() {
        let core = RelyingParty::at("https://id.example.com", None, &[]);
        let core = WebauthnCore::new_unsafe_experts_only(
            &core.domain,
            "x",
            core.origins.clone(),
            TIMEOUT,
            None,
            None,
        );
        let asked =
            core.new_challenge_authenticate_builder(Vec::new(), Some(UserVerificationPolicy::Required));
        let (_, state) = core.generate_challenge_authenticate(asked.expect("asked")).expect("a state");
        let ours = with_challenge(&state, "AQID").expect("a state");
        let [was, is] = [state, ours].map(|state| serde_json::to_value(state).expect("members"));
        assert_eq!(is["challenge"], "AQID");
        assert_ne!(was["challenge"], is["challenge"]);
        assert_eq!(is["policy"], "required");
    }

    /// Those of Level 3, section 16, with the names that they have there. Many of them lack the user verification that
    /// is required here, which is seen once page, domain and presence are as they should be.
    #[test]
    fn the_vectors_of_the_standard_are_judged_as_it_says() {
        let vectors: Vec<Value> = serde_json::from_str(include_str!("level_3_vectors.json")).expect("JSON");
        let server = RelyingParty::at("https://example.org", None, &[]);
        let mut judged = Vec::new();
        for vector in &vectors {
            let made = PasskeyAttestation::parse(brought(vector, "create")).expect("a form");
            let registered = server.register(&app(), &made);
            let shown = PasskeyAssertion::parse(brought(vector, "get")).expect("a form");
            let used = registered.as_ref().map(|kept| said(&server.verify(&app(), &shown, kept)));
            let name = vector["name"].as_str().expect("a name").to_owned();
            judged.push((name, said(&registered), used.unwrap_or_default()));
        }
        let judged: Vec<_> = judged.iter().map(|(name, made, used)| (&**name, &**made, &**used)).collect();
        assert_eq!(judged.as_slice(), JUDGED.as_slice());
    }

    fn said<T>(outcome: &Result<T, WebauthnError>) -> String {
        outcome.as_ref().err().map_or_else(|| "taken".to_owned(), |error| format!("{error:?}"))
    }

    fn brought(vector: &Value, ceremony: &str) -> Value {
        let id = &vector["id"];
        json!({ "id": id, "rawId": id, "type": "public-key", "response": vector[ceremony] })
    }

    fn app() -> App {
        let (kind, origins) = (AppKind::Public, Vec::new());
        let (name, created_at) = (AppName::default_app(), Timestamp::from_secs(0));
        App { name, kind, origins, policy: AppPolicy::default(), created_at }
    }

    /// What is said of the passkey, and of its use where it was taken. The RSA key is of 3,482 bits. What attestations
    /// lack that are none of `none` and `packed` is the library's affair: none is asked for.
    const JUDGED: [(&str, &str, &str); 13] = [
        ("none-es256", "UserNotVerified", ""),
        ("packed-self-es256", "taken", "UserNotVerified"),
        ("none-es256-crossOrigin", "CredentialCrossOrigin", ""),
        ("none-es256-topOrigin", "CredentialCrossOrigin", ""),
        ("none-es256-long-credential-id", "UserNotVerified", ""),
        ("packed-es256", "taken", "taken"),
        ("packed-es384", "UserNotVerified", ""),
        ("packed-rs256", "COSEKeyRSANEInvalid", ""),
        ("packed-eddsa", "UserNotVerified", ""),
        ("tpm-es256", "COSEKeyInvalidType", ""),
        ("android-key-es256", "AttestationStatementX5CInvalid", ""),
        ("apple-es256", "UserNotVerified", ""),
        ("fido-u2f-es256", "UserNotVerified", ""),
    ];
}

//! A sign-in under way: the password was right, and more is to be proved; or nobody has said yet who they are, and a
//! passkey is to. It is sealed and handed to the client, so that any node goes on with it, and a flood of them keeps
//! nothing.
//!
//! It is bound to all that it was begun with: the user and the password of then, the app, and how the client keeps
//! what it is given.

use std::{fmt, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    auth::{
        Auth,
        error::{AuthError, Invalid},
    },
    domain::{
        app::{App, AppName},
        clock::Timestamp,
        ids::UserId,
        key_proof::{KeyProofFault, KeyThumbprint},
        random,
        secret::HashPrint,
        session::Transport,
        sign_in::Methods,
        user::Account,
    },
    keys::sealer::Purpose,
    store::once::{OnceKey, Spending},
};

const PREFIX: &str = "kwm_";
/// How long it may take to prove more.
pub(super) const LIFE: Duration = Duration::from_mins(10);
const PURPOSE: Purpose<'_> = Purpose::new("sign-in attempt", "");

/// A sign-in that was begun.
#[derive(Debug)]
pub struct SignInAttempt {
    /// Drawn for this one.
    id: String,
    /// `None` = a passkey is to say who it is.
    pub(super) begun_by: Option<ProvedPassword>,
    pub(super) app: AppName,
    /// Another app of the same name is not the one that was signed in to.
    pub(super) app_created_at: Timestamp,
    pub(super) transport: Transport,
    /// What the client calls itself.
    pub(super) device: Option<String>,
    /// The key that it began with, and is to go on with; at its end, the one that was proved there.
    pub(super) key: Option<KeyThumbprint>,
    made_at: Timestamp,
}

/// How a sign-in was begun.
pub(super) struct BegunAs {
    pub(super) transport: Transport,
    /// What the client calls itself.
    pub(super) device: Option<String>,
    pub(super) key: Option<KeyThumbprint>,
}

/// Whose password it was, and which.
#[derive(Debug)]
pub(super) struct ProvedPassword {
    pub(super) user: UserId,
    print: String,
}

/// What a client shows to go on.
#[derive(Clone)]
pub struct AttemptToken(Zeroizing<String>);

/// What is asked of a client, and by what it goes on.
#[derive(Debug, Clone)]
pub struct SecondFactorAsked {
    pub token: AttemptToken,
    pub expires_in: Duration,
    /// One of these. Empty where the account has set up nothing that would do.
    pub methods: Methods,
}

/// As it is sealed; a later server may add members.
#[derive(Serialize, Deserialize)]
struct Sealed {
    id: String,
    #[serde(flatten)]
    begun_by: Option<SealedPassword>,
    app: String,
    app_at: i64,
    transport: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jkt: Option<String>,
    at: i64,
}

#[derive(Serialize, Deserialize)]
struct SealedPassword {
    user: String,
    password: String,
}

impl AttemptToken {
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AttemptToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AttemptToken(…)")
    }
}

impl ProvedPassword {
    /// Whether the account's password is still the one that was proved.
    pub(super) fn is_of(&self, account: &Account) -> bool {
        self.print == HashPrint::of(&account.password_hash).encoded()
    }

    fn read(sealed: SealedPassword) -> Option<Self> {
        Some(Self { user: sealed.user.parse().ok()?, print: sealed.password })
    }
}

impl SignInAttempt {
    /// The app that is signed in to.
    #[must_use]
    pub const fn app(&self) -> &AppName {
        &self.app
    }

    /// How the client keeps what it is given.
    #[must_use]
    pub const fn transport(&self) -> Transport {
        self.transport
    }

    /// The same, gone on with by whoever has proved this key, or none.
    ///
    /// # Errors
    /// Where it began with a key, and not with this one.
    pub fn proved_by(self, key: Option<KeyThumbprint>) -> Result<Self, AuthError> {
        let fault = match key {
            None => KeyProofFault::Missing,
            Some(_) => KeyProofFault::OtherKey,
        };
        if self.key.is_some() && self.key != key {
            return Err(AuthError::Invalid(Invalid::KeyProof(fault)));
        }
        Ok(Self { key, ..self })
    }

    /// By what it is known again where it spends something.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// One session becomes of it.
    pub(super) fn spending(&self, session: String) -> Spending {
        Spending {
            key: OnceKey::of("sign-in attempt", &[self.id.as_bytes()]),
            made_at: self.made_at,
            until: self.made_at + LIFE,
            outcome: session,
        }
    }

    fn read(sealed: Sealed) -> Option<Self> {
        Some(Self {
            id: sealed.id,
            begun_by: match sealed.begun_by {
                Some(password) => Some(ProvedPassword::read(password)?),
                None => None,
            },
            app: AppName::parse(&sealed.app).ok()?,
            app_created_at: Timestamp::from_millis(sealed.app_at),
            transport: Transport::parse(&sealed.transport)?,
            device: sealed.device,
            key: match sealed.jkt {
                Some(jkt) => Some(KeyThumbprint::parse(&jkt)?),
                None => None,
            },
            made_at: Timestamp::from_millis(sealed.at),
        })
    }
}

impl Auth {
    /// A sign-in whose password was right, for the client to go on with.
    pub(super) fn seal_attempt(
        &self,
        begun: BegunAs,
        account: &Account,
        app: &App,
        methods: Methods,
    ) -> Result<SecondFactorAsked, AuthError> {
        let user = account.user.id.to_string();
        let begun_by =
            Some(SealedPassword { user, password: HashPrint::of(&account.password_hash).encoded() });
        let sealed = self.new_attempt(begun_by, app, begun);
        Ok(SecondFactorAsked { token: self.seal(&sealed)?, expires_in: LIFE, methods })
    }

    /// A sign-in of nobody yet: its id and its token.
    pub(super) fn seal_nameless_attempt(
        &self,
        app: &App,
        begun: BegunAs,
    ) -> Result<(String, AttemptToken), AuthError> {
        let sealed = self.new_attempt(None, app, begun);
        let token = self.seal(&sealed)?;
        Ok((sealed.id, token))
    }

    fn new_attempt(
        &self,
        begun_by: Option<SealedPassword>,
        app: &App,
        BegunAs { transport, device, key }: BegunAs,
    ) -> Sealed {
        Sealed {
            id: URL_SAFE_NO_PAD.encode(random::bytes::<16>()),
            begun_by,
            app: app.name.as_str().to_owned(),
            app_at: app.created_at.millis(),
            transport: transport.as_str().to_owned(),
            device,
            jkt: key.map(|key| key.to_string()),
            at: self.clock.now().millis(),
        }
    }

    fn seal(&self, attempt: &Sealed) -> Result<AttemptToken, AuthError> {
        // Strings and numbers always serialise.
        let content = Zeroizing::new(serde_json::to_vec(attempt).unwrap_or_default());
        Ok(AttemptToken(Zeroizing::new(format!("{PREFIX}{}", self.keys.sealer().seal(PURPOSE, &content)?))))
    }

    /// The attempt that a client shows. Whether it was spent is seen when it is spent.
    pub fn attempt(&self, token: &str) -> Result<SignInAttempt, AuthError> {
        let text = token.strip_prefix(PREFIX).ok_or(AuthError::TokenInvalid)?;
        let opened = self.keys.sealer().open(PURPOSE, text).map_err(|_| AuthError::TokenInvalid)?;
        let sealed: Sealed = serde_json::from_slice(opened.expose()).map_err(|_| AuthError::TokenInvalid)?;
        let attempt = SignInAttempt::read(sealed).ok_or(AuthError::TokenInvalid)?;
        if attempt.made_at + LIFE <= self.clock.now() {
            return Err(AuthError::TokenExpired);
        }
        Ok(attempt)
    }
}

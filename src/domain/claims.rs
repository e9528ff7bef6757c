//! What an access token says (RFC 7519, RFC 9068).

use std::fmt;

use super::{
    app::AppName,
    app_policy::Audience,
    auth_context::AuthContext,
    clock::Timestamp,
    ids::{SessionId, TokenId, UserId},
    key_proof::KeyThumbprint,
    limits::CLOCK_SKEW,
    user::Role,
};

/// What the `sub` of an app begins with; no id of a user holds a colon.
const APP: &str = "app:";

/// Who acts by a token. Ids of users and names of apps cannot be taken for each other (RFC 9068 section 5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    User(UserId),
    /// The app itself, on behalf of nobody. No such token is issued yet, and none is let in.
    App(AppName),
}

impl Principal {
    /// The user, where it is one.
    #[must_use]
    pub const fn user(&self) -> Option<UserId> {
        match self {
            Self::User(id) => Some(*id),
            Self::App(_) => None,
        }
    }

    /// Reads what [`Display`](fmt::Display) writes.
    #[must_use]
    pub fn parse(sub: &str) -> Option<Self> {
        match sub.strip_prefix(APP) {
            Some(name) => AppName::parse(name).ok().map(Self::App),
            None => sub.parse().ok().map(Self::User),
        }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => id.fmt(f),
            Self::App(name) => write!(f, "{APP}{}", name.as_str()),
        }
    }
}

/// The claims of an access token that are Keyward's to decide; `iss` and `aud` are the key ring's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessClaims {
    /// `jti`.
    pub id: TokenId,
    /// `sub`.
    pub principal: Principal,
    /// `preferred_username`: the name at the time of issue, for gateways and logs; an app has none.
    pub username: String,
    /// `sid`.
    pub session: SessionId,
    /// `gen`: the refresh generation it was issued with.
    pub generation: u32,
    /// `client_id`.
    pub app: AppName,
    /// In `aud`, beside the server's own.
    pub audience: Option<Audience>,
    /// `roles`.
    pub roles: Vec<Role>,
    /// `roles_at`: since when they are these, whole seconds; 0 = since the account was made.
    pub roles_at: Timestamp,
    /// `auth_time`, `amr` and `acr`: what was proved. A refresh renews none of it, a step-up does.
    pub auth: AuthContext,
    /// `cnf.jkt`: the key that the session is bound to.
    pub bound_to: Option<KeyThumbprint>,
    /// `iat`, whole seconds.
    pub issued_at: Timestamp,
    /// `exp`, whole seconds: from this moment on the token is over.
    pub expires_at: Timestamp,
}

impl AccessClaims {
    /// Whether its roles are those of before a change that counts from `issued_before` on. It is their
    /// own date that decides, so no clock of a node can blur it. A token that was clearly issued since
    /// is good whatever it says: where accounts were restored from a copy, the change is unknown there.
    #[must_use]
    pub fn is_outdated(&self, issued_before: Timestamp) -> bool {
        self.roles_at < issued_before && self.issued_at < issued_before + CLOCK_SKEW
    }
}

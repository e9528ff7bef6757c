//! The names of the keys (contract 4), made and read in this one place. In plain mode a name holds a
//! refresh token, so names of `refresh:` keys are never logged.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    domain::{
        app::AppName,
        app_session::AppUser,
        ids::{SessionId, UserId},
        refresh_token::RefreshToken,
    },
    store::{counters::Counter, once::OnceKey, revocations::Subject},
};

/// What stands for a refresh token in a key's name (`storage.refresh_keys`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshKeys {
    /// Its SHA-256: who reads the key names (`MONITOR`, `SLOWLOG`, a backup) cannot sign in.
    Hashed,
    /// The token itself, for those who look tokens up by hand.
    Plain,
}

pub(super) struct Keys {
    prefix: String,
    refresh: RefreshKeys,
}

impl Keys {
    pub(super) const fn new(prefix: String, refresh: RefreshKeys) -> Self {
        Self { prefix, refresh }
    }

    /// What every name begins with.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    fn name(&self, rest: std::fmt::Arguments<'_>) -> String {
        format!("{}{rest}", self.prefix)
    }

    /// `session:<session id>`.
    pub(super) fn session(&self, id: SessionId) -> String {
        self.name(format_args!("session:{id}"))
    }

    /// `sessions:user:<user id>`: where a user is signed in.
    pub(super) fn sign_ins_of_user(&self, user: UserId) -> String {
        self.name(format_args!("sessions:user:{user}"))
    }

    /// `sessions:app:<app>`: who is signed in at an app.
    pub(super) fn sign_ins_at_app(&self, app: &AppName) -> String {
        self.name(format_args!("sessions:app:{}", app.as_str()))
    }

    /// `sessions:user:<app>/<user id>`: an app's own sessions of a user.
    pub(super) fn app_sessions_of_user(&self, app: &AppName, user: &AppUser) -> String {
        self.app_sessions_of_users(app) + user.as_str()
    }

    /// What those names begin with.
    pub(super) fn app_sessions_of_users(&self, app: &AppName) -> String {
        self.name(format_args!("sessions:user:{}/", app.as_str()))
    }

    /// `sessions:app:<app>/data`: an app's own sessions, and who was active in them.
    pub(super) fn app_sessions_of_app(&self, app: &AppName) -> String {
        self.name(format_args!("sessions:app:{}/data", app.as_str()))
    }

    /// `refresh:<token>`.
    pub(super) fn refresh(&self, token: &RefreshToken) -> String {
        self.refresh_of(&self.token_hash(token))
    }

    /// What the session hash keeps of a token, so that its key can be deleted without it: the 32
    /// bytes of the hash, or the 52 of the token. Both fit in a listpack entry; their texts would not.
    pub(super) fn token_hash(&self, token: &RefreshToken) -> Vec<u8> {
        match self.refresh {
            RefreshKeys::Hashed => token.sha256().to_vec(),
            RefreshKeys::Plain => {
                let text = token.expose().strip_prefix("kwr_").unwrap_or_default();
                URL_SAFE_NO_PAD.decode(text).unwrap_or_default()
            }
        }
    }

    /// `refresh:<token>`, from what the session hash keeps. The two kinds differ in length, so that
    /// a change of the setting leaves no key behind.
    pub(super) fn refresh_of(&self, token_hash: &[u8]) -> String {
        let token = if token_hash.len() == 32 { "" } else { "kwr_" };
        self.name(format_args!("refresh:{token}{}", URL_SAFE_NO_PAD.encode(token_hash)))
    }

    /// `rate:…`.
    pub(super) fn counter(&self, counter: &Counter) -> String {
        match counter {
            Counter::Session(id) => self.name(format_args!("rate:session:{id}")),
            Counter::LoginPair(hash) => self.name(format_args!("rate:login:pair:{hash}")),
            Counter::LoginUser(hash) => self.name(format_args!("rate:login:user:{hash}")),
            Counter::LoginAddress(net) => self.name(format_args!("rate:login:ip:{net}")),
            Counter::LoginKnown(hash) => self.name(format_args!("rate:login:known:{hash}")),
            Counter::LoginFactor(hash) => self.name(format_args!("rate:login:factor:{hash}")),
            Counter::Signup(net) => self.name(format_args!("rate:signup:{net}")),
            Counter::Mail(of) => self.name(format_args!("rate:mail:{of}")),
            Counter::Revoked(id) => self.name(format_args!("rate:revoked:{id}")),
        }
    }

    /// `once:<hash>`.
    pub(super) fn once(&self, key: &OnceKey) -> String {
        self.name(format_args!("once:{}", key.encoded()))
    }

    /// `blacklist:…`.
    pub(super) fn blacklist(&self, subject: &Subject) -> String {
        match subject {
            Subject::Token(id) => self.name(format_args!("blacklist:{id}")),
            Subject::Session(id) => self.name(format_args!("blacklist:session:{id}")),
            Subject::User(id) => self.name(format_args!("blacklist:user:{id}")),
        }
    }

    /// What the names of all revocations begin with.
    pub(super) fn blacklist_prefix(&self) -> String {
        self.name(format_args!("blacklist:"))
    }

    /// Who a `blacklist:` key is about; `None` when it has no name we would give.
    pub(super) fn subject(&self, key: &[u8]) -> Option<Subject> {
        let name = std::str::from_utf8(key).ok()?.strip_prefix(&self.prefix)?.strip_prefix("blacklist:")?;
        match name.split_once(':') {
            None => name.parse().ok().map(Subject::Token),
            Some(("session", id)) => id.parse().ok().map(Subject::Session),
            Some(("user", id)) => id.parse().ok().map(Subject::User),
            Some(_) => None,
        }
    }

    /// The fingerprint of the secret in use; it speaks of no session, like the three that follow.
    pub(super) fn installation(&self) -> String {
        self.name(format_args!("installation"))
    }

    /// The name of the sealing key in use.
    pub(super) fn sealing_key(&self) -> String {
        self.name(format_args!("installation:sealing"))
    }

    /// The signing keys in use, by when each was last noted.
    pub(super) fn signers(&self) -> String {
        self.name(format_args!("installation:signers"))
    }

    /// What nodes say in their tokens, by when each was last noted.
    pub(super) fn issuers(&self) -> String {
        self.name(format_args!("installation:issuers"))
    }

    /// A key that is written and deleted in one step, to see whether writes are taken.
    pub(super) fn probe(&self) -> String {
        self.name(format_args!("probe"))
    }

    /// What the names of each kind of key begin with.
    pub(super) fn kinds(&self) -> [String; 7] {
        ["session:", "sessions:", "refresh:", "blacklist:", "rate:", "once:", "probe"]
            .map(|kind| self.name(format_args!("{kind}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{clock::Timestamp, ids::TokenId, refresh_token::RefreshSecret};

    #[test]
    fn a_refresh_key_is_named_by_what_the_session_keeps() {
        let token = RefreshToken::first(SessionId::random(), &RefreshSecret::new(&[7; 32]));
        let hashed = Keys::new("p:".into(), RefreshKeys::Hashed);
        assert_eq!(hashed.refresh(&token), format!("p:refresh:{}", URL_SAFE_NO_PAD.encode(token.sha256())));
        let plain = Keys::new("p:".into(), RefreshKeys::Plain);
        assert_eq!(plain.refresh(&token), format!("p:refresh:{}", token.expose()));
        assert_eq!(plain.refresh_of(&hashed.token_hash(&token)), hashed.refresh(&token));
    }

    #[test]
    fn a_revocation_is_read_back_from_its_key() {
        let keys = Keys::new("p:".into(), RefreshKeys::Hashed);
        for subject in [
            Subject::Token(TokenId::random()),
            Subject::Session(SessionId::random()),
            Subject::User(UserId::new(Timestamp::from_secs(1))),
        ] {
            assert_eq!(keys.subject(keys.blacklist(&subject).as_bytes()), Some(subject));
        }
        assert_eq!(keys.subject(b"p:blacklist:other:x"), None);
        assert_eq!(keys.subject(b"blacklist:x"), None);
    }
}

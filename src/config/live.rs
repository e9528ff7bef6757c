//! Which settings may change while a server runs, and what is said of one that was changed.

use toml::Value;

/// Settings that hold as soon as they are read anew. What listeners, stores and keys were opened with is not
/// among them, nor what is written into each session: that holds after a restart.
pub const LIVE: [&str; 22] = [
    "server.trusted_proxies",
    "server.drain_delay",
    "server.shutdown_grace",
    "tokens.reuse_grace",
    "tokens.confirm",
    "tokens.contested",
    "rate_limit.session_requests",
    "rate_limit.session_window",
    "rate_limit.login_failures",
    "rate_limit.login_window",
    "rate_limit.signups",
    "rate_limit.signup_window",
    "rate_limit.mails",
    "rate_limit.mail_window",
    "login.queue",
    "accounts.signup",
    "accounts.sessions_per_user",
    "accounts.password_min_length",
    "accounts.email",
    "accounts.recent_sign_in",
    "outage.check",
    "log.level",
];

/// A setting that is not what the server runs on.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangedSetting {
    /// `section.name`.
    pub name: String,
    /// What it was; passwords masked, so that both may look the same.
    pub old: Value,
    pub new: Value,
    /// Whether it can be taken up now; else after a restart.
    pub is_live: bool,
}

/// Whether a setting holds as soon as it is read anew.
pub(super) fn is_live(name: &str) -> bool {
    LIVE.contains(&name)
}

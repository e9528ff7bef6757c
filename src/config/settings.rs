//! The settings as types. Units and limits are said in the manual, and held to in `read.rs`.

use std::{net::SocketAddr, num::NonZeroU32, path::PathBuf, time::Duration};

use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};

use super::{
    mail::Mailing,
    public_url::{PublicUrl, stays_here},
    values::mask_url,
};
use crate::domain::{algorithm::Algorithm, limits::Lifetimes, rotation::ReusePolicy};

#[derive(Debug, Clone)]
pub struct Settings {
    /// Listeners and what is in front of them.
    pub server: Server,
    /// The admin API.
    pub admin: Admin,
    /// Where things are kept.
    pub storage: Storage,
    /// What tokens are and how long they live.
    pub tokens: Tokens,
    /// How much is let through.
    pub rate_limit: RateLimit,
    /// How many passwords are hashed at once.
    pub login: Login,
    pub keys: Keys,
    /// Who may have an account.
    pub accounts: Accounts,
    /// What happens while Redis is away.
    pub outage: Outage,
    pub log: Log,
    pub telemetry: Telemetry,
    /// What is kept of what happened.
    pub audit: Audit,
    /// How mail goes out.
    pub mail: Mailing,
}

/// `[server]`
#[derive(Debug, Clone)]
pub struct Server {
    pub listen: SocketAddr,
    pub management_listen: SocketAddr,
    pub check_listen: Option<SocketAddr>,
    /// The check by gRPC.
    pub ext_authz_listen: Option<SocketAddr>,
    /// The admin API.
    pub admin_listen: Option<SocketAddr>,
    /// As it is set; [`Server::public_url`] is what is in force.
    pub public_url_set: Option<PublicUrl>,
    /// Whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// How long a stop is announced before the listeners close.
    pub drain_delay: Duration,
    /// How long a stop waits for requests.
    pub shutdown_grace: Duration,
}

impl Server {
    /// The address clients know the server by, when the public listener got the address `bound`: it
    /// differs from the one asked for where that had port 0.
    #[must_use]
    pub fn public_url(&self, bound: SocketAddr) -> PublicUrl {
        self.public_url_set.clone().unwrap_or_else(|| PublicUrl::of_listener(bound))
    }
}

/// `[admin]`
#[derive(Debug, Clone)]
pub struct Admin {
    /// How long after their sign-in a user may change something.
    pub max_age: Duration,
    /// Names of the listener, besides those it has by itself.
    pub hosts: Vec<String>,
}

/// `[storage]`
#[derive(Debug, Clone)]
pub struct Storage {
    /// The folder of the embedded database.
    pub data_dir: PathBuf,
    /// The back end of accounts and apps.
    pub database: Database,
    /// The back end of sessions and revocations; `None` = embedded.
    pub redis: Option<Redis>,
}

/// The back end of accounts.
#[derive(Debug, Clone)]
pub enum Database {
    Sqlite(PathBuf),
    Postgres {
        /// With a password in it, likely.
        url: SecretString,
        /// A PEM file of authorities; `None` = the system's.
        tls_ca: Option<PathBuf>,
    },
}

impl Database {
    /// Where it is, as far as that may be shown.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Sqlite(path) => path.display().to_string(),
            Self::Postgres { url, .. } => mask_url(url.expose_secret()),
        }
    }

    /// Whether somebody on the way can listen: it is elsewhere, and TLS is not required.
    #[must_use]
    pub fn is_overheard(&self) -> bool {
        let Self::Postgres { url, tls_ca: None } = self else { return false };
        let url = url.expose_secret();
        let requires_tls = ["sslmode=require", "sslmode=verify-full"].iter().any(|mode| url.contains(mode));
        !requires_tls && is_elsewhere(url)
    }
}

/// Whether a URL leads to another machine; one without a host leads to a socket here.
fn is_elsewhere(url: &str) -> bool {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    // A password may hold a slash.
    let place = rest.split('?').next().and_then(|rest| rest.rsplit('@').next()).unwrap_or_default();
    let authority = place.split('/').next().unwrap_or_default();
    // A host that is a path is a folder with a socket.
    let is_socket = authority.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("%2f"));
    !authority.is_empty() && !is_socket && !stays_here(authority)
}

/// How Redis is reached and used.
#[derive(Debug, Clone)]
pub struct Redis {
    /// At least one.
    pub urls: Vec<SecretString>,
    /// What they lead to.
    pub mode: RedisMode,
    /// Put before every key.
    pub prefix: String,
    /// Replicas that must acknowledge a sign-out or rotation.
    pub wait: u32,
    /// A PEM file of authorities; `None` = the system's.
    pub tls_ca: Option<PathBuf>,
    /// What stands for a refresh token in a key.
    pub refresh_keys: RefreshKeys,
}

impl Redis {
    /// Where it is, as far as that may be shown.
    #[must_use]
    pub fn place(&self) -> String {
        let places = self.urls.iter().map(|url| mask_url(url.expose_secret()));
        places.collect::<Vec<_>>().join(",")
    }

    /// Whether somebody on the way can listen: it is elsewhere, and spoken to without TLS.
    #[must_use]
    pub fn is_overheard(&self) -> bool {
        let mut urls = self.urls.iter().map(ExposeSecret::expose_secret);
        urls.any(|url| url.starts_with("redis://") && is_elsewhere(url))
    }

    /// Whether whoever reaches it may use it: it is elsewhere, and asks for no password.
    #[must_use]
    pub fn is_open(&self) -> bool {
        let has_password = |url: &str| {
            let user = url.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@'));
            user.and_then(|(user, _)| user.split_once(':')).is_some_and(|(_, password)| !password.is_empty())
        };
        let mut urls = self.urls.iter().map(ExposeSecret::expose_secret);
        urls.any(|url| is_elsewhere(url) && !has_password(url))
    }
}

/// What the Redis URLs lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedisMode {
    Single,
    /// Sentinels that know the master by this name.
    Sentinel(String),
    /// Some nodes of a cluster.
    Cluster,
}

/// What stands for a refresh token in a Redis key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshKeys {
    /// Its SHA-256.
    Hashed,
    Plain,
}

/// `[tokens]`
#[derive(Debug, Clone)]
pub struct Tokens {
    /// How long tokens and sessions live.
    pub lifetimes: Lifetimes,
    /// How access tokens are signed.
    pub algorithm: Algorithm,
    /// `aud`.
    pub audience: String,
    /// When a replaced refresh token stops being good.
    pub reuse: ReusePolicy,
}

/// `[rate_limit]`
#[derive(Debug, Clone)]
pub struct RateLimit {
    /// Checks of one session in one window.
    pub session_requests: u32,
    pub session_window: Duration,
    /// Failed logins of one account from one address in one window.
    pub login_failures: u32,
    pub login_window: Duration,
    /// New accounts from one client address in one window.
    pub signups: u32,
    pub signup_window: Duration,
    /// Mails of one account, or asked for under one name, in one window.
    pub mails: u32,
    pub mail_window: Duration,
}

/// `[login]`
#[derive(Debug, Clone)]
pub struct Login {
    /// Password hashes at once, never 0.
    pub concurrency: usize,
    /// Those that wait for one.
    pub queue: usize,
}

/// `[keys]`
#[derive(Debug, Clone)]
pub struct Keys {
    pub dir: PathBuf,
}

/// `[accounts]`
#[derive(Debug, Clone)]
pub struct Accounts {
    /// Whether anybody may make one.
    pub signup: Signup,
    /// At once; `None` = no bound.
    pub sessions_per_user: Option<NonZeroU32>,
    /// In characters.
    pub password_min_length: usize,
    /// A file of passwords that nobody may have, as `keyward breach build` makes it.
    pub breached_passwords: Option<PathBuf>,
    /// Whether accounts have e-mail addresses.
    pub email: AccountEmail,
    /// How long after their sign-in users may change what they are known by.
    pub recent_sign_in: Duration,
    /// Which domain passkeys are of; `None` = the host of the public URL.
    pub passkey_rp_id: Option<String>,
    /// From where passkeys may be used, besides the server's own origin and those of the app.
    pub passkey_origins: Vec<String>,
}

/// Whether accounts have e-mail addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountEmail {
    Optional,
    /// Who signs up is let in once theirs is confirmed.
    Required,
    Off,
}

/// Who may make an account over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signup {
    Closed,
    Open,
}

/// `[outage]`
#[derive(Debug, Clone)]
pub struct Outage {
    /// How long the check goes by what was last known; zero = not at all.
    pub check: Duration,
}

/// `[audit]`
#[derive(Debug, Clone)]
pub struct Audit {
    /// How long events are kept.
    pub retention: Duration,
    /// How many of them.
    pub max_events: u64,
}

/// `[log]`
#[derive(Debug, Clone)]
pub struct Log {
    /// A filter such as `info,keyward::store=debug`.
    pub level: String,
    /// How a line looks.
    pub format: LogFormat,
}

/// `[telemetry]`
#[derive(Debug, Clone)]
pub struct Telemetry {
    /// Where traces go, without `/v1/traces`; `None` = nowhere.
    pub otlp_endpoint: Option<String>,
    /// How many of them, from 0 to 1.
    pub sample_ratio: f64,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    /// One object a line.
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_on_another_machine_is_overheard_unless_tls_is_required() {
        let postgres = |url: &str| Database::Postgres { url: url.into(), tls_ca: None }.is_overheard();
        for url in ["postgres://db/kw", "postgres://kw:s3/c@db:5432/kw", "postgres://db/kw?sslmode=prefer"] {
            assert!(postgres(url), "{url}");
        }
        let here = [
            "postgres:///kw",
            "postgres://kw@%2Frun%2Fpostgresql:5432/kw",
            "postgres://kw:pw@[::1]:5432/kw",
            "postgresql://localhost/kw?x=a@b",
        ];
        for url in here.into_iter().chain(["postgres://db/kw?sslmode=require"]) {
            assert!(!postgres(url), "{url}");
        }
        let redis = |url: &str| Redis {
            urls: vec![url.into()],
            mode: RedisMode::Single,
            prefix: String::new(),
            wait: 0,
            tls_ca: None,
            refresh_keys: RefreshKeys::Hashed,
        };
        assert!(redis("redis://:pw@redis.example.com:6379/0").is_overheard());
        for url in ["rediss://redis.example.com", "redis://127.0.0.1:6379", "redis+unix:///run/redis.sock"] {
            assert!(!redis(url).is_overheard(), "{url}");
        }
    }
}

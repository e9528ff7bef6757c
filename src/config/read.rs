//! From the layers to [`Settings`]: which setting has which type and limits.

use std::{
    net::SocketAddr,
    num::{NonZero, NonZeroU32},
    path::PathBuf,
    thread,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::SecretString;

use super::{
    error::ConfigError,
    layers::Layers,
    mail,
    public_url::PublicUrl,
    settings::{
        AccountEmail, Accounts, Admin, Audit, Database, Keys, Log, LogFormat, Login, Outage, RateLimit,
        Redis, RedisMode, RefreshKeys, Server, Settings, Signup, Storage, Telemetry, Tokens,
    },
    values,
};
use crate::domain::{
    app::Origin,
    limits::{ACCESS_TTL_MAX, Lifetimes},
    rotation::{Confirm, Contested, ReusePolicy},
    secret::PASSWORD_MAX_CHARS,
};

const ADDRESS: &str = "an IP address and a port such as 127.0.0.1:8080";
const ANDROID_APP: &str = "android:apk-key-hash:";

type Read<T> = Result<T, ConfigError>;

impl Settings {
    pub(super) fn read(layers: &Layers) -> Read<Self> {
        Ok(Self {
            server: server(layers)?,
            admin: admin(layers)?,
            storage: storage(layers)?,
            tokens: tokens(layers)?,
            rate_limit: rate_limit(layers)?,
            login: login(layers)?,
            keys: Keys { dir: layers.folder("keys.dir")? },
            accounts: accounts(layers)?,
            outage: Outage { check: layers.duration("outage.check", .., ", or 0")? },
            log: log(layers)?,
            telemetry: telemetry(layers)?,
            audit: audit(layers)?,
            mail: mail::read(layers)?,
        })
    }
}

fn server(layers: &Layers) -> Read<Server> {
    let address = |text: &str| text.parse::<SocketAddr>().ok();
    Ok(Server {
        listen: layers.parsed("server.listen", ADDRESS, address)?,
        management_listen: layers.parsed("server.management_listen", ADDRESS, address)?,
        check_listen: layers.optional("server.check_listen", ADDRESS, address)?,
        ext_authz_listen: layers.optional("server.ext_authz_listen", ADDRESS, address)?,
        admin_listen: layers.optional("server.admin_listen", ADDRESS, address)?,
        public_url_set: layers.optional(
            "server.public_url",
            "http:// or https:// and a host in lower case, without default port, query or slash at the end",
            PublicUrl::parse,
        )?,
        trusted_proxies: layers.list(
            "server.trusted_proxies",
            "networks such as 10.0.0.0/8 or addresses",
            values::network,
        )?,
        drain_delay: layers.duration("server.drain_delay", ..=Duration::from_mins(5), ", 0s to 5m")?,
        shutdown_grace: layers.duration("server.shutdown_grace", .., ", or 0")?,
    })
}

fn admin(layers: &Layers) -> Read<Admin> {
    Ok(Admin {
        max_age: layers.seconds("admin.max_age")?,
        hosts: layers.list("admin.hosts", "host names such as admin.example.com, without port", |text| {
            let fits = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
            (!text.is_empty() && text.chars().all(fits)).then(|| text.to_owned())
        })?,
    })
}

fn storage(layers: &Layers) -> Read<Storage> {
    let data_dir = layers.folder("storage.data_dir")?;
    let tls_ca = layers.path("storage.database_tls_ca")?;
    let url = layers.entry("storage.database_url")?;
    let database = layers.optional(
        "storage.database_url",
        "sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME",
        |text| database(text, tls_ca, |path| layers.resolved(url, path)),
    )?;
    Ok(Storage {
        database: database.unwrap_or_else(|| Database::Sqlite(data_dir.join("keyward.db"))),
        data_dir,
        redis: redis(layers)?,
    })
}

fn database(url: &str, tls_ca: Option<PathBuf>, resolve: impl FnOnce(&str) -> PathBuf) -> Option<Database> {
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Some(Database::Postgres { url: SecretString::from(url), tls_ca });
    }
    let path = url.strip_prefix("sqlite:")?;
    let path = path.strip_prefix("//").unwrap_or(path);
    // No parameters, and no ":memory:": accounts must outlive a restart.
    let is_file = !path.is_empty() && !path.contains([':', '?']);
    is_file.then(|| Database::Sqlite(resolve(path)))
}

fn redis(layers: &Layers) -> Read<Option<Redis>> {
    let wanted = "redis://[USER:PASSWORD@]HOST:PORT[/DB] or rediss://…, several with commas";
    let known = ["redis://", "rediss://", "redis+unix://"];
    let urls = layers.optional("storage.redis_url", wanted, |text| {
        let urls = values::split_urls(text);
        let all_known = urls.iter().all(|url| known.iter().any(|scheme| url.starts_with(scheme)));
        all_known.then(|| urls.into_iter().map(SecretString::from).collect::<Vec<_>>())
    })?;
    let master = layers.text("storage.redis_master")?.unwrap_or_default();
    let mode = layers.word(
        "storage.redis_mode",
        &[
            ("single", RedisMode::Single),
            ("sentinel", RedisMode::Sentinel(master)),
            ("cluster", RedisMode::Cluster),
        ],
    )?;
    let refresh_keys = [("hashed", RefreshKeys::Hashed), ("plain", RefreshKeys::Plain)];
    let rest = Redis {
        urls: Vec::new(),
        mode,
        prefix: layers.text("storage.redis_prefix")?.unwrap_or_default(),
        wait: layers.number("storage.redis_wait", 0..=16)?,
        tls_ca: layers.path("storage.redis_tls_ca")?,
        refresh_keys: layers.word("storage.refresh_keys", &refresh_keys)?,
    };
    Ok(urls.map(|urls| Redis { urls, ..rest }))
}

fn tokens(layers: &Layers) -> Read<Tokens> {
    let session_max_age = match layers.duration("tokens.session_max_age", .., ", or 0 for none")? {
        Duration::ZERO => None,
        _ => Some(layers.seconds("tokens.session_max_age")?),
    };
    let algorithms = "ES256, EdDSA or RS256";
    let confirm = [("first-use", Confirm::FirstUse), ("timer", Confirm::Timer)];
    let contested = [("alarm", Contested::Alarm), ("end", Contested::End)];
    Ok(Tokens {
        lifetimes: Lifetimes {
            access: layers.seconds_up_to("tokens.access_ttl", ACCESS_TTL_MAX)?,
            refresh: layers.seconds("tokens.refresh_ttl")?,
            session_max_age,
        },
        algorithm: layers.parsed("tokens.algorithm", algorithms, |text| text.parse().ok())?,
        audience: layers.parsed("tokens.audience", "a text of visible ASCII", audience)?,
        reuse: ReusePolicy {
            grace: layers.duration("tokens.reuse_grace", ..=Duration::from_mins(5), ", 0 to 5m")?,
            confirm: layers.word("tokens.confirm", &confirm)?,
            contested: layers.word("tokens.contested", &contested)?,
        },
    })
}

fn audience(text: &str) -> Option<String> {
    let fits = !text.is_empty() && text.len() <= 256 && text.chars().all(|c| c.is_ascii_graphic());
    fits.then(|| text.to_owned())
}

fn rate_limit(layers: &Layers) -> Read<RateLimit> {
    Ok(RateLimit {
        session_requests: layers.number("rate_limit.session_requests", 1..=1_000_000_000)?,
        session_window: layers.seconds("rate_limit.session_window")?,
        login_failures: layers.number("rate_limit.login_failures", 1..=1_000_000)?,
        login_window: layers.seconds("rate_limit.login_window")?,
        signups: layers.number("rate_limit.signups", 1..=1_000_000)?,
        signup_window: layers.seconds("rate_limit.signup_window")?,
        mails: layers.number("rate_limit.mails", 1..=1_000_000)?,
        mail_window: layers.seconds("rate_limit.mail_window")?,
    })
}

fn login(layers: &Layers) -> Read<Login> {
    let concurrency = match layers.number("login.concurrency", 0..=1024)? {
        0 => thread::available_parallelism().map_or(1, NonZero::get),
        set => set,
    };
    Ok(Login { concurrency, queue: layers.number("login.queue", 0..=65_536)? })
}

fn accounts(layers: &Layers) -> Read<Accounts> {
    let signup = [("closed", Signup::Closed), ("open", Signup::Open)];
    let email = [
        ("optional", AccountEmail::Optional),
        ("required", AccountEmail::Required),
        ("off", AccountEmail::Off),
    ];
    let length = layers.number("accounts.password_min_length", 1..=PASSWORD_MAX_CHARS)?;
    Ok(Accounts {
        signup: layers.word("accounts.signup", &signup)?,
        sessions_per_user: NonZeroU32::new(layers.number("accounts.sessions_per_user", 0..=1_000_000)?),
        password_min_length: length,
        breached_passwords: layers.path("accounts.breached_passwords")?,
        email: layers.word("accounts.email", &email)?,
        recent_sign_in: layers.seconds("accounts.recent_sign_in")?,
        passkey_rp_id: layers.optional("accounts.passkey_rp_id", "a domain such as example.com", domain)?,
        passkey_origins: layers.list(
            "accounts.passkey_origins",
            "origins such as https://example.com, or android:apk-key-hash:HASH",
            passkey_origin,
        )?,
    })
}

fn domain(text: &str) -> Option<String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    let is_one = text.chars().all(fits) && !text.starts_with('.') && !text.ends_with('.');
    is_one.then(|| text.to_owned())
}

/// A web origin, or how Android names an app: by the SHA-256 of the certificate that signed it.
fn passkey_origin(text: &str) -> Option<String> {
    let is_hash = |hash| URL_SAFE_NO_PAD.decode(hash).is_ok_and(|bytes| bytes.len() == 32);
    let is_app = text.strip_prefix(ANDROID_APP).is_some_and(is_hash);
    (is_app || Origin::parse(text).is_ok()).then(|| text.to_owned())
}

fn audit(layers: &Layers) -> Read<Audit> {
    Ok(Audit {
        retention: layers.seconds("audit.retention")?,
        max_events: layers.number("audit.max_events", 1_000..=1_000_000_000)?,
    })
}

fn log(layers: &Layers) -> Read<Log> {
    let wanted = "a level such as info, or a filter such as info,keyward::store=debug";
    let format = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    Ok(Log {
        level: layers.parsed("log.level", wanted, values::log_filter)?,
        format: layers.word("log.format", &format)?,
    })
}

fn telemetry(layers: &Layers) -> Read<Telemetry> {
    let wanted =
        "http://HOST:PORT without a path, such as http://127.0.0.1:4318: a collector near by, without TLS";
    Ok(Telemetry {
        otlp_endpoint: layers.optional("telemetry.otlp_endpoint", wanted, values::plain_origin)?,
        sample_ratio: layers.ratio("telemetry.sample_ratio")?,
    })
}

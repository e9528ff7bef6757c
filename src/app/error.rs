//! Why a start failed: one line that says what and where.

use std::{error::Error, io, net::SocketAddr, path::PathBuf};

use crate::{
    auth::error::AuthError,
    config::{Database, Redis},
    domain::{ids::SealingKeyId, user::InvalidName},
    keys::error::KeyError,
    mail::{CatalogueError, SmtpError},
    store::{error::StoreError, redis::connection::target::InvalidTarget},
    telemetry::TelemetryError,
};

/// A start that failed.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The keys cannot be used.
    #[error(transparent)]
    Keys(KeyError),
    /// A store cannot be used.
    #[error("{setting} {place}: {source}")]
    Store {
        /// The setting that leads there.
        setting: &'static str,
        /// Where that is, passwords masked.
        place: String,
        source: StoreError,
    },
    /// There is no database, and it is not for this command to make one.
    #[error("there is no database at {place}: `keyward serve` or `keyward migrate` makes it")]
    NoDatabase {
        /// Where; of a file, from the root on.
        place: String,
    },
    /// The database is that of an older version, and it is not for this command to change it.
    #[error("the database {place} is of an older version: `keyward serve` or `keyward migrate` takes {}", steps.join(", "))]
    OldDatabase { place: String, steps: Vec<String> },
    /// This node has a secret that the others would take no token of.
    #[error(
        "{} is not the secret that is in use at {place}: all nodes need the same keys folder; take that of \
         another node, or let `keyward key new-secret` make one for all, after which everybody signs in \
         anew", file.display()
    )]
    OtherSecret {
        file: PathBuf,
        /// Where the one in use is remembered.
        place: String,
    },
    /// This node cannot open what the others seal.
    #[error(
        "{id}, with which data is sealed at {place}, is not in {}: all nodes need the same keys folder; take that \
         of another node or a backup, or give the key up with `keyward key retire --sealing {id}`, after which \
         nothing that it sealed can be opened", file.display()
    )]
    LacksSealingKey {
        id: SealingKeyId,
        file: PathBuf,
        /// Where it is remembered.
        place: String,
    },
    /// Nothing is set that sessions could be kept in.
    #[error("storage.database_url: accounts in PostgreSQL need sessions in Redis; set storage.redis_url")]
    PostgresAlone,
    /// Mail cannot be made or sent.
    #[error(transparent)]
    Texts(#[from] CatalogueError),
    #[error("mail.smtp_tls_ca: {0}: {source}", source = .0.source().map(ToString::to_string).unwrap_or_default())]
    MailServer(#[from] SmtpError),
    #[error("mail.from: {0}")]
    MailSender(#[from] InvalidName),
    /// The Redis settings do not fit together; the text holds no part of a URL.
    #[error("storage.redis_url: {0}")]
    RedisTarget(#[from] InvalidTarget),
    /// A file that a setting names cannot be read.
    #[error("{setting} {}: {source}", path.display())]
    File {
        setting: &'static str,
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The verbs cannot be set up.
    #[error(transparent)]
    Verbs(AuthError),
    /// What other nodes revoke cannot be followed.
    #[error("no thread for revocations: {0}")]
    Feed(io::Error),
    /// A listener's address cannot be used.
    #[error("{setting} {address}: {source}")]
    Listen {
        setting: &'static str,
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Signals cannot be listened to.
    #[error("SIGHUP cannot be listened to: {0}")]
    Signal(io::Error),
    /// A listener failed later.
    #[error("a listener failed: {0}")]
    Serve(io::Error),
    /// Logging or metrics cannot be set up.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
}

impl StartError {
    /// An error of the accounts' store.
    pub(super) fn of_database(database: &Database, source: StoreError) -> Self {
        Self::Store { setting: "storage.database_url", place: database.place(), source }
    }

    /// An error of the sessions' store.
    pub(super) fn of_redis(redis: &Redis, source: StoreError) -> Self {
        Self::Store { setting: "storage.redis_url", place: redis.place(), source }
    }
}

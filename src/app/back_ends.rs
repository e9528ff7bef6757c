//! Which stores the settings ask for. Embedded is SQLite and memory; accounts move to
//! PostgreSQL and sessions to Redis by setting.

use std::{path::Path, sync::Arc};

use secrecy::{ExposeSecret, SecretString};

use super::{StartError, installation::Installation};
use crate::{
    auth::Stores,
    config::{self, Database, RedisMode, Settings},
    domain::{causes::Causes, clock::Clock, limits::Lifetimes},
    store::{
        accounts::AccountStore,
        addresses::AddressStore,
        apps::AppStore,
        error::StoreError,
        events::EventStore,
        factors::FactorStore,
        leases::LeaseStore,
        measured::{Measured, watch::StoreWatch},
        memory::MemoryCounters,
        outbox::OutboxStore,
        postgres::PostgresStore,
        redis::{
            Keeping, RedisStore, Times,
            advice::Advice,
            connection::target::{Mode, RedisTarget},
            keys::RefreshKeys,
            revocations::feed::Feed,
        },
        revoked::set::RevocationSet,
        sqlite::SqliteStore,
    },
};

/// The open stores of a server.
#[derive(Clone)]
pub struct BackEnds {
    stores: Stores,
    redis: Option<Arc<RedisStore>>,
    installation: Installation,
    /// What is known of each, for those who operate.
    watches: Vec<Arc<StoreWatch>>,
}

impl BackEnds {
    /// Opens what the settings ask for, bringing the tables up to date on the way.
    ///
    /// # Errors
    /// When a store cannot be reached or used.
    pub async fn open(settings: &Settings, clock: &Arc<dyn Clock>) -> Result<Self, StartError> {
        let lifetimes = settings.tokens.lifetimes;
        let database = &settings.storage.database;
        match (database, &settings.storage.redis) {
            (Database::Sqlite(path), None) => {
                let revoked = Arc::default();
                let sqlite = SqliteStore::open(path, lifetimes, Arc::clone(&revoked), Arc::clone(clock));
                let sqlite = sqlite.map_err(|source| StartError::of_database(database, source))?;
                Ok(Self::embedded(Arc::new(sqlite), revoked, database))
            }
            (Database::Postgres { .. }, None) => Err(StartError::PostgresAlone),
            (Database::Sqlite(path), Some(redis)) => {
                // Sessions live in Redis, so what this file says of revocations is of no interest.
                let accounts = SqliteStore::open(path, lifetimes, Arc::default(), Arc::clone(clock));
                let accounts = accounts.map_err(|source| StartError::of_database(database, source))?;
                Self::distributed(Arc::new(accounts), StoreWatch::new("sqlite"), redis, lifetimes, clock)
                    .await
            }
            (Database::Postgres { url, tls_ca }, Some(redis)) => {
                let accounts = open_postgres(url, tls_ca.as_deref()).await;
                let accounts =
                    Arc::new(accounts.map_err(|source| StartError::of_database(database, source))?);
                let watch = StoreWatch::new("postgres");
                let distributed = Self::distributed(accounts.clone(), watch, redis, lifetimes, clock).await?;
                // It is shared as well, and forgets less.
                Ok(Self { installation: Installation::in_database(accounts, database), ..distributed })
            }
        }
    }

    /// The stores, behind their promises.
    #[must_use]
    pub fn stores(&self) -> Stores {
        self.stores.clone()
    }

    /// The Redis that sessions are in, if they are.
    #[must_use]
    pub const fn redis(&self) -> Option<&Arc<RedisStore>> {
        self.redis.as_ref()
    }

    /// What all nodes must agree on.
    #[must_use]
    pub const fn installation(&self) -> &Installation {
        &self.installation
    }

    /// Logs how outages go on; to be called every few seconds.
    pub fn sum_up(&self) {
        self.watches.iter().for_each(|watch| watch.sum_up());
    }

    /// Begins to follow what other nodes revoke, until the feed is dropped; SQLite does so
    /// by itself.
    ///
    /// # Errors
    /// When there is no thread for it.
    pub fn follow(&self) -> Result<Option<Feed>, StartError> {
        self.redis.as_ref().map(|redis| redis.follow()).transpose().map_err(StartError::Feed)
    }

    /// Logs what an operator should mend in the stores, as far as they can say it themselves.
    pub async fn warn(&self) {
        let Some(redis) = &self.redis else { return };
        match redis.advice().await {
            Ok(advice) => advice.iter().for_each(|advice| match advice {
                Advice::Mend(_) => tracing::warn!("{advice}"),
                Advice::Know(_) => tracing::info!("{advice}"),
            }),
            Err(error) => {
                tracing::warn!(error = %Causes(&error), "Redis could not be examined");
            }
        }
    }

    fn embedded(sqlite: Arc<SqliteStore>, revoked: Arc<RevocationSet>, database: &Database) -> Self {
        let installation = Installation::in_database(sqlite.clone(), database);
        // Memory does not fail, and is not waited for.
        let counters = Arc::new(MemoryCounters::default());
        let watch = Arc::new(StoreWatch::new("sqlite"));
        let stores = Stores {
            accounts: Measured::accounts(sqlite.clone(), &watch),
            addresses: Measured::addresses(sqlite.clone(), &watch),
            factors: Measured::factors(sqlite.clone(), &watch),
            apps: Measured::apps(sqlite.clone(), &watch),
            outbox: Measured::outbox(sqlite.clone(), &watch),
            sessions: Measured::sessions(sqlite.clone(), &watch),
            app_sessions: Measured::app_sessions(sqlite.clone(), &watch),
            revocations: Measured::revocations(sqlite.clone(), &watch),
            once: Measured::once(sqlite.clone(), &watch),
            events: Measured::events(sqlite.clone(), &watch),
            leases: sqlite,
            revoked,
            counters: counters.clone(),
            local_counters: counters,
        };
        Self { stores, redis: None, installation, watches: vec![watch] }
    }

    async fn distributed<A>(
        accounts: Arc<A>,
        of_accounts: StoreWatch,
        settings: &config::Redis,
        lifetimes: Lifetimes,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, StartError>
    where
        A: Tables,
    {
        let revoked = Arc::new(RevocationSet::default());
        let redis = Arc::new(open_redis(settings, lifetimes, &revoked, clock).await?);
        let (of_accounts, watch) = (Arc::new(of_accounts), Arc::new(StoreWatch::new("redis")));
        let stores = Stores {
            accounts: Measured::accounts(accounts.clone(), &of_accounts),
            addresses: Measured::addresses(accounts.clone(), &of_accounts),
            factors: Measured::factors(accounts.clone(), &of_accounts),
            apps: Measured::apps(accounts.clone(), &of_accounts),
            outbox: Measured::outbox(accounts.clone(), &of_accounts),
            events: Measured::events(accounts.clone(), &of_accounts),
            leases: accounts,
            sessions: Measured::sessions(redis.clone(), &watch),
            app_sessions: Measured::app_sessions(redis.clone(), &watch),
            revocations: Measured::revocations(redis.clone(), &watch),
            once: Measured::once(redis.clone(), &watch),
            revoked,
            counters: Measured::counters(redis.clone(), &watch),
            local_counters: Arc::new(MemoryCounters::default()),
        };
        let installation = Installation::in_redis(redis.clone(), settings);
        Ok(Self { stores, redis: Some(redis), installation, watches: vec![of_accounts, watch] })
    }
}

/// What is kept in a database, whatever keeps the sessions.
trait Tables:
    AccountStore + AddressStore + AppStore + EventStore + FactorStore + LeaseStore + OutboxStore + 'static
{
}

impl Tables for PostgresStore {}
impl Tables for SqliteStore {}

async fn open_postgres(url: &SecretString, tls_ca: Option<&Path>) -> Result<PostgresStore, StoreError> {
    let store = PostgresStore::connect(url, tls_ca).await?;
    store.migrate().await?;
    Ok(store)
}

/// Connects to the Redis that keeps sessions.
pub(super) async fn open_redis(
    settings: &config::Redis,
    lifetimes: Lifetimes,
    revoked: &Arc<RevocationSet>,
    clock: &Arc<dyn Clock>,
) -> Result<RedisStore, StartError> {
    let keeping = Keeping {
        lifetimes,
        refresh_keys: match settings.refresh_keys {
            config::RefreshKeys::Hashed => RefreshKeys::Hashed,
            config::RefreshKeys::Plain => RefreshKeys::Plain,
        },
        wait_for_replicas: settings.wait,
        times: Times::OfServer,
    };
    let target = target(settings)?;
    let opened = RedisStore::connect(&target, keeping, Arc::clone(revoked), Arc::clone(clock)).await;
    opened.map_err(|source| StartError::of_redis(settings, source))
}

fn target(settings: &config::Redis) -> Result<RedisTarget, StartError> {
    let urls: Vec<String> = settings.urls.iter().map(|url| url.expose_secret().to_owned()).collect();
    let mode = match &settings.mode {
        RedisMode::Single => Mode::Single,
        RedisMode::Sentinel(master) => Mode::Sentinel { master: master.clone() },
        RedisMode::Cluster => Mode::Cluster,
    };
    let ca_pem = settings.tls_ca.as_ref().map(|path| {
        let read = std::fs::read(path);
        read.map_err(|source| StartError::File {
            setting: "storage.redis_tls_ca",
            path: path.clone(),
            source,
        })
    });
    Ok(RedisTarget::parse(&urls, mode, ca_pem.transpose()?, &settings.prefix)?)
}

//! Looks at everything the server stands on, changes none of it, and says what to mend.

mod finding;
mod settings;

use std::{path::Path, sync::Arc};

use self::finding::with_causes;
pub use self::finding::{Finding, Health};
use super::home::open_redis;
use crate::{
    config::{Database, Settings},
    domain::clock::{Clock, Timestamp},
    keys::{error::KeyError, folder::Folder},
    store::{error::StoreError, postgres::PostgresStore, redis::advice::Advice, sqlite::SqliteStore},
};

/// Examines every part, in the order in which a start needs them.
pub async fn examine(settings: &Settings, clock: &Arc<dyn Clock>) -> Vec<Finding> {
    let now = clock.now();
    let mut findings = settings::examine(settings);
    findings.extend(of_clock(settings, now));
    findings.extend(of_keys(&settings.keys.dir));
    findings.extend(of_database(&settings.storage.database, clock).await);
    findings.extend(of_redis(settings, clock).await);
    findings
}

/// Every expiry is wrong where the clock is; a key that is not born yet shows it.
fn of_clock(settings: &Settings, now: Timestamp) -> Vec<Finding> {
    let folder = settings.keys.dir.exists().then(|| Folder::open(&settings.keys.dir));
    let keys = folder.and_then(Result::ok).and_then(|folder| folder.keys().ok()).unwrap_or_default();
    let latest = keys.iter().map(|key| key.life.born).max();
    vec![match latest.filter(|born| *born > now) {
        Some(born) => Finding::wrong("clock", format!("it shows {now}, but a key was made at {born}")),
        None => Finding::good("clock", format!("it shows {now}")),
    }]
}

fn of_keys(dir: &Path) -> Vec<Finding> {
    let place = dir.display();
    if !dir.exists() {
        return vec![Finding::note(
            "keys",
            format!("the folder {place} is not there yet: the first start makes it"),
        )];
    }
    let read = || -> Result<usize, KeyError> {
        let folder = Folder::open(dir)?;
        folder.secret()?;
        Ok(folder.keys()?.len())
    };
    vec![match read() {
        Ok(0) => Finding::note("keys", format!("{place} holds no key yet: the first start makes one")),
        Ok(count) => Finding::good("keys", format!("{count} in {place}")),
        Err(error) => Finding::wrong("keys", with_causes(&error)),
    }]
}

async fn of_database(database: &Database, clock: &Arc<dyn Clock>) -> Vec<Finding> {
    let place = database.place();
    let examined = match database {
        Database::Sqlite(path) if !path.exists() => {
            let text = format!("{place} is not there yet: the first start makes it");
            return vec![Finding::note("database", text)];
        }
        Database::Sqlite(path) => examine_sqlite(path),
        Database::Postgres { url, tls_ca } => match PostgresStore::connect(url, tls_ca.as_deref()).await {
            Ok(store) => examine_postgres(&store, clock).await,
            Err(error) => Err(error),
        },
    };
    match examined {
        Ok((advice, pending)) => of_answer("database", &place, advice, &pending),
        Err(error) => vec![Finding::wrong("database", format!("{place}: {}", with_causes(&error)))],
    }
}

async fn of_redis(settings: &Settings, clock: &Arc<dyn Clock>) -> Vec<Finding> {
    let Some(redis) = &settings.storage.redis else {
        return vec![Finding::good("redis", "none: sessions are kept beside the accounts")];
    };
    let opened = open_redis(redis, settings.tokens.lifetimes, &Arc::default(), clock).await;
    let advice = match &opened {
        Ok(store) => store.advice().await.map_err(|error| with_causes(&error)),
        Err(error) => Err(with_causes(error)),
    };
    match advice {
        Ok(advice) if advice.is_empty() => of_answer("redis", &redis.place(), Vec::new(), &[]),
        Ok(advice) => advice.into_iter().map(|advice| of_advice(&redis.place(), &advice)).collect(),
        Err(error) => vec![Finding::wrong("redis", error)],
    }
}

fn of_advice(place: &str, advice: &Advice) -> Finding {
    let text = format!("{place}: {advice}");
    match advice {
        Advice::Mend(_) => Finding::wrong("redis", text),
        Advice::Know(_) => Finding::note("redis", text),
    }
}

/// What to mend, and which migrations are to come.
type Examined = Result<(Vec<String>, Vec<String>), StoreError>;

fn examine_sqlite(path: &Path) -> Examined {
    Ok((SqliteStore::advice(path)?, SqliteStore::pending(path)?))
}

async fn examine_postgres(store: &PostgresStore, clock: &Arc<dyn Clock>) -> Examined {
    Ok((store.advice(clock.as_ref()).await?, store.pending().await?))
}

fn of_answer(part: &'static str, place: &str, advice: Vec<String>, pending: &[String]) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        advice.into_iter().map(|line| Finding::wrong(part, format!("{place}: {line}"))).collect();
    if !pending.is_empty() {
        let steps = pending.join(", ");
        findings.push(Finding::note(
            part,
            format!("{place}: the next start, or `keyward migrate`, takes {steps}"),
        ));
    }
    if findings.is_empty() {
        findings.push(Finding::good(part, format!("{place} answers and is up to date")));
    }
    findings
}

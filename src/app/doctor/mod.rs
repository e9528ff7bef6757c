//! Looks at everything the server stands on, changes none of it, and says what to mend.

mod apps;
mod disks;
mod finding;
mod keys;
mod machine;
mod places;
mod settings;

use std::{path::Path, sync::Arc};

pub use self::finding::{Finding, PartHealth};
use super::{back_ends::open_redis, post};
use crate::{
    config::{AccountEmail, Database, Settings, SettingsInForce, Smtp},
    domain::{causes::Causes, clock::Clock},
    store::{
        apps::AppStore,
        error::StoreError,
        postgres::PostgresStore,
        redis::advice::Advice,
        schema::{Schema, TooNew},
        sqlite::SqliteStore,
    },
};

/// Examines every part, in the order in which a start needs them.
pub async fn examine(
    settings: &Settings,
    in_force: &SettingsInForce,
    clock: &Arc<dyn Clock>,
) -> Vec<Finding> {
    let now = clock.now();
    let mut findings = settings::examine(settings, in_force);
    findings.push(keys::of_clock(settings, now));
    findings.extend(machine::examine(settings));
    findings.extend(places::of_listeners(&settings.server));
    findings.extend(places::of_data(settings));
    findings.extend(places::of_first_password(settings));
    findings.extend(places::of_breached_passwords(settings));
    // Each of them may have to wait for a store that is away.
    let (keys, database, redis, mail) = tokio::join!(
        keys::examine(settings, clock),
        of_database(settings, clock),
        of_redis(settings, clock),
        of_mail(settings)
    );
    findings.extend(keys.into_iter().chain(database).chain(redis));
    findings.push(mail);
    findings
}

async fn of_database(settings: &Settings, clock: &Arc<dyn Clock>) -> Vec<Finding> {
    let (database, email) = (&settings.storage.database, settings.accounts.email);
    let place = database.place();
    let examined = match database {
        Database::Sqlite(path) if !path.exists() => {
            let text = format!("{place} is not there yet: the first start makes it");
            return vec![Finding::note("database", text)];
        }
        Database::Sqlite(path) => examine_sqlite(path, email),
        Database::Postgres { url, tls_ca } => match PostgresStore::connect(url, tls_ca.as_deref()).await {
            Ok(store) => examine_postgres(&store, email, clock).await,
            Err(error) => Err(error),
        },
    };
    match examined {
        Ok((advice, pending)) => of_answer("database", &place, advice, &pending),
        Err(error) => vec![Finding::wrong("database", format!("{place}: {}", Causes(&error)))],
    }
}

async fn of_redis(settings: &Settings, clock: &Arc<dyn Clock>) -> Vec<Finding> {
    let Some(redis) = &settings.storage.redis else {
        return vec![Finding::good("redis", "none: sessions are kept beside the accounts")];
    };
    let opened = open_redis(redis, settings.tokens.lifetimes, &Arc::default(), clock).await;
    let (advice, names) = match &opened {
        Ok(store) => (
            store.advice().await.map_err(|error| Causes(&error).to_string()),
            store.token_names(clock.now()).await.unwrap_or_default(),
        ),
        Err(error) => (Err(Causes(error).to_string()), Vec::new()),
    };
    let mut findings = match advice {
        Ok(advice) if advice.is_empty() => of_answer("redis", &redis.place(), Vec::new(), &[]),
        Ok(advice) => advice.into_iter().map(|advice| of_advice(&redis.place(), &advice)).collect(),
        Err(error) => vec![Finding::wrong("redis", error)],
    };
    findings.extend(settings::of_token_names(settings, &names));
    findings
}

/// Whether the mail server takes mail; none is sent.
async fn of_mail(settings: &Settings) -> Finding {
    let public_url = settings.server.public_url(settings.server.listen);
    let place = settings.mail.smtp.as_ref().map(Smtp::place);
    match (post::of(settings, &public_url), place) {
        (Err(error), _) => Finding::wrong("mail", Causes(&error).to_string()),
        (Ok(_), None) => {
            let folder = settings.storage.data_dir.join(post::FOLDER);
            Finding::good("mail", format!("no server: mails are written into {}", folder.display()))
        }
        (Ok(post), Some(place)) => match post.probe().await {
            Ok(()) => Finding::good("mail", format!("{place} takes mail")),
            Err(error) => Finding::wrong("mail", format!("{place}: {error}")),
        },
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

fn examine_sqlite(path: &Path, email: AccountEmail) -> Examined {
    let mut advice = SqliteStore::advice(path)?;
    let pending = of_schema(SqliteStore::schema(path)?, &mut advice);
    if advice.is_empty() && pending.is_empty() {
        advice = apps::advice(&SqliteStore::apps(path)?, email);
    }
    Ok((advice, pending))
}

async fn examine_postgres(store: &PostgresStore, email: AccountEmail, clock: &Arc<dyn Clock>) -> Examined {
    let mut advice = store.advice(clock.as_ref()).await?;
    let schema = match store.schema().await {
        // A role without rights has been told so.
        Err(_) if !advice.is_empty() => Schema::Current,
        schema => schema?,
    };
    let pending = of_schema(schema, &mut advice);
    if advice.is_empty() && pending.is_empty() {
        advice = apps::advice(&store.list().await?, email);
    }
    if pending.is_empty() || store.may_migrate().await? {
        return Ok((advice, pending));
    }
    advice.push(PostgresStore::may_not(&pending));
    Ok((advice, Vec::new()))
}

/// The steps to come; of a database that is ahead, that it is to be mended.
fn of_schema(schema: Schema, advice: &mut Vec<String>) -> Vec<String> {
    match schema {
        Schema::Current => Vec::new(),
        Schema::Missing(steps) | Schema::Behind(steps) => steps,
        Schema::Ahead(steps) => {
            advice.push(TooNew(steps).to_string());
            Vec::new()
        }
    }
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

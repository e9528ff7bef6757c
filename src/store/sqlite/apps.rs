//! Apps: which ones use this server.

use std::path::Path;

use async_trait::async_trait;
use rusqlite::{Connection, Params, Row, params};

use super::{
    SqliteStore,
    engine::{connection, rows, writer::Step},
};
use crate::{
    domain::{
        app::{App, AppChange, AppKind, AppName, Origin, SecretChange},
        app_policy::AppPolicy,
    },
    store::{
        apps::{AppStore, Registered},
        error::StoreError,
    },
};

const FIND: &str = "SELECT name, secret_sha256, origins, policy, created_at FROM apps WHERE name = ?1";
const LIST: &str = "SELECT name, secret_sha256, origins, policy, created_at FROM apps ORDER BY name";
const CHANGE: &str = "UPDATE apps SET origins = coalesce(?2, origins),
        secret_sha256 = coalesce(CASE WHEN ?3 THEN secret_sha256 END, ?4),
        policy = json_patch(policy, ?6)
    WHERE name = ?1 AND (name <> 'default' OR ?4 IS NULL) AND (secret_sha256 IS NOT NULL OR NOT ?5)
    RETURNING name, secret_sha256, origins, policy, created_at";

impl SqliteStore {
    /// All that are in a file, which is not changed. Blocks.
    pub fn apps(path: &Path) -> Result<Vec<App>, StoreError> {
        select(&connection::read_only(path)?, LIST, [])
    }
}

#[async_trait]
impl AppStore for SqliteStore {
    async fn register(&self, app: &App) -> Result<Registered, StoreError> {
        let app = app.clone();
        self.writer.write(move |step| insert(step, &app)).await
    }

    async fn find(&self, name: &AppName) -> Result<Option<App>, StoreError> {
        let name = name.clone();
        self.readers.look_up(move |db| Ok(select(db, FIND, [name.as_str()])?.pop())).await
    }

    async fn list(&self) -> Result<Vec<App>, StoreError> {
        self.readers.read(|db| select(db, LIST, [])).await
    }

    async fn change(&self, name: &AppName, change: &AppChange) -> Result<Option<App>, StoreError> {
        let (name, change) = (name.clone(), change.clone());
        self.writer.write(move |step| update(step, &name, &change)).await
    }

    async fn remove(&self, name: &AppName) -> Result<bool, StoreError> {
        if *name == AppName::default_app() {
            return Ok(false);
        }
        let name = name.clone();
        self.writer.write(move |step| remove(step, &name)).await
    }
}

fn insert(step: &mut Step<'_>, app: &App) -> Result<Registered, StoreError> {
    let secret_sha256 = match &app.kind {
        AppKind::Public => None,
        AppKind::Confidential { secret_sha256 } => Some(secret_sha256),
    };
    let mut insert = step.db.prepare_cached(
        "INSERT INTO apps (name, secret_sha256, origins, policy, created_at) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (name) DO NOTHING",
    )?;
    let origins = rows::join(&app.origins, Origin::as_str);
    let (policy, created_at) = (app.policy.json(), app.created_at.millis());
    let inserted = insert.execute(params![app.name.as_str(), secret_sha256, origins, policy, created_at])?;
    Ok(if inserted > 0 { Registered::Yes } else { Registered::NameTaken })
}

fn update(step: &mut Step<'_>, name: &AppName, change: &AppChange) -> Result<Option<App>, StoreError> {
    let AppChange { origins, secret, policy } = change;
    let origins = origins.as_ref().map(|origins| rows::join(origins, Origin::as_str));
    let keeps = matches!(secret, SecretChange::Keep | SecretChange::Give(_));
    let renews = matches!(secret, SecretChange::Renew(_));
    let params = params![name.as_str(), origins, keeps, secret.new_secret(), renews, policy.patch()];
    Ok(select(step.db, CHANGE, params)?.pop())
}

fn remove(step: &mut Step<'_>, name: &AppName) -> Result<bool, StoreError> {
    let removed = step.db.prepare_cached("DELETE FROM apps WHERE name = ?1")?.execute([name.as_str()])?;
    Ok(removed > 0)
}

fn select(db: &Connection, sql: &str, params: impl Params) -> Result<Vec<App>, StoreError> {
    let mut query = db.prepare_cached(sql)?;
    let mut found = query.query(params)?;
    let mut apps = Vec::new();
    while let Some(row) = found.next()? {
        apps.push(app(row)?);
    }
    Ok(apps)
}

fn app(row: &Row<'_>) -> Result<App, StoreError> {
    let secret: Option<[u8; 32]> = rows::value(row, "apps.secret_sha256")?;
    Ok(App {
        name: rows::app_name(row, "apps.name")?,
        kind: secret.map_or(AppKind::Public, |secret_sha256| AppKind::Confidential { secret_sha256 }),
        origins: rows::list(row, "apps.origins", |text| Origin::parse(text).ok())?,
        policy: rows::parsed_by(row, "apps.policy", AppPolicy::read)?,
        created_at: rows::timestamp(row, "apps.created_at")?,
    })
}

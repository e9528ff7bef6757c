//! The steps in `migrations/postgres`, each in a transaction of its own and remembered in the table
//! `refinery_schema_history`. A step that was ever released is never changed.

use std::time::Duration;

use deadpool_postgres::Object;

use super::{
    errors,
    pool::{Pool, within},
};
use crate::store::{
    postgres::StoreError,
    schema::{Schema, SchemaStep, TooNew},
};

refinery::embed_migrations!("migrations/postgres");

/// Any number, as long as every node takes the same one: "keyward" in ASCII.
const LOCK: i64 = 0x6b_6579_7761_7264;

/// How long another node's steps, and then our own, may take.
const PATIENCE: Duration = Duration::from_mins(5);

const IS_MIGRATED: &str = "SELECT 1 WHERE to_regclass('refinery_schema_history') IS NOT NULL";
const TAKEN: &str = "SELECT version, 'V' || version || '__' || name FROM refinery_schema_history";

/// Steps that this role may not take, or cannot see that they were taken.
#[derive(Debug, thiserror::Error)]
#[error(
    "this role may not take {}: run `keyward migrate` with the URL of the tables' owner, and grant this one \
     what docs/operating.md says", .0.join(", ")
)]
pub(in crate::store::postgres) struct MayNot(pub(in crate::store::postgres) Vec<String>);

/// Takes the steps not taken yet, and returns their names. Where there are none, nothing but a right to
/// read is needed.
pub(in crate::store::postgres) async fn run(pool: &Pool) -> Result<Vec<String>, StoreError> {
    let steps = match state(pool).await? {
        Schema::Current => return Ok(Vec::new()),
        Schema::Ahead(steps) => return Err(errors::refused(TooNew(steps))),
        Schema::Missing(steps) | Schema::Behind(steps) => steps,
    };
    take(pool)
        .await
        .map_err(|error| if errors::is_forbidden(&error) { errors::refused(MayNot(steps)) } else { error })
}

async fn take(pool: &Pool) -> Result<Vec<String>, StoreError> {
    // The connection does not go back: closing it is what frees the lock, whatever happens.
    let mut connection = Object::take(pool.client().await?);
    within(PATIENCE, connection.execute("SELECT pg_advisory_lock($1)", &[&LOCK])).await?;
    let steps = migrations::runner();
    let steps = steps.run_async(&mut *connection);
    match tokio::time::timeout(PATIENCE, steps).await {
        Ok(Ok(report)) => Ok(report.applied_migrations().iter().map(ToString::to_string).collect()),
        Ok(Err(error)) => Err(errors::of_migration(error)),
        Err(elapsed) => Err(errors::away(elapsed)),
    }
}

/// How far the database has come.
pub(in crate::store::postgres) async fn state(pool: &Pool) -> Result<Schema, StoreError> {
    let mut taken = Vec::new();
    if !pool.query(IS_MIGRATED, &[]).await?.is_empty() {
        for row in pool.query(TAKEN, &[]).await? {
            let version = row.try_get(0).map_err(errors::of_statement)?;
            taken.push(SchemaStep { version, name: row.try_get(1).map_err(errors::of_statement)? });
        }
    }
    Ok(Schema::of(&known(), &taken))
}

const MAY_MAKE: &str = "\
    SELECT coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS may";

/// Whether this role may make tables.
pub(in crate::store::postgres) async fn may_take(pool: &Pool) -> Result<bool, StoreError> {
    let rows = pool.query(MAY_MAKE, &[]).await?;
    rows.first().map_or(Ok(false), |row| row.try_get("may")).map_err(errors::of_statement)
}

/// The tables that the steps make, and the one that says which were taken.
pub(in crate::store::postgres) fn tables() -> Vec<String> {
    let runner = migrations::runner();
    let texts = runner.get_migrations().iter().filter_map(|step| step.sql());
    let made = texts
        .flat_map(|sql| sql.split("CREATE TABLE ").skip(1).filter_map(|rest| rest.split_whitespace().next()));
    made.chain(["refinery_schema_history"]).map(str::to_owned).collect()
}

fn known() -> Vec<SchemaStep> {
    let runner = migrations::runner();
    let step = |step: &refinery::Migration| SchemaStep { version: step.version(), name: step.to_string() };
    let mut steps: Vec<SchemaStep> = runner.get_migrations().iter().map(step).collect();
    // They come in the order of their files' names, where the tenth is before the first.
    steps.sort_by_key(|step| step.version);
    steps
}

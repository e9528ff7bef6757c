//! The steps in `migrations/postgres`, each in a transaction of its own and remembered in the table
//! `refinery_schema_history`. A step that was ever released is never changed.

use std::{collections::BTreeSet, time::Duration};

use deadpool_postgres::Object;

use super::{
    StoreError, errors,
    pool::{Pool, within},
};

refinery::embed_migrations!("migrations/postgres");

/// Any number, as long as every node takes the same one: "keyward" in ASCII.
const LOCK: i64 = 0x6b_6579_7761_7264;

/// How long another node's steps, and then our own, may take.
const PATIENCE: Duration = Duration::from_mins(5);

/// Takes the steps not taken yet, and returns their names.
pub(super) async fn run(pool: &Pool) -> Result<Vec<String>, StoreError> {
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

/// The names of the steps that are not among `taken`.
pub(super) fn steps_not_in(taken: &BTreeSet<i32>) -> Vec<String> {
    let runner = migrations::runner();
    let missing = runner.get_migrations().iter().filter(|step| !taken.contains(&step.version()));
    missing.map(ToString::to_string).collect()
}

//! What an operator should know about the database; nothing here is changed.

use std::{collections::BTreeSet, time::Duration};

use super::{PostgresStore, StoreError, errors, schema};
use crate::domain::clock::{Clock, Timestamp};

/// How far the server's clock may be from ours.
const SKEW: Duration = Duration::from_secs(2);

const STATE: &str = "\
    SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now, \
           pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' AS read_only";

const IS_MIGRATED: &str = "SELECT 1 WHERE to_regclass('refinery_schema_history') IS NOT NULL";
const TAKEN: &str = "SELECT version FROM refinery_schema_history";

impl PostgresStore {
    /// A line for each thing to mend; empty when all is well.
    pub async fn advice(&self, clock: &dyn Clock) -> Result<Vec<String>, StoreError> {
        let before = clock.now();
        let state = self.pool.query(STATE, &[]).await?;
        let state = state.first().ok_or_else(|| errors::refused("no answer to a question"))?;
        let theirs = Timestamp::from_millis(state.try_get("now").map_err(errors::of_statement)?);
        let read_only: bool = state.try_get("read_only").map_err(errors::of_statement)?;

        let mut advice = Vec::new();
        if before.since(theirs) > SKEW || theirs.since(clock.now()) > SKEW {
            advice.push("its clock and ours are more than 2 s apart: set both by NTP".to_owned());
        }
        if read_only {
            advice.push("it takes no writes: point storage.database_url at the primary".to_owned());
        }
        Ok(advice)
    }

    /// The names of the migrations that the next start will take.
    pub async fn pending(&self) -> Result<Vec<String>, StoreError> {
        let mut taken = BTreeSet::new();
        if !self.pool.query(IS_MIGRATED, &[]).await?.is_empty() {
            for row in self.pool.query(TAKEN, &[]).await? {
                taken.insert(row.try_get(0).map_err(errors::of_statement)?);
            }
        }
        Ok(schema::steps_not_in(&taken))
    }
}

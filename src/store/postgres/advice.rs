//! What an operator should know about the database; nothing here is changed.

use std::time::Duration;

use tokio_postgres::Row;

use super::{
    PostgresStore, StoreError,
    engine::{errors, pool::CONNECTIONS, schema},
};
use crate::{
    domain::clock::{Clock, Timestamp},
    store::schema::Schema,
};

/// How far the server's clock may be from ours.
const SKEW: Duration = Duration::from_secs(2);

const STATE: &str = "\
    SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now, \
           pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' AS read_only, \
           current_setting('server_encoding') AS encoding, \
           current_setting('synchronous_commit') = 'off' AS forgets, \
           least(nullif((SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user), -1), \
                 nullif((SELECT datconnlimit FROM pg_database WHERE datname = current_database()), -1), \
                 current_setting('max_connections')::int \
                     - current_setting('superuser_reserved_connections')::int) AS connections";

/// What of the database is not as it should be, whatever is in it.
fn of_form(state: &Row) -> Result<Vec<String>, StoreError> {
    let encoding: String = state.try_get("encoding").map_err(errors::of_statement)?;
    let forgets: bool = state.try_get("forgets").map_err(errors::of_statement)?;
    let connections: i32 = state.try_get("connections").map_err(errors::of_statement)?;
    let mut advice = Vec::new();
    if encoding != "UTF8" {
        advice.push(format!("its encoding is {encoding}: make the database with ENCODING 'UTF8'"));
    }
    if forgets {
        advice.push(
            "synchronous_commit is off: a crash forgets the last changes, such as that somebody was disabled; set it on"
                .to_owned(),
        );
    }
    if usize::try_from(connections).is_ok_and(|connections| connections < CONNECTIONS) {
        advice.push(format!(
            "it gives this role {connections} connections, and each node takes up to {CONNECTIONS}: raise \
             max_connections, or the CONNECTION LIMIT of the role or the database"
        ));
    }
    Ok(advice)
}

/// Tables and what the role may not do with them, of all that a server does.
const FORBIDDEN: &str = "\
    SELECT name, string_agg(verb, ', ' ORDER BY verb) AS verbs \
    FROM unnest($1::text[]) AS name, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS verb \
    WHERE (name <> 'refinery_schema_history' OR verb = 'SELECT') \
      AND to_regclass(name) IS NOT NULL AND NOT has_table_privilege(to_regclass(name), verb) \
    GROUP BY name ORDER BY name";

impl PostgresStore {
    /// A line for each thing to mend; empty when all is well.
    pub async fn advice(&self, clock: &dyn Clock) -> Result<Vec<String>, StoreError> {
        let before = clock.now();
        let state = self.pool.query(STATE, &[]).await?;
        let state = state.first().ok_or_else(|| errors::refused("no answer to a question"))?;
        let theirs = Timestamp::from_millis(state.try_get("now").map_err(errors::of_statement)?);
        let read_only: bool = state.try_get("read_only").map_err(errors::of_statement)?;

        let mut advice = of_form(state)?;
        if before.since(theirs) > SKEW || theirs.since(clock.now()) > SKEW {
            advice.push("its clock and ours are more than 2 s apart: set both by NTP".to_owned());
        }
        if read_only {
            advice.push("it takes no writes: point storage.database_url at the primary".to_owned());
        }
        advice.extend(self.forbidden().await?);
        Ok(advice)
    }

    /// How far the database has come on the way of the migrations.
    pub async fn schema(&self) -> Result<Schema, StoreError> {
        schema::state(&self.pool).await
    }

    /// Whether this role may take migrations.
    pub async fn may_migrate(&self) -> Result<bool, StoreError> {
        schema::may_take(&self.pool).await
    }

    /// What to say of `steps` where it may not.
    #[must_use]
    pub fn may_not(steps: &[String]) -> String {
        schema::MayNot(steps.to_vec()).to_string()
    }

    /// What the role is not granted, a line for each table.
    async fn forbidden(&self) -> Result<Vec<String>, StoreError> {
        let mut lines = Vec::new();
        for row in self.pool.query(FORBIDDEN, &[&schema::tables()]).await? {
            let table: String = row.try_get("name").map_err(errors::of_statement)?;
            let verbs: String = row.try_get("verbs").map_err(errors::of_statement)?;
            lines.push(format!("its role lacks rights: GRANT {verbs} ON {table} as the owner"));
        }
        Ok(lines)
    }
}

//! [`OnceStore`] in SQLite: a row of the table `once`. Of a file that is a copy put back nobody knows what was spent
//! since the copy was made: all that was handed out before it is opened counts as spent.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::{SqliteStore, engine::errors::corrupt};
use crate::{
    domain::clock::Timestamp,
    store::{
        error::StoreError,
        once::{OnceStore, Spending, Spent},
    },
};

const SPEND: &str = "INSERT INTO once (key, until, outcome) VALUES (?1, ?2, ?3)
    ON CONFLICT (key) DO UPDATE SET until = excluded.until, outcome = excluded.outcome WHERE until <= ?4";
const OUTCOME: &str = "SELECT outcome FROM once WHERE key = ?1";

const IS_KEPT: &str = "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'installation')";
const MARK_COPY: &str = "INSERT OR REPLACE INTO installation (name, value) VALUES ('copied', '')";
const IS_COPY: &str = "SELECT EXISTS (SELECT 1 FROM installation WHERE name = 'copied')";
const PUT_BACK: &str = "INSERT OR REPLACE INTO installation (name, value) VALUES ('put_back_at', ?1)";
const UNMARK: &str = "DELETE FROM installation WHERE name = 'copied'";
const PUT_BACK_AT: &str = "SELECT value FROM installation WHERE name = 'put_back_at'";

#[async_trait]
impl OnceStore for SqliteStore {
    async fn spend(&self, spending: &Spending, now: Timestamp) -> Result<Spent, StoreError> {
        let spending = spending.clone();
        self.writer.write(move |step| spend(step.db, &spending, now)).await
    }
}

/// One step of the only writer.
fn spend(db: &Connection, spending: &Spending, now: Timestamp) -> Result<Spent, StoreError> {
    if put_back_at(db)?.is_some_and(|moment| spending.made_at <= moment) {
        return Ok(Spent::Before(String::new()));
    }
    let (key, kept_until) = (spending.key.as_bytes(), spending.kept_until().millis());
    let spent =
        db.prepare_cached(SPEND)?.execute(params![key, kept_until, spending.outcome, now.millis()])?;
    if spent > 0 {
        return Ok(Spent::First);
    }
    Ok(Spent::Before(db.prepare_cached(OUTCOME)?.query_row([key], |row| row.get(0))?))
}

fn put_back_at(db: &Connection) -> Result<Option<Timestamp>, StoreError> {
    let text: Option<String> = db.prepare_cached(PUT_BACK_AT)?.query_row([], |row| row.get(0)).optional()?;
    let unreadable = || corrupt("installation.value", "put_back_at".to_owned());
    text.map(|text| text.parse().map(Timestamp::from_millis).map_err(|_| unreadable())).transpose()
}

/// Notes in a copy that it is one. A file of before there were such notes holds nothing that was spent, either.
pub(in crate::store::sqlite) fn mark_copy(copy: &Connection) -> rusqlite::Result<()> {
    let is_kept: bool = copy.query_row(IS_KEPT, [], |row| row.get(0))?;
    if is_kept { copy.execute(MARK_COPY, []).map(drop) } else { Ok(()) }
}

/// Notes when a copy was put back in the place of the database: that is now, where it is one.
pub(in crate::store::sqlite) fn note_put_back(db: &mut Connection, now: Timestamp) -> rusqlite::Result<()> {
    // Looked at first: a start that has nothing to note writes nothing.
    if !db.query_row(IS_COPY, [], |row| row.get(0))? {
        return Ok(());
    }
    let transaction = db.transaction()?;
    transaction.execute(PUT_BACK, [now.millis().to_string()])?;
    transaction.execute(UNMARK, [])?;
    transaction.commit()
}

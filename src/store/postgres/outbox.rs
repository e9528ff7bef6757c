//! [`OutboxStore`] in PostgreSQL: a row of the table `mails`, one statement a verb.

use async_trait::async_trait;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::{
    PostgresStore, StoreError,
    engine::{errors, rows},
};
use crate::{
    domain::{
        clock::Timestamp,
        mail::{Mail, MailId, Recipient},
    },
    store::outbox::{KeptMail, MailCounts, OutboxStore, Posted},
};

/// No more rows are counted than may wait.
const POST: &str = "\
    INSERT INTO mails (id, kind, identifier, user_id, address, version, app, created_at, until, due_at, attempts, \
    is_dead) SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $8, 0, false \
    WHERE (SELECT count(*) FROM (SELECT FROM mails WHERE NOT is_dead LIMIT $10) AS waiting) < $10 \
    ON CONFLICT (id) DO NOTHING";
const IS_THERE: &str = "SELECT FROM mails WHERE id = $1";
const DUE: &str = "SELECT * FROM mails WHERE NOT is_dead AND due_at <= $1 ORDER BY due_at LIMIT $2";
const CLAIM: &str = "\
    UPDATE mails SET attempts = attempts + 1, due_at = $3 WHERE id = $1 AND attempts = $2 AND NOT is_dead";
const FAIL: &str = "UPDATE mails SET failure = $2, is_dead = $3 WHERE id = $1";
const REMOVE: &str = "DELETE FROM mails WHERE id = $1";
const RETRY: &str =
    "UPDATE mails SET is_dead = false, due_at = $2, until = greatest(until, $3) WHERE id = $1";
const LIST: &str = "SELECT * FROM mails WHERE id > $1 ORDER BY id LIMIT $2";
const COUNT: &str = "\
    SELECT count(*) FILTER (WHERE NOT is_dead) AS waiting, count(*) FILTER (WHERE is_dead) AS dead FROM mails";
const FORGET: &str = "\
    DELETE FROM mails WHERE is_dead AND (id < $1 OR id <= \
        (SELECT id FROM mails WHERE is_dead ORDER BY id DESC LIMIT 1 OFFSET $2)) \
    AND id IN (SELECT id FROM mails WHERE is_dead ORDER BY id LIMIT $3)";

#[async_trait]
impl OutboxStore for PostgresStore {
    async fn post(&self, mail: &Mail, most: u32) -> Result<Posted, StoreError> {
        let (identifier, user, address, version) = match &mail.recipient {
            Recipient::Named(identifier) => (Some(identifier.as_str()), None, None, None),
            Recipient::User(user) => (None, Some(user.uuid()), None, None),
            Recipient::At { user, address, version } => {
                (None, Some(user.uuid()), Some(address.as_str()), Some(i64::from(*version)))
            }
        };
        let id = mail.id.uuid();
        let taken = self
            .pool
            .execute(
                POST,
                &[
                    &id,
                    &mail.kind.as_str(),
                    &identifier,
                    &user,
                    &address,
                    &version,
                    &mail.app.as_str(),
                    &mail.created_at.millis(),
                    &mail.until.millis(),
                    &i64::from(most),
                ],
            )
            .await?;
        // Where nothing was written it is there, or there is no room.
        let is_there = taken > 0 || !self.pool.query(IS_THERE, &[&id]).await?.is_empty();
        Ok(if is_there { Posted::Taken } else { Posted::Full })
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<Mail>, StoreError> {
        let found = self.pool.query(DUE, &[&now.millis(), &i64::from(limit)]).await?;
        found.iter().map(|row| rows::mail(row).map(|kept| kept.mail)).collect()
    }

    async fn claim(&self, mail: &Mail, again_at: Timestamp) -> Result<bool, StoreError> {
        let (id, attempts) = (mail.id.uuid(), i64::from(mail.attempts));
        Ok(self.pool.execute(CLAIM, &[&id, &attempts, &again_at.millis()]).await? == 1)
    }

    async fn note_failure(&self, id: MailId, failure: &str, is_dead: bool) -> Result<(), StoreError> {
        self.pool.execute(FAIL, &[&id.uuid(), &failure, &is_dead]).await.map(drop)
    }

    async fn remove_mail(&self, id: MailId) -> Result<bool, StoreError> {
        Ok(self.pool.execute(REMOVE, &[&id.uuid()]).await? == 1)
    }

    async fn retry(&self, id: MailId, now: Timestamp, until: Timestamp) -> Result<bool, StoreError> {
        Ok(self.pool.execute(RETRY, &[&id.uuid(), &now.millis(), &until.millis()]).await? == 1)
    }

    async fn list_mails(&self, after: Option<MailId>, limit: u32) -> Result<Vec<KeptMail>, StoreError> {
        let after = after.map_or(Uuid::nil(), MailId::uuid);
        let found = self.pool.query(LIST, &[&after, &i64::from(limit)]).await?;
        found.iter().map(rows::mail).collect()
    }

    async fn count_mails(&self) -> Result<MailCounts, StoreError> {
        let found = self.pool.query(COUNT, &[]).await?;
        let row = found.first().ok_or_else(|| errors::refused("no answer to a question"))?;
        let count = |column: &str| row.try_get::<_, i64>(column).map_err(errors::of_statement);
        let [waiting, dead] =
            [count("waiting")?, count("dead")?].map(|count| u64::try_from(count).unwrap_or(0));
        Ok(MailCounts { waiting, dead })
    }

    async fn forget_dead(&self, before: Timestamp, most: u32, limit: u32) -> Result<u64, StoreError> {
        let first = MailId::first_at(before).uuid();
        self.pool.execute(FORGET, &[&first, &i64::from(most), &i64::from(limit)]).await
    }
}

/// The part of a statement that has the notice of a change wait, for the `user_id` of those rows: the values of a
/// [`NoticeRow`] are the first six of that statement.
macro_rules! told {
    ($rows:literal) => {
        concat!(
            "told AS (INSERT INTO mails (id, kind, user_id, address, version, app, created_at, until, due_at, \
             attempts, is_dead) SELECT $1, $2, user_id, $3, 0, $4, $5, $6, $5, 0, false FROM ",
            $rows,
            " WHERE $1::uuid IS NOT NULL)"
        )
    };
}
pub(super) use told;

/// The mail that tells a user of a change, as values of the statement that makes it; NULL = there is none.
pub(super) struct NoticeRow<'a> {
    id: Option<Uuid>,
    kind: Option<&'static str>,
    address: Option<&'a str>,
    app: Option<&'a str>,
    created_at: Option<i64>,
    until: Option<i64>,
}

impl<'a> NoticeRow<'a> {
    pub(super) fn of(notice: Option<&'a Mail>) -> Self {
        let address = notice.and_then(|mail| match &mail.recipient {
            Recipient::At { address, .. } => Some(address.as_str()),
            Recipient::Named(_) | Recipient::User(_) => None,
        });
        Self {
            id: notice.map(|mail| mail.id.uuid()),
            kind: notice.map(|mail| mail.kind.as_str()),
            address,
            app: notice.map(|mail| mail.app.as_str()),
            created_at: notice.map(|mail| mail.created_at.millis()),
            until: notice.map(|mail| mail.until.millis()),
        }
    }

    pub(super) fn parameters(&self) -> [&(dyn ToSql + Sync); 6] {
        [&self.id, &self.kind, &self.address, &self.app, &self.created_at, &self.until]
    }
}

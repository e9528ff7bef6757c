//! [`OutboxStore`] in SQLite: a row of the table `mails`.

use async_trait::async_trait;
use rusqlite::{Connection, Params, Row, params};
use uuid::Uuid;

use super::{SqliteStore, engine::rows};
use crate::{
    domain::{
        clock::Timestamp,
        ids::UserId,
        mail::{Mail, MailId, Recipient},
        user::Email,
    },
    store::{
        error::StoreError,
        outbox::{KeptMail, MailCounts, OutboxStore, Posted},
    },
};

/// No more rows are counted than may wait.
const POST: &str =
    "INSERT INTO mails (id, kind, identifier, user_id, address, version, app, created_at, until,
        due_at, attempts, is_dead)
    SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?8, 0, 0
    WHERE (SELECT count(*) FROM (SELECT 1 FROM mails WHERE is_dead = 0 LIMIT ?10)) < ?10
    ON CONFLICT (id) DO NOTHING";
const IS_THERE: &str = "SELECT EXISTS (SELECT 1 FROM mails WHERE id = ?1)";
const DUE: &str =
    "SELECT id, kind, identifier, user_id, address, version, app, created_at, until, due_at, attempts,
        is_dead, failure FROM mails
    WHERE is_dead = 0 AND due_at <= ?1 ORDER BY due_at LIMIT ?2";
const CLAIM: &str = "UPDATE mails SET attempts = attempts + 1, due_at = ?3
    WHERE id = ?1 AND attempts = ?2 AND is_dead = 0";
const FAIL: &str = "UPDATE mails SET failure = ?2, is_dead = ?3 WHERE id = ?1";
const REMOVE: &str = "DELETE FROM mails WHERE id = ?1";
const RETRY: &str = "UPDATE mails SET is_dead = 0, due_at = ?2, until = max(until, ?3) WHERE id = ?1";
const LIST: &str =
    "SELECT id, kind, identifier, user_id, address, version, app, created_at, until, due_at, attempts,
        is_dead, failure FROM mails
    WHERE id > ?1 ORDER BY id LIMIT ?2";
const COUNT: &str =
    "SELECT count(*) FILTER (WHERE is_dead = 0), count(*) FILTER (WHERE is_dead = 1) FROM mails";
const FORGET: &str = "DELETE FROM mails WHERE is_dead = 1 AND (id < ?1 OR id <= coalesce(
        (SELECT id FROM mails WHERE is_dead = 1 ORDER BY id DESC LIMIT 1 OFFSET ?2), x''))
    AND id IN (SELECT id FROM mails WHERE is_dead = 1 ORDER BY id LIMIT ?3)";

#[async_trait]
impl OutboxStore for SqliteStore {
    async fn post(&self, mail: &Mail, most: u32) -> Result<Posted, StoreError> {
        let mail = mail.clone();
        self.writer.write(move |step| post(step.db, &mail, most)).await
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<Mail>, StoreError> {
        let due = self.readers.read(move |db| list(db, DUE, params![now.millis(), limit])).await?;
        Ok(due.into_iter().map(|kept| kept.mail).collect())
    }

    async fn claim(&self, mail: &Mail, again_at: Timestamp) -> Result<bool, StoreError> {
        let (id, attempts) = (mail.id, mail.attempts);
        self.writer
            .write(move |step| {
                let mut claim = step.db.prepare_cached(CLAIM)?;
                Ok(claim.execute(params![id.uuid(), attempts, again_at.millis()])? > 0)
            })
            .await
    }

    async fn note_failure(&self, id: MailId, failure: &str, is_dead: bool) -> Result<(), StoreError> {
        let failure = failure.to_owned();
        self.writer
            .write(move |step| {
                step.db.prepare_cached(FAIL)?.execute(params![id.uuid(), failure, is_dead])?;
                Ok(())
            })
            .await
    }

    async fn remove_mail(&self, id: MailId) -> Result<bool, StoreError> {
        self.writer.write(move |step| Ok(step.db.prepare_cached(REMOVE)?.execute([id.uuid()])? > 0)).await
    }

    async fn retry(&self, id: MailId, now: Timestamp, until: Timestamp) -> Result<bool, StoreError> {
        self.writer
            .write(move |step| {
                let mut retry = step.db.prepare_cached(RETRY)?;
                Ok(retry.execute(params![id.uuid(), now.millis(), until.millis()])? > 0)
            })
            .await
    }

    async fn list_mails(&self, after: Option<MailId>, limit: u32) -> Result<Vec<KeptMail>, StoreError> {
        let after = after.map_or_else(Vec::new, |id| id.uuid().into_bytes().to_vec());
        self.readers.read(move |db| list(db, LIST, params![after, limit])).await
    }

    async fn count_mails(&self) -> Result<MailCounts, StoreError> {
        self.readers
            .read(|db| {
                let counts = |row: &Row<'_>| Ok([row.get::<_, i64>(0)?, row.get(1)?]);
                let counts = db.prepare_cached(COUNT)?.query_row([], counts)?;
                let [waiting, dead] = counts.map(|count| u64::try_from(count).unwrap_or(0));
                Ok(MailCounts { waiting, dead })
            })
            .await
    }

    async fn forget_dead(&self, before: Timestamp, most: u32, limit: u32) -> Result<u64, StoreError> {
        let first = MailId::first_at(before);
        self.writer
            .write(move |step| {
                let gone = step.db.prepare_cached(FORGET)?.execute(params![first.uuid(), most, limit])?;
                Ok(u64::try_from(gone).unwrap_or(u64::MAX))
            })
            .await
    }
}

/// Has a mail wait, in a transaction that is under way.
pub(super) fn post(db: &Connection, mail: &Mail, most: u32) -> Result<Posted, StoreError> {
    let (identifier, user, address, version) = match &mail.recipient {
        Recipient::Named(identifier) => (Some(identifier.as_str()), None, None, None),
        Recipient::User(user) => (None, Some(user.uuid()), None, None),
        Recipient::At { user, address, version } => {
            (None, Some(user.uuid()), Some(address.as_str()), Some(*version))
        }
    };
    let taken = db.prepare_cached(POST)?.execute(params![
        mail.id.uuid(),
        mail.kind.as_str(),
        identifier,
        user,
        address,
        version,
        mail.app.as_str(),
        mail.created_at.millis(),
        mail.until.millis(),
        most,
    ])?;
    // Where nothing was written it is there, or there is no room.
    let is_there = taken > 0 || db.prepare_cached(IS_THERE)?.query_row([mail.id.uuid()], |row| row.get(0))?;
    Ok(if is_there { Posted::Taken } else { Posted::Full })
}

fn list(db: &Connection, sql: &str, params: impl Params) -> Result<Vec<KeptMail>, StoreError> {
    let mut query = db.prepare_cached(sql)?;
    let mut found = query.query(params)?;
    let mut listed = Vec::new();
    while let Some(row) = found.next()? {
        listed.push(kept(row)?);
    }
    Ok(listed)
}

fn kept(row: &Row<'_>) -> Result<KeptMail, StoreError> {
    let id: Uuid = rows::value(row, "mails.id")?;
    Ok(KeptMail {
        mail: Mail {
            id: MailId::from_uuid(id),
            kind: rows::parsed(row, "mails.kind")?,
            recipient: recipient(row)?,
            app: rows::app_name(row, "mails.app")?,
            created_at: rows::timestamp(row, "mails.created_at")?,
            until: rows::timestamp(row, "mails.until")?,
            attempts: rows::value(row, "mails.attempts")?,
        },
        due_at: rows::timestamp(row, "mails.due_at")?,
        is_dead: rows::value(row, "mails.is_dead")?,
        failure: rows::value(row, "mails.failure")?,
    })
}

fn recipient(row: &Row<'_>) -> Result<Recipient, StoreError> {
    let identifier: Option<String> = rows::value(row, "mails.identifier")?;
    if let Some(identifier) = identifier {
        return Ok(Recipient::Named(identifier));
    }
    let user: UserId = rows::user_id(row, "mails.user_id")?;
    match rows::optional(row, "mails.address", |text| Email::known(text).ok())? {
        None => Ok(Recipient::User(user)),
        Some(address) => {
            let version: Option<u32> = rows::value(row, "mails.version")?;
            Ok(Recipient::At { user, address, version: version.unwrap_or(0) })
        }
    }
}

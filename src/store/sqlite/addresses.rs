//! [`AddressStore`] in SQLite: `users.email` and the table `email_changes`. In a step of the only writer nothing comes
//! between a look and the change that it decides.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    SqliteStore,
    accounts::{NAME, VERIFIED_BY_EMAIL, find, insert},
    engine::{rows, writer::Step},
    outbox,
};
use crate::{
    domain::{
        clock::Timestamp,
        ids::UserId,
        mail::{Mail, Recipient},
        user::{Account, Email},
    },
    store::{
        accounts::Created,
        addresses::{AddressStore, EmailConfirmed, EmailSet, EmailUndone, FirstAddress, PendingEmail},
        error::StoreError,
    },
};

const IS_TAKEN: &str = "SELECT EXISTS (SELECT 1 FROM users
    WHERE lower(email) = lower(?2) AND email_verified = 1 AND id <> ?1)";
const SET: &str = "UPDATE users SET email = ?2, email_verified = ?3 WHERE id = ?1";
const FORMER: &str =
    "SELECT email FROM users WHERE id = ?1 AND email_verified = 1 AND lower(email) <> lower(?2)";
const FIRST: &str =
    "INSERT INTO email_changes (user_id, version, pending, pending_until, opens) VALUES (?1, 1, ?2, ?3, ?4)";
/// Nothing is pending from here on.
const NEXT: &str = "INSERT INTO email_changes (user_id, version) VALUES (?1, 1)
    ON CONFLICT (user_id) DO UPDATE SET version = version + 1, pending = NULL, pending_until = NULL, opens = 0
    RETURNING version";
const PROPOSE: &str = "INSERT INTO email_changes (user_id, version, pending, pending_until)
    SELECT id, 1, ?2, ?3 FROM users WHERE id = ?1
    ON CONFLICT (user_id) DO UPDATE SET version = version + 1, pending = ?2, pending_until = ?3
    RETURNING version";
const PENDING: &str = "SELECT user_id, pending, pending_until, version, opens FROM email_changes
    WHERE user_id = ?1 AND pending IS NOT NULL AND pending_until > ?2";
const CAN_BE_UNDONE: &str = "SELECT EXISTS (SELECT 1 FROM email_changes
    WHERE user_id = ?1 AND settled < ?2 AND version >= ?2)";
const SETTLE: &str = "UPDATE email_changes SET settled = version WHERE user_id = ?1";
const DROP: &str = "UPDATE email_changes SET version = version + 1, pending = NULL, pending_until = NULL
    WHERE user_id = ?1 AND pending IS NOT NULL";

#[async_trait]
impl AddressStore for SqliteStore {
    async fn sign_up(&self, account: &Account, first: &FirstAddress) -> Result<Created, StoreError> {
        let (account, first) = (account.clone(), first.clone());
        self.writer.write(move |step| sign_up(step, &account, &first)).await
    }

    async fn by_email(&self, address: &Email) -> Result<Option<Account>, StoreError> {
        let address = address.as_str().to_owned();
        self.readers.look_up(move |db| find(db, VERIFIED_BY_EMAIL, [address])).await
    }

    async fn set_email(
        &self,
        id: UserId,
        email: Option<&Email>,
        verified: bool,
    ) -> Result<EmailSet, StoreError> {
        let email = email.cloned();
        self.writer.write(move |step| set_email(step, id, email.as_ref(), verified)).await
    }

    async fn propose_email(
        &self,
        id: UserId,
        address: &Email,
        until: Timestamp,
    ) -> Result<Option<u32>, StoreError> {
        let address = address.as_str().to_owned();
        self.writer
            .write(move |step| {
                let mut propose = step.db.prepare_cached(PROPOSE)?;
                let values = params![id.uuid(), address, until.millis()];
                Ok(propose.query_row(values, |row| row.get(0)).optional()?)
            })
            .await
    }

    async fn pending_email(&self, id: UserId, now: Timestamp) -> Result<Option<PendingEmail>, StoreError> {
        self.readers.look_up(move |db| pending(db, id, now)).await
    }

    async fn confirm_email(
        &self,
        id: UserId,
        version: u32,
        notice: &Mail,
    ) -> Result<EmailConfirmed, StoreError> {
        let notice = notice.clone();
        self.writer.write(move |step| confirm(step, id, version, notice)).await
    }

    async fn undo_email(
        &self,
        id: UserId,
        version: u32,
        former: &Email,
        notice: &Mail,
    ) -> Result<EmailUndone, StoreError> {
        let (former, notice) = (former.clone(), notice.clone());
        self.writer.write(move |step| undo(step, id, version, &former, &notice)).await
    }

    async fn drop_pending(&self, id: UserId) -> Result<(), StoreError> {
        self.writer
            .write(move |step| {
                step.db.prepare_cached(DROP)?.execute([id.uuid()])?;
                Ok(())
            })
            .await
    }
}

fn sign_up(step: &mut Step<'_>, account: &Account, first: &FirstAddress) -> Result<Created, StoreError> {
    if !insert(step, account, false, NAME)? {
        return Ok(Created::NameTaken);
    }
    let user = &account.user;
    if let Some(address) = &user.email {
        let values = params![user.id.uuid(), address.as_str(), first.until.millis(), first.opens];
        step.db.prepare_cached(FIRST)?.execute(values)?;
    }
    if let Some(mail) = &first.mail {
        outbox::post(step.db, mail, u32::MAX)?;
    }
    Ok(Created::Yes)
}

fn set_email(
    step: &mut Step<'_>,
    id: UserId,
    email: Option<&Email>,
    verified: bool,
) -> Result<EmailSet, StoreError> {
    if let Some(email) = email.filter(|_| verified)
        && is_taken(step.db, id, email)?
    {
        return Ok(EmailSet::Taken);
    }
    if !write(step.db, id, email, verified)? {
        return Ok(EmailSet::NotFound);
    }
    next(step.db, id)?;
    // What an operator says stands: no link undoes it, nor what was before.
    step.db.prepare_cached(SETTLE)?.execute([id.uuid()])?;
    Ok(EmailSet::Yes)
}

fn confirm(
    step: &mut Step<'_>,
    id: UserId,
    version: u32,
    notice: Mail,
) -> Result<EmailConfirmed, StoreError> {
    let pending = pending(step.db, id, notice.created_at)?;
    let Some(PendingEmail { address, .. }) = pending.filter(|pending| pending.version == version) else {
        return Ok(EmailConfirmed::Spent);
    };
    if is_taken(step.db, id, &address)? {
        return Ok(EmailConfirmed::Taken);
    }
    let mut former = step.db.prepare_cached(FORMER)?;
    let former = former.query_row(params![id.uuid(), address.as_str()], |row| row.get::<_, String>(0));
    // One that cannot be written to need not be told.
    let former = former.optional()?.and_then(|text| Email::known(&text).ok());
    if !write(step.db, id, Some(&address), true)? {
        return Ok(EmailConfirmed::Spent);
    }
    let version = next(step.db, id)?;
    if let Some(address) = former {
        let recipient = Recipient::At { user: id, address, version };
        outbox::post(step.db, &Mail { recipient, ..notice }, u32::MAX)?;
    }
    Ok(EmailConfirmed::Yes)
}

fn undo(
    step: &mut Step<'_>,
    id: UserId,
    version: u32,
    former: &Email,
    notice: &Mail,
) -> Result<EmailUndone, StoreError> {
    let mut can_be_undone = step.db.prepare_cached(CAN_BE_UNDONE)?;
    if !can_be_undone.query_row(params![id.uuid(), version], |row| row.get(0))? {
        return Ok(EmailUndone::Spent);
    }
    if is_taken(step.db, id, former)? {
        return Ok(EmailUndone::Taken);
    }
    if !write(step.db, id, Some(former), true)? {
        return Ok(EmailUndone::Spent);
    }
    next(step.db, id)?;
    step.db.prepare_cached(SETTLE)?.execute([id.uuid()])?;
    outbox::post(step.db, notice, u32::MAX)?;
    Ok(EmailUndone::Yes)
}

fn is_taken(db: &Connection, id: UserId, email: &Email) -> Result<bool, StoreError> {
    let mut taken = db.prepare_cached(IS_TAKEN)?;
    Ok(taken.query_row(params![id.uuid(), email.as_str()], |row| row.get(0))?)
}

fn write(db: &Connection, id: UserId, email: Option<&Email>, verified: bool) -> Result<bool, StoreError> {
    let email = email.map(Email::as_str);
    Ok(db.prepare_cached(SET)?.execute(params![id.uuid(), email, verified])? > 0)
}

fn next(db: &Connection, id: UserId) -> Result<u32, StoreError> {
    Ok(db.prepare_cached(NEXT)?.query_row([id.uuid()], |row| row.get(0))?)
}

fn pending(db: &Connection, id: UserId, now: Timestamp) -> Result<Option<PendingEmail>, StoreError> {
    let mut query = db.prepare_cached(PENDING)?;
    let mut found = query.query(params![id.uuid(), now.millis()])?;
    let Some(row) = found.next()? else { return Ok(None) };
    Ok(Some(PendingEmail {
        address: rows::parsed_by(row, "email_changes.pending", |text| Email::known(text).ok())?,
        version: rows::value(row, "email_changes.version")?,
        until: rows::timestamp(row, "email_changes.pending_until")?,
        opens: rows::value(row, "email_changes.opens")?,
    }))
}

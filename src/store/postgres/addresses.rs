//! [`AddressStore`] in PostgreSQL: `users.email` and the table `email_changes`. Whoever may take an address waits for
//! those before, and is one statement.

use async_trait::async_trait;
use tokio_postgres::{Row, types::ToSql};

use super::{
    PostgresStore, StoreError,
    account_rows::AccountRow,
    accounts::{LOCK_IMPORTS, one},
    engine::{errors, rows},
};
use crate::{
    domain::{
        clock::Timestamp,
        ids::UserId,
        mail::{Mail, MailKind},
        user::{Account, Email},
    },
    store::{
        accounts::Created,
        addresses::{AddressStore, EmailConfirmed, EmailSet, EmailUndone, FirstAddress, PendingEmail},
    },
};

/// By the index of verified addresses.
const BY_EMAIL: &str = "\
    SELECT id, username, email, email_verified, roles, roles_at, status, password_hash, pardons, locale, \
    created_at FROM users WHERE lower(email COLLATE \"C\") = lower($1::text COLLATE \"C\") AND email_verified";

const SIGN_UP: &str = "\
    WITH made AS (INSERT INTO users (id, username, username_key, email, email_verified, roles, roles_at, status, \
                  password_hash, locale, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
                  ON CONFLICT (username_key) DO NOTHING RETURNING id, email), \
    noted AS (INSERT INTO email_changes (user_id, version, pending, pending_until, opens) \
              SELECT id, 1, email, $12, $13 FROM made WHERE email IS NOT NULL), \
    told AS (INSERT INTO mails (id, kind, user_id, address, version, app, created_at, until, due_at, attempts, is_dead) \
             SELECT $14, $15, id, email, 1, $16, $17, $18, $17, 0, false FROM made WHERE $14::uuid IS NOT NULL) \
    SELECT FROM made";

const SET: &str = "\
    WITH taken AS (SELECT FROM users WHERE $3::boolean AND email_verified AND id <> $1 \
                   AND lower(email COLLATE \"C\") = lower($2::text COLLATE \"C\")), \
    done AS (UPDATE users SET email = $2, email_verified = $3 WHERE id = $1 AND NOT EXISTS (SELECT FROM taken) \
             RETURNING id), \
    noted AS (INSERT INTO email_changes (user_id, version, settled) SELECT id, 1, 1 FROM done \
              ON CONFLICT (user_id) DO UPDATE SET version = email_changes.version + 1, pending = NULL, \
              pending_until = NULL, opens = false, settled = email_changes.version + 1) \
    SELECT EXISTS (SELECT FROM taken) AS is_taken, EXISTS (SELECT FROM done) AS is_done";

const PROPOSE: &str = "\
    INSERT INTO email_changes (user_id, version, pending, pending_until) \
    SELECT id, 1, $2, $3 FROM users WHERE id = $1 \
    ON CONFLICT (user_id) DO UPDATE SET version = email_changes.version + 1, pending = excluded.pending, \
    pending_until = excluded.pending_until RETURNING version";

const PENDING: &str = "\
    SELECT pending, pending_until, version, opens FROM email_changes \
    WHERE user_id = $1 AND pending IS NOT NULL AND pending_until > $2";

const CONFIRM: &str = "\
    WITH asked AS (SELECT pending FROM email_changes WHERE user_id = $1 AND version = $2 \
                   AND pending IS NOT NULL AND pending_until > $3), \
    taken AS (SELECT FROM users, asked WHERE email_verified AND id <> $1 \
              AND lower(email COLLATE \"C\") = lower(pending COLLATE \"C\")), \
    former AS (SELECT email FROM users, asked WHERE id = $1 AND email_verified \
               AND lower(email COLLATE \"C\") <> lower(pending COLLATE \"C\")), \
    done AS (UPDATE users SET email = pending, email_verified = true FROM asked \
             WHERE id = $1 AND NOT EXISTS (SELECT FROM taken) RETURNING id), \
    noted AS (UPDATE email_changes SET version = version + 1, pending = NULL, pending_until = NULL, opens = false \
              WHERE user_id IN (SELECT id FROM done) RETURNING version), \
    told AS (INSERT INTO mails (id, kind, user_id, address, version, app, created_at, until, due_at, attempts, is_dead) \
             SELECT $4, $5, $1, email, version, $6, $3, $7, $3, 0, false FROM former, noted) \
    SELECT EXISTS (SELECT FROM taken) AS is_taken, EXISTS (SELECT FROM done) AS is_done";

const UNDO: &str = "\
    WITH asked AS (SELECT user_id FROM email_changes WHERE user_id = $1 AND settled < $2 AND version >= $2), \
    taken AS (SELECT FROM users, asked WHERE email_verified AND id <> $1 \
              AND lower(email COLLATE \"C\") = lower($3::text COLLATE \"C\")), \
    done AS (UPDATE users SET email = $3, email_verified = true FROM asked \
             WHERE id = $1 AND NOT EXISTS (SELECT FROM taken) RETURNING id), \
    noted AS (UPDATE email_changes SET version = version + 1, settled = version + 1, pending = NULL, \
              pending_until = NULL, opens = false WHERE user_id IN (SELECT id FROM done)), \
    told AS (INSERT INTO mails (id, kind, user_id, app, created_at, until, due_at, attempts, is_dead) \
             SELECT $4, $5, id, $6, $7, $8, $7, 0, false FROM done) \
    SELECT EXISTS (SELECT FROM taken) AS is_taken, EXISTS (SELECT FROM done) AS is_done";

const DROP: &str = "\
    UPDATE email_changes SET version = version + 1, pending = NULL, pending_until = NULL \
    WHERE user_id = $1 AND pending IS NOT NULL";

#[async_trait]
impl AddressStore for PostgresStore {
    async fn sign_up(&self, account: &Account, first: &FirstAddress) -> Result<Created, StoreError> {
        let (row, mail) = (AccountRow::of(account), first.mail.as_ref());
        let of_address: [&(dyn ToSql + Sync); 7] = [
            &first.until.millis(),
            &first.opens,
            &mail.map(|mail| mail.id.uuid()),
            &mail.map(|mail| MailKind::as_str(mail.kind)),
            &mail.map(|mail| mail.app.as_str()),
            &mail.map(|mail| mail.created_at.millis()),
            &mail.map(|mail| mail.until.millis()),
        ];
        let made = self.pool.query(SIGN_UP, &[&row.parameters()[..], &of_address].concat()).await?;
        Ok(if made.is_empty() { Created::NameTaken } else { Created::Yes })
    }

    async fn by_email(&self, address: &Email) -> Result<Option<Account>, StoreError> {
        one(&self.pool.query(BY_EMAIL, &[&address.as_str()]).await?)
    }

    async fn set_email(
        &self,
        id: UserId,
        email: Option<&Email>,
        verified: bool,
    ) -> Result<EmailSet, StoreError> {
        let row = self.alone(SET, &[&id.uuid(), &email.map(Email::as_str), &verified]).await?;
        Ok(match (flag(&row, "is_taken")?, flag(&row, "is_done")?) {
            (true, _) => EmailSet::Taken,
            (false, true) => EmailSet::Yes,
            (false, false) => EmailSet::NotFound,
        })
    }

    async fn propose_email(
        &self,
        id: UserId,
        address: &Email,
        until: Timestamp,
    ) -> Result<Option<u32>, StoreError> {
        let proposed = self.pool.query(PROPOSE, &[&id.uuid(), &address.as_str(), &until.millis()]).await?;
        proposed.first().map(|row| rows::number(row, "email_changes.version", id)).transpose()
    }

    async fn pending_email(&self, id: UserId, now: Timestamp) -> Result<Option<PendingEmail>, StoreError> {
        let found = self.pool.query(PENDING, &[&id.uuid(), &now.millis()]).await?;
        found.first().map(|row| rows::pending_email(row, id)).transpose()
    }

    async fn confirm_email(
        &self,
        id: UserId,
        version: u32,
        notice: &Mail,
    ) -> Result<EmailConfirmed, StoreError> {
        let row = self
            .alone(
                CONFIRM,
                &[
                    &id.uuid(),
                    &i64::from(version),
                    &notice.created_at.millis(),
                    &notice.id.uuid(),
                    &notice.kind.as_str(),
                    &notice.app.as_str(),
                    &notice.until.millis(),
                ],
            )
            .await?;
        Ok(match (flag(&row, "is_taken")?, flag(&row, "is_done")?) {
            (true, _) => EmailConfirmed::Taken,
            (false, true) => EmailConfirmed::Yes,
            (false, false) => EmailConfirmed::Spent,
        })
    }

    async fn undo_email(
        &self,
        id: UserId,
        version: u32,
        former: &Email,
        notice: &Mail,
    ) -> Result<EmailUndone, StoreError> {
        let row = self
            .alone(
                UNDO,
                &[
                    &id.uuid(),
                    &i64::from(version),
                    &former.as_str(),
                    &notice.id.uuid(),
                    &notice.kind.as_str(),
                    &notice.app.as_str(),
                    &notice.created_at.millis(),
                    &notice.until.millis(),
                ],
            )
            .await?;
        Ok(match (flag(&row, "is_taken")?, flag(&row, "is_done")?) {
            (true, _) => EmailUndone::Taken,
            (false, true) => EmailUndone::Yes,
            (false, false) => EmailUndone::Spent,
        })
    }

    async fn drop_pending(&self, id: UserId) -> Result<(), StoreError> {
        self.pool.execute(DROP, &[&id.uuid()]).await.map(drop)
    }
}

impl PostgresStore {
    /// The one row of a statement that may take an address.
    async fn alone(&self, sql: &'static str, values: &[&(dyn ToSql + Sync)]) -> Result<Row, StoreError> {
        let [found] = self.pool.transaction(LOCK_IMPORTS, &[(sql, values)]).await?;
        found.into_iter().next().ok_or_else(|| errors::refused("no answer to a question"))
    }
}

fn flag(row: &Row, column: &str) -> Result<bool, StoreError> {
    row.try_get(column).map_err(errors::of_statement)
}

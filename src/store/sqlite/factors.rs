//! [`FactorStore`] in SQLite: the tables `factors` and `recovery_codes`. An account takes its own along when it goes.

use async_trait::async_trait;
use rusqlite::{Connection, Row, params};

use super::{SqliteStore, engine::rows, outbox};
use crate::{
    domain::{
        clock::Timestamp,
        factor::{Factor, FactorKind, SealedSecret, UserFactors},
        ids::{FactorId, UserId},
        mail::Mail,
        recovery_code::RecoveryHash,
    },
    store::{
        error::StoreError,
        factors::{Added, FactorStore},
    },
};

const OF_USER: &str = "SELECT id, kind, sealed, created_at, confirmed_at FROM factors
    WHERE user_id = ?1 ORDER BY created_at, id";
const CODES: &str = "SELECT hash FROM recovery_codes WHERE user_id = ?1";

const BEGIN: &str = "INSERT INTO factors (id, user_id, kind, sealed, created_at)
    SELECT ?1, ?2, ?3, ?4, ?5 WHERE EXISTS (SELECT 1 FROM users WHERE id = ?2)
    ON CONFLICT (user_id, kind) WHERE confirmed_at IS NULL
    DO UPDATE SET id = excluded.id, sealed = excluded.sealed, created_at = excluded.created_at";
const CONFIRM: &str = "UPDATE factors SET confirmed_at = ?3
    WHERE id = ?1 AND user_id = ?2 AND confirmed_at IS NULL AND NOT EXISTS
        (SELECT 1 FROM factors AS other WHERE other.user_id = ?2 AND other.confirmed_at IS NOT NULL
            AND other.kind = 'totp' AND factors.kind = 'totp')";
const ADD: &str = "INSERT INTO factors (id, user_id, kind, sealed, created_at, confirmed_at)
    SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE EXISTS (SELECT 1 FROM users WHERE id = ?2)
    ON CONFLICT (id) DO NOTHING";
const RESEAL: &str = "UPDATE factors SET sealed = ?4 WHERE id = ?1 AND user_id = ?2 AND sealed = ?3";
const REMOVE: &str = "DELETE FROM factors WHERE id = ?1 AND user_id = ?2 AND confirmed_at IS NOT NULL";
const COUNT: &str = "SELECT count(*) FROM factors WHERE user_id = ?1 AND confirmed_at IS NOT NULL";
const REMOVE_ALL: &str = "DELETE FROM factors WHERE user_id = ?1";
const REMOVE_CODES: &str = "DELETE FROM recovery_codes WHERE user_id = ?1";
const ADD_CODE: &str = "INSERT INTO recovery_codes (user_id, hash) VALUES (?1, ?2)";
const TAKE_CODE: &str = "DELETE FROM recovery_codes WHERE user_id = ?1 AND hash = ?2";

#[async_trait]
impl FactorStore for SqliteStore {
    async fn of_user(&self, user: UserId) -> Result<UserFactors, StoreError> {
        self.readers.look_up(move |db| of_user(db, user)).await
    }

    async fn begin(&self, user: UserId, factor: &Factor) -> Result<bool, StoreError> {
        let Factor { id, kind, sealed, created_at, .. } = factor.clone();
        self.writer
            .write(move |step| {
                let values =
                    params![id.as_bytes(), user.uuid(), kind.as_str(), sealed.as_str(), created_at.millis()];
                Ok(step.db.prepare_cached(BEGIN)?.execute(values)? > 0)
            })
            .await
    }

    async fn confirm(
        &self,
        user: UserId,
        id: FactorId,
        codes: &[RecoveryHash],
        now: Timestamp,
        notice: Option<&Mail>,
    ) -> Result<bool, StoreError> {
        let (codes, notice) = (codes.to_vec(), notice.cloned());
        self.writer
            .write(move |step| {
                let is_confirmed = confirm(step.db, user, id, &codes, now)?;
                tell(step.db, is_confirmed, notice.as_ref())?;
                Ok(is_confirmed)
            })
            .await
    }

    async fn add(
        &self,
        user: UserId,
        factor: &Factor,
        codes: &[RecoveryHash],
        notice: Option<&Mail>,
    ) -> Result<Added, StoreError> {
        let (factor, codes, notice) = (factor.clone(), codes.to_vec(), notice.cloned());
        self.writer
            .write(move |step| {
                let added = add(step.db, user, &factor, &codes)?;
                tell(step.db, added != Added::Refused, notice.as_ref())?;
                Ok(added)
            })
            .await
    }

    async fn reseal(
        &self,
        user: UserId,
        id: FactorId,
        was: &SealedSecret,
        is: &SealedSecret,
    ) -> Result<bool, StoreError> {
        let (was, is) = (was.clone(), is.clone());
        self.writer
            .write(move |step| {
                let values = params![id.as_bytes(), user.uuid(), was.as_str(), is.as_str()];
                Ok(step.db.prepare_cached(RESEAL)?.execute(values)? > 0)
            })
            .await
    }

    async fn remove(&self, user: UserId, id: FactorId, notice: Option<&Mail>) -> Result<bool, StoreError> {
        let notice = notice.cloned();
        self.writer
            .write(move |step| {
                let is_gone = remove(step.db, user, id)?;
                tell(step.db, is_gone, notice.as_ref())?;
                Ok(is_gone)
            })
            .await
    }

    async fn remove_all(&self, user: UserId, notice: Option<&Mail>) -> Result<u64, StoreError> {
        let notice = notice.cloned();
        self.writer
            .write(move |step| {
                let counted = remove_all(step.db, user)?;
                tell(step.db, counted > 0, notice.as_ref())?;
                Ok(counted)
            })
            .await
    }

    async fn renew_codes(
        &self,
        user: UserId,
        codes: &[RecoveryHash],
        notice: Option<&Mail>,
    ) -> Result<bool, StoreError> {
        let (codes, notice) = (codes.to_vec(), notice.cloned());
        self.writer
            .write(move |step| {
                let has_factor = count(step.db, user)? > 0;
                if has_factor {
                    replace_codes(step.db, user, &codes)?;
                }
                tell(step.db, has_factor, notice.as_ref())?;
                Ok(has_factor)
            })
            .await
    }

    async fn take_code(&self, user: UserId, code: &RecoveryHash) -> Result<bool, StoreError> {
        let code = *code;
        self.writer
            .write(move |step| {
                let values = params![user.uuid(), code.as_bytes()];
                Ok(step.db.prepare_cached(TAKE_CODE)?.execute(values)? > 0)
            })
            .await
    }
}

fn of_user(db: &Connection, user: UserId) -> Result<UserFactors, StoreError> {
    let mut own = UserFactors::default();
    let mut query = db.prepare_cached(OF_USER)?;
    let mut found = query.query([user.uuid()])?;
    while let Some(row) = found.next()? {
        own.factors.push(factor(row)?);
    }
    let mut query = db.prepare_cached(CODES)?;
    let mut found = query.query([user.uuid()])?;
    while let Some(row) = found.next()? {
        own.recovery_codes.push(RecoveryHash::from_bytes(rows::value(row, "recovery_codes.hash")?));
    }
    Ok(own)
}

fn factor(row: &Row<'_>) -> Result<Factor, StoreError> {
    Ok(Factor {
        id: FactorId::from_bytes(rows::value(row, "factors.id")?),
        kind: rows::parsed_by(row, "factors.kind", FactorKind::parse)?,
        sealed: SealedSecret::new(rows::value(row, "factors.sealed")?),
        created_at: rows::timestamp(row, "factors.created_at")?,
        confirmed_at: rows::optional_timestamp(row, "factors.confirmed_at")?,
    })
}

fn confirm(
    db: &Connection,
    user: UserId,
    id: FactorId,
    codes: &[RecoveryHash],
    now: Timestamp,
) -> Result<bool, StoreError> {
    let values = params![id.as_bytes(), user.uuid(), now.millis()];
    let is_confirmed = db.prepare_cached(CONFIRM)?.execute(values)? > 0;
    if is_confirmed {
        replace_codes(db, user, codes)?;
    }
    Ok(is_confirmed)
}

fn add(db: &Connection, user: UserId, factor: &Factor, codes: &[RecoveryHash]) -> Result<Added, StoreError> {
    let Factor { id, kind, sealed, created_at, confirmed_at } = factor;
    let is_first = count(db, user)? == 0;
    let confirmed_at = confirmed_at.map(Timestamp::millis);
    let values = params![
        id.as_bytes(),
        user.uuid(),
        kind.as_str(),
        sealed.as_str(),
        created_at.millis(),
        confirmed_at
    ];
    if db.prepare_cached(ADD)?.execute(values)? == 0 {
        return Ok(Added::Refused);
    }
    if !is_first {
        return Ok(Added::Further);
    }
    replace_codes(db, user, codes)?;
    Ok(Added::First)
}

fn remove(db: &Connection, user: UserId, id: FactorId) -> Result<bool, StoreError> {
    let is_gone = db.prepare_cached(REMOVE)?.execute(params![id.as_bytes(), user.uuid()])? > 0;
    if is_gone && count(db, user)? == 0 {
        replace_codes(db, user, &[])?;
    }
    Ok(is_gone)
}

fn remove_all(db: &Connection, user: UserId) -> Result<u64, StoreError> {
    let counted = count(db, user)?;
    db.prepare_cached(REMOVE_ALL)?.execute([user.uuid()])?;
    replace_codes(db, user, &[])?;
    Ok(counted)
}

/// Has the notice of a change wait, where one was made.
fn tell(db: &Connection, is_changed: bool, notice: Option<&Mail>) -> Result<(), StoreError> {
    match notice.filter(|_| is_changed) {
        Some(mail) => outbox::post(db, mail, u32::MAX).map(drop),
        None => Ok(()),
    }
}

fn count(db: &Connection, user: UserId) -> Result<u64, StoreError> {
    let count: i64 = db.prepare_cached(COUNT)?.query_row([user.uuid()], |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or(0))
}

fn replace_codes(db: &Connection, user: UserId, codes: &[RecoveryHash]) -> Result<(), StoreError> {
    db.prepare_cached(REMOVE_CODES)?.execute([user.uuid()])?;
    let mut add = db.prepare_cached(ADD_CODE)?;
    for code in codes {
        add.execute(params![user.uuid(), code.as_bytes()])?;
    }
    Ok(())
}

//! [`FactorStore`] in PostgreSQL: the tables `factors` and `recovery_codes`. An account takes its own along when it
//! goes.

use async_trait::async_trait;
use tokio_postgres::types::ToSql;

use super::{
    PostgresStore, StoreError,
    engine::{errors, rows},
    outbox::{NoticeRow, told},
};
use crate::{
    domain::{
        clock::Timestamp,
        factor::{Factor, SealedSecret, UserFactors},
        ids::{FactorId, UserId},
        mail::Mail,
        recovery_code::RecoveryHash,
    },
    store::factors::{Added, FactorStore},
};

/// One change at a time: of two, each would count on what the other is about to take away. "factors" in ASCII.
const LOCK: &str = "SELECT pg_advisory_xact_lock(x'666163746f7273'::bigint)";

const OF_USER: &str = "\
    SELECT id, kind, sealed, created_at, confirmed_at FROM factors WHERE user_id = $1 ORDER BY created_at, id";
const CODES: &str = "SELECT hash FROM recovery_codes WHERE user_id = $1";

const BEGIN: &str = "\
    INSERT INTO factors (id, user_id, kind, sealed, created_at) \
    SELECT $1, $2, $3, $4, $5 WHERE EXISTS (SELECT FROM users WHERE id = $2) \
    ON CONFLICT (user_id, kind) WHERE confirmed_at IS NULL \
    DO UPDATE SET id = excluded.id, sealed = excluded.sealed, created_at = excluded.created_at";

const CONFIRM: &str = concat!(
    "\
    WITH confirmed AS (UPDATE factors SET confirmed_at = $9 \
        WHERE id = $7 AND user_id = $8 AND confirmed_at IS NULL AND NOT EXISTS \
            (SELECT FROM factors AS other WHERE other.user_id = $8 AND other.confirmed_at IS NOT NULL \
             AND other.kind = 'totp' AND factors.kind = 'totp') RETURNING user_id), \
    old AS (DELETE FROM recovery_codes USING confirmed WHERE recovery_codes.user_id = confirmed.user_id), \
    new AS (INSERT INTO recovery_codes (user_id, hash) \
        SELECT user_id, hash FROM confirmed, unnest($10::bytea[]) AS hash), ",
    told!("confirmed"),
    " SELECT count(*) AS count FROM confirmed"
);

/// Counts the factor, and once more where it is the first: what runs beside in the statement sees the table of before.
const ADD: &str = concat!(
    "\
    WITH added AS (INSERT INTO factors (id, user_id, kind, sealed, created_at, confirmed_at) \
        SELECT $7, $8, $9, $10, $11, $12 WHERE EXISTS (SELECT FROM users WHERE id = $8) \
        ON CONFLICT (id) DO NOTHING RETURNING user_id), \
    first AS (SELECT user_id FROM added WHERE NOT EXISTS \
        (SELECT FROM factors WHERE user_id = $8 AND confirmed_at IS NOT NULL)), \
    old AS (DELETE FROM recovery_codes USING first WHERE recovery_codes.user_id = first.user_id), \
    new AS (INSERT INTO recovery_codes (user_id, hash) \
        SELECT user_id, hash FROM first, unnest($13::bytea[]) AS hash), ",
    told!("added"),
    " SELECT (SELECT count(*) FROM added) + (SELECT count(*) FROM first) AS count"
);

const RESEAL: &str = "UPDATE factors SET sealed = $4 WHERE id = $1 AND user_id = $2 AND sealed = $3";

const REMOVE: &str = concat!(
    "\
    WITH gone AS (DELETE FROM factors WHERE id = $7 AND user_id = $8 AND confirmed_at IS NOT NULL RETURNING user_id), \
    codes AS (DELETE FROM recovery_codes WHERE user_id = $8 AND EXISTS (SELECT FROM gone) AND NOT EXISTS \
        (SELECT FROM factors WHERE user_id = $8 AND confirmed_at IS NOT NULL AND id <> $7)), ",
    told!("gone"),
    " SELECT count(*) AS count FROM gone"
);

const REMOVE_ALL: &str = concat!(
    "\
    WITH gone AS (DELETE FROM factors WHERE user_id = $7 RETURNING user_id, confirmed_at), \
    owner AS (SELECT DISTINCT user_id FROM gone WHERE confirmed_at IS NOT NULL), \
    codes AS (DELETE FROM recovery_codes WHERE user_id = $7), ",
    told!("owner"),
    " SELECT count(confirmed_at) AS count FROM gone"
);

const RENEW_CODES: &str = concat!(
    "\
    WITH owner AS (SELECT DISTINCT user_id FROM factors WHERE user_id = $7 AND confirmed_at IS NOT NULL), \
    old AS (DELETE FROM recovery_codes USING owner WHERE recovery_codes.user_id = owner.user_id), \
    new AS (INSERT INTO recovery_codes (user_id, hash) \
        SELECT user_id, hash FROM owner, unnest($8::bytea[]) AS hash), ",
    told!("owner"),
    " SELECT count(*) AS count FROM owner"
);

const TAKE_CODE: &str = "DELETE FROM recovery_codes WHERE user_id = $1 AND hash = $2";

#[async_trait]
impl FactorStore for PostgresStore {
    async fn of_user(&self, user: UserId) -> Result<UserFactors, StoreError> {
        let user = user.uuid();
        let factors = self.pool.query(OF_USER, &[&user]).await?;
        let codes = self.pool.query(CODES, &[&user]).await?;
        Ok(UserFactors {
            factors: factors.iter().map(rows::factor).collect::<Result<_, _>>()?,
            recovery_codes: codes.iter().map(rows::recovery_hash).collect::<Result<_, _>>()?,
        })
    }

    async fn begin(&self, user: UserId, factor: &Factor) -> Result<bool, StoreError> {
        let Factor { id, kind, sealed, created_at, .. } = factor;
        let (id, created_at) = (id.as_bytes().as_slice(), created_at.millis());
        let values: [&(dyn ToSql + Sync); 5] =
            [&id, &user.uuid(), &kind.as_str(), &sealed.as_str(), &created_at];
        Ok(self.pool.execute(BEGIN, &values).await? == 1)
    }

    async fn confirm(
        &self,
        user: UserId,
        id: FactorId,
        codes: &[RecoveryHash],
        now: Timestamp,
        notice: Option<&Mail>,
    ) -> Result<bool, StoreError> {
        let id = id.as_bytes().as_slice();
        Ok(self.changed(CONFIRM, &[&id, &user.uuid(), &now.millis(), &bytes(codes)], notice).await? > 0)
    }

    async fn add(
        &self,
        user: UserId,
        factor: &Factor,
        codes: &[RecoveryHash],
        notice: Option<&Mail>,
    ) -> Result<Added, StoreError> {
        let Factor { id, kind, sealed, created_at, confirmed_at } = factor;
        let (id, created_at) = (id.as_bytes().as_slice(), created_at.millis());
        let confirmed_at = confirmed_at.map(Timestamp::millis);
        let values: [&(dyn ToSql + Sync); 7] =
            [&id, &user.uuid(), &kind.as_str(), &sealed.as_str(), &created_at, &confirmed_at, &bytes(codes)];
        Ok(match self.changed(ADD, &values, notice).await? {
            0 => Added::Refused,
            1 => Added::Further,
            _ => Added::First,
        })
    }

    async fn reseal(
        &self,
        user: UserId,
        id: FactorId,
        was: &SealedSecret,
        is: &SealedSecret,
    ) -> Result<bool, StoreError> {
        let id = id.as_bytes().as_slice();
        let values: [&(dyn ToSql + Sync); 4] = [&id, &user.uuid(), &was.as_str(), &is.as_str()];
        Ok(self.pool.execute(RESEAL, &values).await? == 1)
    }

    async fn remove(&self, user: UserId, id: FactorId, notice: Option<&Mail>) -> Result<bool, StoreError> {
        let id = id.as_bytes().as_slice();
        Ok(self.changed(REMOVE, &[&id, &user.uuid()], notice).await? > 0)
    }

    async fn remove_all(&self, user: UserId, notice: Option<&Mail>) -> Result<u64, StoreError> {
        self.changed(REMOVE_ALL, &[&user.uuid()], notice).await
    }

    async fn renew_codes(
        &self,
        user: UserId,
        codes: &[RecoveryHash],
        notice: Option<&Mail>,
    ) -> Result<bool, StoreError> {
        Ok(self.changed(RENEW_CODES, &[&user.uuid(), &bytes(codes)], notice).await? > 0)
    }

    async fn take_code(&self, user: UserId, code: &RecoveryHash) -> Result<bool, StoreError> {
        let hash = code.as_bytes().as_slice();
        Ok(self.pool.execute(TAKE_CODE, &[&user.uuid(), &hash]).await? == 1)
    }
}

impl PostgresStore {
    /// What a statement counts that changes factors; what the notice holds comes first.
    async fn changed(
        &self,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
        notice: Option<&Mail>,
    ) -> Result<u64, StoreError> {
        let notice = NoticeRow::of(notice);
        let parameters = [&notice.parameters()[..], parameters].concat();
        let [counted] = self.pool.transaction(LOCK, &[(sql, &parameters)]).await?;
        let row = counted.first().ok_or_else(|| errors::refused("no answer to a question"))?;
        let count: i64 = row.try_get("count").map_err(errors::of_statement)?;
        Ok(u64::try_from(count).unwrap_or(0))
    }
}

fn bytes(codes: &[RecoveryHash]) -> Vec<&[u8]> {
    codes.iter().map(|code| code.as_bytes().as_slice()).collect()
}

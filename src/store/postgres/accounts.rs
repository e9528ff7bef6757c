//! [`AccountStore`] in PostgreSQL: one statement a verb, but for the first account and the last admin.

use async_trait::async_trait;
use tokio_postgres::{Row, types::ToSql};
use uuid::Uuid;

use super::{
    PostgresStore, StoreError,
    account_rows::{AccountColumns, AccountRow, role_names, told_apart},
    engine::{errors, rows},
    outbox::{NoticeRow, told},
    user_list,
};
use crate::{
    domain::{
        clock::Timestamp,
        ids::UserId,
        mail::Mail,
        secret::PasswordHash,
        user::{Account, ROLES_MAX, RoleChange, User, UserStatus, Username},
        user_list::{UserPage, UserPlace, UserQuery},
    },
    store::accounts::{AccountStore, Created, Guarded, Imported, RolesChanged, UserCounts},
};

const CREATE: &str = "\
    INSERT INTO users (id, username, username_key, email, email_verified, roles, roles_at, status, \
    password_hash, locale, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
    ON CONFLICT (username_key) DO NOTHING";

/// Of two nodes, the later one waits here until the earlier one has its account. Readers do not.
const LOCK_USERS: &str = "LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE";
const CREATE_FIRST: &str = "\
    INSERT INTO users (id, username, username_key, email, email_verified, roles, roles_at, status, \
    password_hash, locale, created_at) SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11 \
    WHERE NOT EXISTS (SELECT FROM users)";

/// One import at a time: two could each wait for a name that the other has taken. Who changes a verified address takes
/// its turn among them, so that what it found free still is. Any number that no other lock has:
/// "import" in ASCII.
pub(super) const LOCK_IMPORTS: &str = "SELECT pg_advisory_xact_lock(x'696d706f7274'::bigint)";
/// All in one statement, a list a column. Roles hold no space.
const IMPORT: &str = "\
    INSERT INTO users (id, username, username_key, email, email_verified, roles, roles_at, status, \
    password_hash, locale, created_at) \
    SELECT id, username, username_key, email, email_verified, string_to_array(roles, ' '), 0, status, \
    password_hash, locale, created_at \
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::boolean[], $6::text[], $7::text[], $8::text[], \
    $9::text[], $10::bigint[]) AS new (id, username, username_key, email, email_verified, roles, status, \
    password_hash, locale, created_at) ON CONFLICT DO NOTHING RETURNING id";
const TAKEN: &str = "SELECT id, username_key FROM users WHERE id = ANY($1) OR username_key = ANY($2)";

const BY_NAME: &str = "\
    SELECT id, username, email, email_verified, roles, roles_at, status, password_hash, pardons, \
    locale, created_at FROM users WHERE username_key = $1";

const BY_ID: &str = "\
    SELECT id, username, email, email_verified, roles, roles_at, status, password_hash, pardons, locale, \
    created_at FROM users WHERE id = $1";

const LIST: &str = "\
    SELECT id, username, email, email_verified, roles, roles_at, status, locale, created_at \
    FROM users WHERE id > $1 ORDER BY id LIMIT $2";

const LIST_ACCOUNTS: &str = "\
    SELECT id, username, email, email_verified, roles, roles_at, status, password_hash, pardons, locale, \
    created_at FROM users WHERE id > $1 OR $1 IS NULL ORDER BY id LIMIT $2";

/// With the mail that tells of it, if there is to be one.
const SET_PASSWORD: &str = concat!(
    "\
    WITH done AS (UPDATE users SET password_hash = $9 WHERE id = $7 AND (password_hash = $8 OR $8 IS NULL) \
                  RETURNING id AS user_id), ",
    told!("done"),
    " SELECT FROM done"
);

const PARDON: &str = "UPDATE users SET pardons = pardons + 1 WHERE id = $1";

const ENABLE: &str = "UPDATE users SET status = 'active' WHERE id = $1";

/// Whoever may be about to take away the last admin waits here for those before, until they are done: else two at
/// once would each count on the other's. "admin" in ASCII.
const LOCK_ADMINS: &str = "SELECT pg_advisory_xact_lock(418296719726)";

/// Whether that is the last enabled user with the role.
const IS_LAST_ADMIN: &str = "\
    SELECT EXISTS (SELECT FROM user_roles JOIN users ON id = user_id \
                   WHERE role = 'admin' AND user_id = $1 AND status = 'active') \
       AND NOT EXISTS (SELECT FROM user_roles JOIN users ON id = user_id \
                       WHERE role = 'admin' AND user_id <> $1 AND status = 'active') AS is_last";

const DISABLE: &str = "UPDATE users SET status = 'disabled' WHERE id = $1";

/// What a change asks besides that may take away the last admin.
const IF_ANOTHER_IS_LEFT: &str = "\
    AND (status <> 'active' OR NOT roles @> '{admin}' OR EXISTS (SELECT FROM user_roles JOIN users AS other \
         ON other.id = user_id WHERE role = 'admin' AND user_id <> $1 AND other.status = 'active'))";

/// Only where nobody else has changed them meanwhile: each change has a date of its own.
const SET_ROLES: &str = "\
    UPDATE users SET roles = $3, roles_at = $4 WHERE id = $1 AND roles_at = $2 AND roles = $5";

const DELETE: &str = "DELETE FROM users WHERE id = $1";

#[async_trait]
impl AccountStore for PostgresStore {
    async fn create(&self, account: &Account) -> Result<Created, StoreError> {
        let made = self.pool.execute(CREATE, &AccountRow::of(account).parameters()).await?;
        Ok(if made == 1 { Created::Yes } else { Created::NameTaken })
    }

    async fn create_first(&self, account: &Account) -> Result<bool, StoreError> {
        let row = AccountRow::of(account);
        Ok(self.pool.execute_alone(LOCK_USERS, CREATE_FIRST, &row.parameters()).await? == 1)
    }

    async fn import(&self, accounts: &[Account]) -> Result<Vec<Imported>, StoreError> {
        let columns = AccountColumns::of(accounts);
        let (all, names) =
            (columns.parameters(), [&columns.id as &(dyn ToSql + Sync), &columns.username_key]);
        let statements = [(IMPORT, &all[..]), (TAKEN, &names[..])];
        let [made, there] = self.pool.transaction(LOCK_IMPORTS, &statements).await?;
        told_apart(accounts, &made, &there).map_err(errors::of_statement)
    }

    async fn by_name(&self, name: &Username) -> Result<Option<Account>, StoreError> {
        one(&self.pool.query(BY_NAME, &[&name.key()]).await?)
    }

    async fn by_id(&self, id: UserId) -> Result<Option<Account>, StoreError> {
        one(&self.pool.query(BY_ID, &[&id.uuid()]).await?)
    }

    async fn list(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>, StoreError> {
        let after = after.map_or(Uuid::nil(), UserId::uuid);
        let found = self.pool.query(LIST, &[&after, &i64::from(limit)]).await?;
        found.iter().map(rows::user).collect()
    }

    async fn list_accounts(&self, after: Option<UserId>, limit: u32) -> Result<Vec<Account>, StoreError> {
        let after = after.map(UserId::uuid);
        let found = self.pool.query(LIST_ACCOUNTS, &[&after, &i64::from(limit)]).await?;
        found.iter().map(rows::account).collect()
    }

    async fn page(
        &self,
        query: &UserQuery,
        after: Option<&UserPlace>,
        limit: u32,
    ) -> Result<UserPage, StoreError> {
        user_list::page(&self.pool, query, after, limit).await
    }

    async fn by_ids(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        user_list::by_ids(&self.pool, ids).await
    }

    async fn count(&self) -> Result<UserCounts, StoreError> {
        user_list::count(&self.pool).await
    }

    async fn is_last_admin(&self, id: UserId) -> Result<bool, StoreError> {
        let rows = self.pool.query(IS_LAST_ADMIN, &[&id.uuid()]).await?;
        rows.first().map_or(Ok(false), |row| row.try_get("is_last")).map_err(errors::of_statement)
    }

    async fn set_password(
        &self,
        id: UserId,
        expected: Option<&PasswordHash>,
        hash: &PasswordHash,
        notice: Option<&Mail>,
    ) -> Result<bool, StoreError> {
        let expected = expected.map(PasswordHash::phc);
        let (id, hash, notice) = (id.uuid(), hash.phc(), NoticeRow::of(notice));
        let of_password: [&(dyn ToSql + Sync); 3] = [&id, &expected, &hash];
        let done = self.pool.query(SET_PASSWORD, &[&notice.parameters()[..], &of_password].concat()).await?;
        Ok(!done.is_empty())
    }

    async fn pardon(&self, id: UserId) -> Result<bool, StoreError> {
        Ok(self.pool.execute(PARDON, &[&id.uuid()]).await? == 1)
    }

    async fn set_status(&self, id: UserId, status: UserStatus) -> Result<Guarded, StoreError> {
        match status {
            UserStatus::Active if self.pool.execute(ENABLE, &[&id.uuid()]).await? == 1 => Ok(Guarded::Done),
            UserStatus::Active => Ok(Guarded::NotFound),
            UserStatus::Disabled => self.change_guarded(DISABLE, id).await,
        }
    }

    async fn change_roles(
        &self,
        id: UserId,
        change: &RoleChange,
        since: Timestamp,
    ) -> Result<RolesChanged, StoreError> {
        loop {
            let Some(Account { user, .. }) = self.by_id(id).await? else { return Ok(RolesChanged::NotFound) };
            let Some(changed) = user.with_roles(change, since) else { return Ok(RolesChanged::To(user)) };
            if changed.roles.len() > ROLES_MAX {
                return Ok(RolesChanged::TooMany);
            }
            let [before, after] = [&user, &changed].map(role_names);
            let [from, to] = [&user, &changed].map(|user| user.roles_at.secs());
            let values: [&(dyn ToSql + Sync); 5] = [&id.uuid(), &from, &after, &to, &before];
            let is_lesser = user.is_enabled_admin() && !changed.is_enabled_admin();
            let made = if is_lesser {
                let guarded = format!("{SET_ROLES} {IF_ANOTHER_IS_LEFT}");
                self.pool.execute_alone(LOCK_ADMINS, &guarded, &values).await?
            } else {
                self.pool.execute(SET_ROLES, &values).await?
            };
            if made == 1 {
                return Ok(RolesChanged::To(changed));
            }
            if is_lesser && self.is_last_admin(id).await? {
                return Ok(RolesChanged::LastAdmin);
            }
        }
    }

    async fn delete(&self, id: UserId) -> Result<Guarded, StoreError> {
        self.change_guarded(DELETE, id).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.pool.query("SELECT 1", &[]).await.map(drop)
    }
}

impl PostgresStore {
    /// A change that the last admin is kept from.
    async fn change_guarded(&self, change: &str, id: UserId) -> Result<Guarded, StoreError> {
        let guarded = format!("{change} {IF_ANOTHER_IS_LEFT}");
        if self.pool.execute_alone(LOCK_ADMINS, &guarded, &[&id.uuid()]).await? == 1 {
            return Ok(Guarded::Done);
        }
        // Nothing else keeps anybody from it who is there.
        let is_there = self.by_id(id).await?.is_some();
        Ok(if is_there { Guarded::LastAdmin } else { Guarded::NotFound })
    }
}

pub(super) fn one(rows: &[Row]) -> Result<Option<Account>, StoreError> {
    rows.first().map(rows::account).transpose()
}

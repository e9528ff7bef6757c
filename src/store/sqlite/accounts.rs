//! Accounts: who exists and what their password is checked against.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Params, Row, params};

use super::{
    SqliteStore,
    engine::{rows, writer::Step},
    outbox, user_list,
};
use crate::{
    domain::{
        clock::Timestamp,
        ids::UserId,
        locale::Locale,
        mail::Mail,
        secret::PasswordHash,
        user::{Account, Email, ROLES_MAX, Role, RoleChange, User, UserStatus, Username},
        user_list::{UserPage, UserPlace, UserQuery},
    },
    store::{
        accounts::{AccountStore, Created, Guarded, Imported, RolesChanged, UserCounts},
        error::StoreError,
    },
};

const BY_ID: &str = "SELECT id, username, email, email_verified, roles, roles_at, status, password_hash,
    pardons, locale, created_at FROM users WHERE id = ?1";
const BY_NAME: &str = "SELECT id, username, email, email_verified, roles, roles_at, status, password_hash,
    pardons, locale, created_at FROM users WHERE username_key = ?1";
/// By the index of verified addresses.
pub(super) const VERIFIED_BY_EMAIL: &str = "SELECT id, username, email, email_verified, roles, roles_at, status,
    password_hash, pardons, locale, created_at FROM users WHERE lower(email) = lower(?1) AND email_verified = 1";
const LIST: &str = "SELECT id, username, email, email_verified, roles, roles_at, status, locale, created_at
    FROM users WHERE id > ?1 ORDER BY id LIMIT ?2";
const LIST_ACCOUNTS: &str =
    "SELECT id, username, email, email_verified, roles, roles_at, status, password_hash,
    pardons, locale, created_at FROM users WHERE id > ?1 ORDER BY id LIMIT ?2";

#[async_trait]
impl AccountStore for SqliteStore {
    async fn create(&self, account: &Account) -> Result<Created, StoreError> {
        let account = account.clone();
        let created = self.writer.write(move |step| insert(step, &account, false, NAME)).await?;
        Ok(if created { Created::Yes } else { Created::NameTaken })
    }

    async fn create_first(&self, account: &Account) -> Result<bool, StoreError> {
        let account = account.clone();
        self.writer.write(move |step| insert(step, &account, true, NAME)).await
    }

    async fn import(&self, accounts: &[Account]) -> Result<Vec<Imported>, StoreError> {
        let accounts = accounts.to_vec();
        self.writer.write(move |step| accounts.iter().map(|account| bring(step, account)).collect()).await
    }

    async fn by_name(&self, name: &Username) -> Result<Option<Account>, StoreError> {
        let key = name.key().to_owned();
        self.readers.look_up(move |db| find(db, BY_NAME, [key])).await
    }

    async fn by_id(&self, id: UserId) -> Result<Option<Account>, StoreError> {
        self.readers.look_up(move |db| find(db, BY_ID, [id.uuid()])).await
    }

    async fn list(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>, StoreError> {
        self.readers.read(move |db| list(db, LIST, after, limit, rows::user)).await
    }

    async fn list_accounts(&self, after: Option<UserId>, limit: u32) -> Result<Vec<Account>, StoreError> {
        self.readers.read(move |db| list(db, LIST_ACCOUNTS, after, limit, account)).await
    }

    async fn page(
        &self,
        query: &UserQuery,
        after: Option<&UserPlace>,
        limit: u32,
    ) -> Result<UserPage, StoreError> {
        let (query, after) = (query.clone(), after.cloned());
        self.readers.read(move |db| user_list::page(db, &query, after.as_ref(), limit)).await
    }

    async fn by_ids(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        let ids = ids.to_vec();
        self.readers.read(move |db| user_list::by_ids(db, &ids)).await
    }

    async fn count(&self) -> Result<UserCounts, StoreError> {
        self.readers.read(user_list::count).await
    }

    async fn is_last_admin(&self, id: UserId) -> Result<bool, StoreError> {
        self.readers.look_up(move |db| is_last_admin(db, id)).await
    }

    async fn set_password(
        &self,
        id: UserId,
        expected: Option<&PasswordHash>,
        hash: &PasswordHash,
        notice: Option<&Mail>,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE users SET password_hash = ?2
            WHERE id = ?1 AND (?3 IS NULL OR password_hash = ?3)";
        let (expected, hash) = (expected.map(|hash| hash.phc().to_owned()), hash.phc().to_owned());
        let notice = notice.cloned();
        self.writer
            .write(move |step| {
                let is_set = change(step, SQL, params![id.uuid(), hash, expected])?;
                if let Some(mail) = notice.filter(|_| is_set) {
                    outbox::post(step.db, &mail, u32::MAX)?;
                }
                Ok(is_set)
            })
            .await
    }

    async fn pardon(&self, id: UserId) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE users SET pardons = pardons + 1 WHERE id = ?1";
        self.writer.write(move |step| change(step, SQL, [id.uuid()])).await
    }

    async fn set_status(&self, id: UserId, status: UserStatus) -> Result<Guarded, StoreError> {
        const SQL: &str = "UPDATE users SET status = ?2 WHERE id = ?1";
        self.writer
            .write(move |step| {
                if status == UserStatus::Disabled && is_last_admin(step.db, id)? {
                    return Ok(Guarded::LastAdmin);
                }
                guarded(change(step, SQL, params![id.uuid(), rows::status_word(status)]))
            })
            .await
    }

    async fn change_roles(
        &self,
        id: UserId,
        roles: &RoleChange,
        since: Timestamp,
    ) -> Result<RolesChanged, StoreError> {
        let roles = roles.clone();
        self.writer.write(move |step| change_roles(step, id, &roles, since)).await
    }

    async fn delete(&self, id: UserId) -> Result<Guarded, StoreError> {
        self.writer
            .write(move |step| {
                if is_last_admin(step.db, id)? {
                    return Ok(Guarded::LastAdmin);
                }
                guarded(change(step, "DELETE FROM users WHERE id = ?1", [id.uuid()]))
            })
            .await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.readers.read(|db| Ok(db.query_row("SELECT 1 FROM apps", [], |_| Ok(()))?)).await
    }
}

/// Whose value may be somebody's already: the name, or that, the id and a verified address.
pub(super) const NAME: &str = "(username_key)";
const ANY: &str = "";

/// `false` = somebody has what may be somebody's or, where it is to be the `first`, there is somebody.
pub(super) fn insert(
    step: &mut Step<'_>,
    account: &Account,
    first: bool,
    conflict: &'static str,
) -> Result<bool, StoreError> {
    const INSERT: &str =
        "INSERT INTO users (id, username, username_key, email, email_verified, roles, roles_at,
                                             status, password_hash, locale, created_at)
        SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11
        WHERE NOT ?12 OR NOT EXISTS (SELECT 1 FROM users) ON CONFLICT";
    let user = &account.user;
    let mut insert = step.db.prepare_cached(&format!("{INSERT} {conflict} DO NOTHING"))?;
    let inserted = insert.execute(params![
        user.id.uuid(),
        user.username.shown(),
        user.username.key(),
        user.email.as_ref().map(Email::as_str),
        user.email_verified,
        rows::join(&user.roles, Role::as_str),
        user.roles_at.secs(),
        rows::status_word(user.status),
        account.password_hash.phc(),
        user.locale.as_ref().map(Locale::as_str),
        user.created_at.millis(),
        first,
    ])?;
    Ok(inserted > 0)
}

/// Makes an account, unless somebody has its name, its id or its verified address.
fn bring(step: &mut Step<'_>, account: &Account) -> Result<Imported, StoreError> {
    const TAKEN: &str = "SELECT id = ?1, id = ?1 AND username_key = ?2 FROM users
        WHERE id = ?1 OR username_key = ?2 ORDER BY id = ?1 DESC LIMIT 1";
    if insert(step, account, false, ANY)? {
        return Ok(Imported::Made);
    }
    let user = &account.user;
    let mut taken = step.db.prepare_cached(TAKEN)?;
    let beside = |row: &Row<'_>| Ok(Imported::beside(row.get(1)?, row.get(0)?));
    let beside = taken.query_row(params![user.id.uuid(), user.username.key()], beside).optional()?;
    Ok(beside.unwrap_or(Imported::EmailTaken))
}

/// In the writer's step no other write comes between this and the change that it decides.
fn is_last_admin(db: &Connection, id: UserId) -> Result<bool, StoreError> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM user_roles JOIN users ON id = user_id
            WHERE role = 'admin' AND user_id = ?1 AND status = 'active')
        AND NOT EXISTS (SELECT 1 FROM user_roles JOIN users ON id = user_id
            WHERE role = 'admin' AND user_id <> ?1 AND status = 'active')";
    Ok(db.prepare_cached(SQL)?.query_row([id.uuid()], |row| row.get(0))?)
}

fn guarded(changed: Result<bool, StoreError>) -> Result<Guarded, StoreError> {
    Ok(if changed? { Guarded::Done } else { Guarded::NotFound })
}

/// Whether a row was changed.
fn change(step: &mut Step<'_>, sql: &str, params: impl Params) -> Result<bool, StoreError> {
    Ok(step.db.prepare_cached(sql)?.execute(params)? > 0)
}

/// One step of the only writer, so that of two changes neither undoes the other.
fn change_roles(
    step: &mut Step<'_>,
    id: UserId,
    change: &RoleChange,
    since: Timestamp,
) -> Result<RolesChanged, StoreError> {
    let Some(Account { user: before, .. }) = find(step.db, BY_ID, [id.uuid()])? else {
        return Ok(RolesChanged::NotFound);
    };
    let Some(user) = before.with_roles(change, since) else { return Ok(RolesChanged::To(before)) };
    if user.roles.len() > ROLES_MAX {
        return Ok(RolesChanged::TooMany);
    }
    if !user.is_enabled_admin() && is_last_admin(step.db, id)? {
        return Ok(RolesChanged::LastAdmin);
    }
    let roles = rows::join(&user.roles, Role::as_str);
    step.db.prepare_cached("UPDATE users SET roles = ?2, roles_at = ?3 WHERE id = ?1")?.execute(params![
        id.uuid(),
        roles,
        user.roles_at.secs()
    ])?;
    Ok(RolesChanged::To(user))
}

pub(super) fn find(db: &Connection, sql: &str, key: impl Params) -> Result<Option<Account>, StoreError> {
    db.prepare_cached(sql)?.query_row(key, |row| Ok(account(row))).optional()?.transpose()
}

fn list<T>(
    db: &Connection,
    sql: &str,
    after: Option<UserId>,
    limit: u32,
    read: fn(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut query = db.prepare_cached(sql)?;
    let after = after.map(|id| id.uuid().into_bytes());
    let mut found = query.query(params![after.as_ref().map_or(&[][..], |id| &id[..]), limit])?;
    let mut listed = Vec::new();
    while let Some(row) = found.next()? {
        listed.push(read(row)?);
    }
    Ok(listed)
}

fn account(row: &Row<'_>) -> Result<Account, StoreError> {
    let password_hash = PasswordHash::from_phc(rows::value(row, "users.password_hash")?);
    Ok(Account { user: rows::user(row)?, password_hash, pardons: rows::value(row, "users.pardons")? })
}

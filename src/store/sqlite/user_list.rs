//! Lists of users: each is a walk along one index.

use rusqlite::{Connection, Params, named_params, params};

use super::engine::rows;
use crate::{
    domain::{
        ids::UserId,
        user::{Role, User, UserStatus},
        user_list::{SearchPrefix, TermRange, UserPage, UserPlace, UserQuery},
    },
    store::{accounts::UserCounts, error::StoreError},
};

const COLUMNS: &str = "id, username, email, email_verified, roles, roles_at, status, locale, created_at";

/// Whoever is found twice is there twice: the page keeps one of them. A comparison of two values with an expression
/// among them would not be what the walk along the index begins at.
const SEARCH: &str = "
    SELECT users.*, term FROM (
        SELECT * FROM (SELECT username_key AS term, id FROM users
            WHERE username_key >= :name AND (username_key > :name OR id > :name_id) AND username_key < :name_end
            ORDER BY username_key, id LIMIT :looks)
        UNION
        SELECT * FROM (SELECT lower(email), id FROM users
            WHERE email IS NOT NULL AND lower(email) >= :email AND (lower(email) > :email OR id > :email_id)
                AND lower(email) < :email_end
            ORDER BY lower(email), id LIMIT :looks)
    ) JOIN users USING (id) ORDER BY term, id LIMIT :looks";

pub(super) fn page(
    db: &Connection,
    query: &UserQuery,
    after: Option<&UserPlace>,
    limit: u32,
) -> Result<UserPage, StoreError> {
    let looks = query.looks(limit);
    let found = match &query.search {
        Some(search) => found(db, search, after, looks)?,
        None => walk(db, query, after, looks)?.into_iter().map(|user| (None, user)).collect(),
    };
    Ok(query.page(found, limit))
}

fn found(
    db: &Connection,
    search: &SearchPrefix,
    after: Option<&UserPlace>,
    looks: u32,
) -> Result<Vec<(Option<String>, User)>, StoreError> {
    let [names, emails] = search.ranges(after);
    let id = |range: &TermRange| range.from.1.map_or_else(Vec::new, |id| id.uuid().into_bytes().to_vec());
    let mut statement = db.prepare_cached(SEARCH)?;
    let mut rows = statement.query(named_params! {
        ":name": names.from.0, ":name_id": id(&names), ":name_end": names.end,
        ":email": emails.from.0, ":email_id": id(&emails), ":email_end": emails.end,
        ":looks": looks,
    })?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push((Some(rows::value(row, "users.term")?), rows::user(row)?));
    }
    Ok(found)
}

/// By age, along the index of whatever is asked for.
fn walk(
    db: &Connection,
    query: &UserQuery,
    after: Option<&UserPlace>,
    looks: u32,
) -> Result<Vec<User>, StoreError> {
    let after = match after {
        Some(UserPlace::Id(id)) => id.uuid().into_bytes().to_vec(),
        // No id, and after all of them.
        _ if query.newest_first => vec![0xff; 17],
        _ => Vec::new(),
    };
    let (than, order) = if query.newest_first { ("<", "DESC") } else { (">", "ASC") };
    let all = |table: &str, filter: &str, id: &str| {
        format!("SELECT {COLUMNS} FROM {table} WHERE {filter} {id} {than} ?1 ORDER BY {id} {order} LIMIT ?2")
    };
    match (&query.role, query.status) {
        (Some(role), _) => {
            let sql = all("user_roles JOIN users ON id = user_id", "role = ?3 AND", "user_id");
            users(db, &sql, params![after, looks, Role::as_str(role)])
        }
        (None, Some(status)) => users(
            db,
            &all("users", "status = ?3 AND", "id"),
            params![after, looks, rows::status_word(status)],
        ),
        (None, None) => users(db, &all("users", "", "id"), params![after, looks]),
    }
}

pub(super) fn by_ids(db: &Connection, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM users WHERE id = ?1");
    let found: Result<Vec<_>, _> = ids.iter().map(|id| users(db, &sql, [id.uuid()])).collect();
    Ok(found?.into_iter().flatten().collect())
}

pub(super) fn count(db: &Connection) -> Result<UserCounts, StoreError> {
    let mut statement = db.prepare_cached("SELECT count(*) FROM users WHERE status = ?1")?;
    let mut of = |status| -> Result<u64, StoreError> {
        let count: i64 = statement.query_row([rows::status_word(status)], |row| row.get(0))?;
        Ok(u64::try_from(count).unwrap_or(0))
    };
    Ok(UserCounts { active: of(UserStatus::Active)?, disabled: of(UserStatus::Disabled)? })
}

fn users(db: &Connection, sql: &str, params: impl Params) -> Result<Vec<User>, StoreError> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut users = Vec::new();
    while let Some(row) = rows.next()? {
        users.push(rows::user(row)?);
    }
    Ok(users)
}

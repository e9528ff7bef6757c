//! Lists of users: each is a walk along one index.

use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    StoreError,
    engine::{errors, pool::Pool, rows},
};
use crate::{
    domain::{
        ids::UserId,
        user::{Role, User, UserStatus},
        user_list::{SearchPrefix, UserPage, UserPlace, UserQuery},
    },
    store::accounts::UserCounts,
};

const COLUMNS: &str = "id, username, email, email_verified, roles, roles_at, status, locale, created_at";

/// Whoever is found twice is there twice: the page keeps one of them. The comparisons with two values are what the
/// walk along an index begins at.
const SEARCH: &str = "\
    SELECT users.id, username, email, email_verified, roles, roles_at, status, locale, created_at, term \
    FROM ((SELECT username_key AS term, id FROM users \
           WHERE (username_key, id) > ($1, $2) AND username_key < $3 \
           ORDER BY username_key LIMIT $7) \
          UNION \
          (SELECT lower(email COLLATE \"C\"), id FROM users \
           WHERE email IS NOT NULL AND (lower(email COLLATE \"C\"), id) > ($4, $5) AND lower(email COLLATE \"C\") < $6 \
           ORDER BY lower(email COLLATE \"C\"), id LIMIT $7)) AS found \
    JOIN users ON users.id = found.id ORDER BY term, users.id LIMIT $7";

const BY_IDS: &str = "\
    SELECT id, username, email, email_verified, roles, roles_at, status, locale, created_at FROM users WHERE id = ANY ($1)";

const COUNT: &str = "\
    SELECT count(*) FILTER (WHERE status = 'active') AS active, \
           count(*) FILTER (WHERE status <> 'active') AS disabled FROM users";

pub(super) async fn page(
    pool: &Pool,
    query: &UserQuery,
    after: Option<&UserPlace>,
    limit: u32,
) -> Result<UserPage, StoreError> {
    let looks = i64::from(query.looks(limit));
    let found = match &query.search {
        Some(search) => found(pool, search, after, looks).await?,
        None => walk(pool, query, after, looks).await?.into_iter().map(|user| (None, user)).collect(),
    };
    Ok(query.page(found, limit))
}

async fn found(
    pool: &Pool,
    search: &SearchPrefix,
    after: Option<&UserPlace>,
    looks: i64,
) -> Result<Vec<(Option<String>, User)>, StoreError> {
    let [names, emails] = search.ranges(after);
    let [name_id, email_id] = [&names, &emails].map(|range| range.from.1.map_or(Uuid::nil(), UserId::uuid));
    let found = pool
        .query(SEARCH, &[&names.from.0, &name_id, &names.end, &emails.from.0, &email_id, &emails.end, &looks])
        .await?;
    let term = |row: &Row| row.try_get("term").map_err(errors::of_statement);
    found.iter().map(|row| Ok((Some(term(row)?), rows::user(row)?))).collect()
}

/// By age, along the index of whatever is asked for.
async fn walk(
    pool: &Pool,
    query: &UserQuery,
    after: Option<&UserPlace>,
    looks: i64,
) -> Result<Vec<User>, StoreError> {
    let after = match after {
        Some(UserPlace::Id(id)) => id.uuid(),
        _ if query.newest_first => Uuid::max(),
        _ => Uuid::nil(),
    };
    let (than, order) = if query.newest_first { ("<", "DESC") } else { (">", "ASC") };
    let all = |table: &str, filter: &str, id: &str| {
        format!("SELECT {COLUMNS} FROM {table} WHERE {filter} {id} {than} $1 ORDER BY {id} {order} LIMIT $2")
    };
    let walked = match (&query.role, query.status) {
        (Some(role), _) => {
            let sql = all("user_roles JOIN users ON id = user_id", "role = $3 AND", "user_id");
            pool.query(&sql, &[&after, &looks, &Role::as_str(role)]).await
        }
        (None, Some(status)) => {
            let sql = all("users", "status = $3 AND", "id");
            pool.query(&sql, &[&after, &looks, &rows::status_text(status)]).await
        }
        (None, None) => pool.query(&all("users", "", "id"), &[&after, &looks]).await,
    };
    walked?.iter().map(rows::user).collect()
}

pub(super) async fn by_ids(pool: &Pool, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    pool.query(BY_IDS, &[&ids]).await?.iter().map(rows::user).collect()
}

pub(super) async fn count(pool: &Pool) -> Result<UserCounts, StoreError> {
    let counted = pool.query(COUNT, &[]).await?;
    let counted = counted.first().ok_or_else(|| errors::refused("no answer to a question"))?;
    let of = |status: UserStatus| {
        let count: i64 = counted.try_get(rows::status_text(status)).map_err(errors::of_statement)?;
        Ok::<_, StoreError>(u64::try_from(count).unwrap_or(0))
    };
    Ok(UserCounts { active: of(UserStatus::Active)?, disabled: of(UserStatus::Disabled)? })
}

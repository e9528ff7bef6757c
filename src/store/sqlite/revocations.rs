//! Revocations at rest, so that a restart forgets none.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{SqliteStore, errors::corrupt, follower::News, rows, writer::Step};
use crate::{
    domain::{
        claims::AccessClaims,
        clock::Timestamp,
        ids::{TokenId, UserId},
        limits::{ACCESS_TTL_MAX, refused_until},
        session::EndReason,
    },
    store::{
        error::StoreError,
        revocations::{Revocation, RevocationStore, Subject},
    },
};

#[async_trait]
impl RevocationStore for SqliteStore {
    async fn ask(&self, claims: &AccessClaims, now: Timestamp) -> Result<Option<EndReason>, StoreError> {
        let subjects = Subject::of(claims);
        self.readers.read(move |db| ask(db, subjects, now)).await
    }

    async fn refuse_token(
        &self,
        token: TokenId,
        expires_at: Timestamp,
        reason: EndReason,
        _now: Timestamp,
    ) -> Result<(), StoreError> {
        let revocation =
            Revocation { subject: Subject::Token(token), reason, until: refused_until(expires_at) };
        self.writer.write(move |step| refuse(step, revocation)).await
    }

    async fn refuse_user(&self, user: UserId, reason: EndReason, now: Timestamp) -> Result<(), StoreError> {
        let until = refused_until(now + ACCESS_TTL_MAX);
        let revocation = Revocation { subject: Subject::User(user), reason, until };
        self.writer.write(move |step| refuse(step, revocation)).await
    }

    async fn admit_user(&self, user: UserId) -> Result<(), StoreError> {
        self.writer.write(move |step| admit(step, user)).await
    }
}

/// Writes one down, and lets the set know once that is committed. As in the set, a second one on
/// the same subject lengthens it, and keeps the first reason.
pub(super) fn refuse(step: &mut Step<'_>, revocation: Revocation) -> Result<(), StoreError> {
    let (kind, subject) = key(revocation.subject);
    step.db
        .prepare_cached(
            "INSERT INTO revocations (kind, subject, reason, until) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (kind, subject) DO UPDATE SET until = max(until, excluded.until)",
        )?
        .execute(params![kind, subject, revocation.reason.as_str(), revocation.until.millis()])?;
    step.news.push(News::Refused(revocation));
    Ok(())
}

fn admit(step: &mut Step<'_>, user: UserId) -> Result<(), StoreError> {
    let (kind, subject) = key(Subject::User(user));
    step.db
        .prepare_cached("DELETE FROM revocations WHERE kind = ?1 AND subject = ?2")?
        .execute(params![kind, subject])?;
    step.news.push(News::Admitted(user));
    Ok(())
}

fn ask(db: &Connection, subjects: [Subject; 3], now: Timestamp) -> Result<Option<EndReason>, StoreError> {
    let mut query = db.prepare_cached(
        "SELECT subject, reason FROM revocations WHERE kind = ?1 AND subject = ?2 AND until > ?3",
    )?;
    for subject in subjects {
        let (kind, id) = key(subject);
        let found = query
            .query_row(params![kind, id, now.millis()], |row| Ok(rows::parsed(row, "revocations.reason")))
            .optional()?;
        if let Some(reason) = found {
            return reason.map(Some);
        }
    }
    Ok(None)
}

/// Every revocation that still matters.
pub(super) fn living(db: &Connection, now: Timestamp) -> Result<Vec<Revocation>, StoreError> {
    let mut query =
        db.prepare_cached("SELECT subject, kind, reason, until FROM revocations WHERE until > ?1")?;
    let mut found = query.query([now.millis()])?;
    let mut living = Vec::new();
    while let Some(row) = found.next()? {
        living.push(Revocation {
            subject: subject(row)?,
            reason: rows::parsed(row, "revocations.reason")?,
            until: rows::timestamp(row, "revocations.until")?,
        });
    }
    Ok(living)
}

fn key(subject: Subject) -> (&'static str, String) {
    match subject {
        Subject::Token(id) => ("token", id.to_string()),
        Subject::Session(id) => ("session", id.to_string()),
        Subject::User(id) => ("user", id.to_string()),
    }
}

fn subject(row: &Row<'_>) -> Result<Subject, StoreError> {
    const PLACE: &str = "revocations.subject";
    match rows::value::<String>(row, "revocations.kind")?.as_str() {
        "token" => rows::parsed(row, PLACE).map(Subject::Token),
        "session" => rows::parsed(row, PLACE).map(Subject::Session),
        "user" => rows::parsed(row, PLACE).map(Subject::User),
        kind => Err(corrupt("revocations.kind", kind.to_owned())),
    }
}

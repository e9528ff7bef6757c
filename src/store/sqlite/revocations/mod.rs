//! Revocations at rest, so that a restart forgets none.

pub(super) mod sync;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    SqliteStore,
    engine::{errors::corrupt, rows, writer::Step},
};
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
        revocations::{Change, Outdated, Refusal, Revocation, RevocationStore, Subject},
    },
};

#[async_trait]
impl RevocationStore for SqliteStore {
    async fn ask(&self, claims: &AccessClaims, now: Timestamp) -> Result<Option<Refusal>, StoreError> {
        let claims = claims.clone();
        self.readers.look_up(move |db| ask(db, &claims, now)).await
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

    async fn outdate_user(&self, outdated: Outdated, _now: Timestamp) -> Result<(), StoreError> {
        self.writer.write(move |step| outdate(step, outdated)).await
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
    step.changes.push(Change::Refused(revocation));
    Ok(())
}

fn admit(step: &mut Step<'_>, user: UserId) -> Result<(), StoreError> {
    let (kind, subject) = key(Subject::User(user));
    step.db
        .prepare_cached("DELETE FROM revocations WHERE kind = ?1 AND subject = ?2")?
        .execute(params![kind, subject])?;
    step.changes.push(Change::Admitted(user));
    Ok(())
}

/// Moves forward only, as in the set.
fn outdate(step: &mut Step<'_>, outdated: Outdated) -> Result<(), StoreError> {
    let (user, until) = (outdated.user.to_string(), outdated.until());
    step.db
        .prepare_cached(
            "INSERT INTO outdated_users (subject, issued_before, until) VALUES (?1, ?2, ?3)
             ON CONFLICT (subject) DO UPDATE SET issued_before = max(issued_before, excluded.issued_before),
                                                 until = max(until, excluded.until)",
        )?
        .execute(params![user, outdated.issued_before.secs(), until.millis()])?;
    step.changes.push(Change::Outdated(outdated));
    Ok(())
}

fn ask(db: &Connection, claims: &AccessClaims, now: Timestamp) -> Result<Option<Refusal>, StoreError> {
    let mut query = db.prepare_cached(
        "SELECT subject, reason FROM revocations WHERE kind = ?1 AND subject = ?2 AND until > ?3",
    )?;
    for subject in Subject::of(claims) {
        let (kind, id) = key(subject);
        let found = query
            .query_row(params![kind, id, now.millis()], |row| Ok(rows::parsed(row, "revocations.reason")))
            .optional()?;
        if let Some(reason) = found {
            return reason.map(|reason| Some(Refusal::Revoked(reason)));
        }
    }
    let Some(user) = claims.principal.user() else { return Ok(None) };
    let issued_before = db
        .prepare_cached("SELECT issued_before FROM outdated_users WHERE subject = ?1")?
        .query_row([user.to_string()], |row| row.get(0).map(Timestamp::from_secs))
        .optional()?;
    Ok(issued_before.filter(|moment| claims.is_outdated(*moment)).map(|_| Refusal::Outdated))
}

/// Every user whose tokens of before a change still matter.
pub(super) fn outdated(db: &Connection, now: Timestamp) -> Result<Vec<Outdated>, StoreError> {
    let mut query =
        db.prepare_cached("SELECT subject, issued_before FROM outdated_users WHERE until > ?1")?;
    let mut found = query.query([now.millis()])?;
    let mut outdated = Vec::new();
    while let Some(row) = found.next()? {
        outdated.push(Outdated {
            user: rows::parsed(row, "outdated_users.subject")?,
            issued_before: rows::value(row, "outdated_users.issued_before").map(Timestamp::from_secs)?,
        });
    }
    Ok(outdated)
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

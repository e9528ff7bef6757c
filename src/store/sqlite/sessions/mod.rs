//! The session verbs, each one write or one read.

pub(super) mod endings;
pub(super) mod listing;
pub(super) mod rotation;

use std::num::NonZeroU32;

use async_trait::async_trait;
use rusqlite::params;

use super::{SqliteStore, engine::writer::Step};
use crate::{
    domain::{
        app::AppName,
        clock::Timestamp,
        cursor::Cursor,
        ids::{SessionId, UserId},
        refresh_token::{Chain, RefreshToken},
        rotation::ReusePolicy,
        session::{EndReason, NewSession, Session},
    },
    store::{
        error::StoreError,
        sessions::{Confirmation, Ended, Ending, Page, Rotation, SessionStore, Slide},
    },
};

#[async_trait]
impl SessionStore for SqliteStore {
    async fn open(
        &self,
        session: &NewSession,
        token: Option<&RefreshToken>,
        most: Option<NonZeroU32>,
    ) -> Result<(), StoreError> {
        let session = session.clone();
        let created_at = session.created_at;
        let expires_at = self.lifetimes.session_expiry(created_at, created_at);
        // The token needs no row: its MAC makes it genuine and its generation places it. Where there is none,
        // there are no access tokens either.
        let tokens_until = token.map_or(created_at, |_| self.lifetimes.access_expiry(created_at, created_at));
        self.writer
            .write(move |step| {
                insert(step, &session, expires_at, tokens_until)?;
                most.map_or(Ok(()), |most| endings::end_surplus(step, &session, most))
            })
            .await
    }

    async fn slide(&self, session: SessionId, now: Timestamp) -> Result<Slide, StoreError> {
        let lifetimes = self.lifetimes;
        self.writer.write(move |step| rotation::slide(step, session, &lifetimes, now)).await
    }

    async fn rotate(
        &self,
        chain: &Chain,
        policy: &ReusePolicy,
        arrived_at: Timestamp,
    ) -> Result<Rotation, StoreError> {
        let (session, presented) = (chain.presented.session(), chain.presented.generation());
        let (policy, lifetimes) = (*policy, self.lifetimes);
        self.writer
            .write(move |step| rotation::rotate(step, session, presented, &policy, &lifetimes, arrived_at))
            .await
    }

    async fn confirm(
        &self,
        session: SessionId,
        generation: u32,
        now: Timestamp,
    ) -> Result<Confirmation, StoreError> {
        self.writer.write(move |step| rotation::confirm(step, session, generation, now)).await
    }

    async fn touch(&self, session: SessionId, now: Timestamp) -> Result<(), StoreError> {
        self.writer.write(move |step| touch(step, session, now)).await
    }

    async fn find(&self, session: SessionId, now: Timestamp) -> Result<Option<Session>, StoreError> {
        self.readers.look_up(move |db| listing::find(db, session, now)).await
    }

    async fn of_user(
        &self,
        user: UserId,
        after: Option<&Cursor>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Page, StoreError> {
        let after = after.copied();
        self.readers.read(move |db| listing::of_user(db, user, after.as_ref(), limit, now)).await
    }

    async fn of_app(
        &self,
        app: &AppName,
        after: Option<&Cursor>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Page, StoreError> {
        let (app, after) = (app.clone(), after.copied());
        self.readers.read(move |db| listing::of_app(db, &app, after.as_ref(), limit, now)).await
    }

    async fn end(&self, ending: &Ending, now: Timestamp) -> Result<Ended, StoreError> {
        let ending = *ending;
        self.writer.write(move |step| endings::end(step, &ending, now)).await
    }

    async fn end_of_user(
        &self,
        user: UserId,
        except: Option<SessionId>,
        reason: EndReason,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, StoreError> {
        let mut ended = Vec::new();
        loop {
            let part = self.writer.write(move |step| endings::end_of_user(step, user, except, reason, now));
            let part = part.await?;
            if part.is_empty() {
                return Ok(ended);
            }
            ended.extend(part);
        }
    }

    async fn ping(&self) -> Result<(), StoreError> {
        // A write of nothing takes the write lock all the same.
        self.writer.write(|_| Ok(())).await
    }
}

fn insert(
    step: &mut Step<'_>,
    session: &NewSession,
    expires_at: Timestamp,
    tokens_until: Timestamp,
) -> Result<(), StoreError> {
    let mut insert = step.db.prepare_cached(
        "INSERT INTO sessions (id, user_id, app, device, ip, user_agent, generation, issued_at,
            created_at, last_seen_at, expires_at, tokens_until)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, ?7, ?7, ?8, ?9)
         -- Again after a lost answer: it is there, and may have gone on since.
         ON CONFLICT (id) DO NOTHING",
    )?;
    insert.execute(params![
        session.id.as_bytes(),
        session.user.uuid(),
        session.app.as_str(),
        session.device.name,
        session.device.ip.map(|ip| ip.to_string()),
        session.device.user_agent,
        session.created_at.millis(),
        expires_at.millis(),
        tokens_until.millis(),
    ])?;
    Ok(())
}

fn touch(step: &mut Step<'_>, session: SessionId, now: Timestamp) -> Result<(), StoreError> {
    step.db
        .prepare_cached(
            // Only forward: of two nodes whose notes cross, the later one stays.
            "UPDATE sessions SET last_seen_at = ?2
             WHERE id = ?1 AND end_reason IS NULL AND expires_at > ?2 AND last_seen_at < ?2",
        )?
        .execute(params![session.as_bytes(), now.millis()])?;
    Ok(())
}

//! The session verbs, each one write or one read.

use async_trait::async_trait;
use rusqlite::params;

use super::{SqliteStore, endings, listing, rotation, writer::Step};
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
    async fn open(&self, session: &NewSession, _token: Option<&RefreshToken>) -> Result<(), StoreError> {
        // The token needs no row: its MAC makes it genuine and its generation places it.
        let session = session.clone();
        let expires_at = self.lifetimes.session_expiry(session.created_at, session.created_at);
        self.writer.write(move |step| insert(step, &session, expires_at)).await
    }

    async fn slide(&self, session: SessionId, now: Timestamp) -> Result<Slide, StoreError> {
        let lifetimes = self.lifetimes;
        self.writer.write(move |step| rotation::slide(step, session, &lifetimes, now)).await
    }

    async fn rotate(
        &self,
        chain: &Chain,
        policy: &ReusePolicy,
        now: Timestamp,
    ) -> Result<Rotation, StoreError> {
        let (session, presented) = (chain.presented.session(), chain.presented.generation());
        let (policy, lifetimes) = (*policy, self.lifetimes);
        self.writer
            .write(move |step| rotation::rotate(step, session, presented, &policy, &lifetimes, now))
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
        self.readers.read(move |db| listing::find(db, session, now)).await
    }

    async fn of_user(&self, user: UserId, now: Timestamp) -> Result<Vec<Session>, StoreError> {
        self.readers.read(move |db| listing::of_user(db, user, now)).await
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
        let (ending, lifetimes) = (*ending, self.lifetimes);
        self.writer.write(move |step| endings::end(step, &ending, &lifetimes, now)).await
    }

    async fn end_of_user(
        &self,
        user: UserId,
        except: Option<SessionId>,
        reason: EndReason,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, StoreError> {
        let lifetimes = self.lifetimes;
        self.writer.write(move |step| endings::end_of_user(step, user, except, reason, &lifetimes, now)).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        // A write of nothing takes the write lock all the same.
        self.writer.write(|_| Ok(())).await
    }
}

fn insert(step: &mut Step<'_>, session: &NewSession, expires_at: Timestamp) -> Result<(), StoreError> {
    let mut insert = step.db.prepare_cached(
        "INSERT INTO sessions (id, user_id, app, device, ip, user_agent, generation, issued_at,
            created_at, last_seen_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, ?7, ?7, ?8)
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

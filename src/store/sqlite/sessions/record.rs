//! A session's row: what is known of the session, written and read as one. A further fact of it is added here and
//! in a migration.

use rusqlite::{Connection, OptionalExtension, Params, Row, params};

use crate::{
    domain::{
        clock::Timestamp,
        ids::SessionId,
        key_proof::KeyThumbprint,
        proved::Proved,
        refresh_token::NonceHash,
        rotation::{LateReissues, Progress, Replaced},
        session::{Device, EndReason, NewSession, Session, SessionFacts},
        sign_in::{Method, Methods},
    },
    store::{error::StoreError, sessions::Living, sqlite::engine::rows},
};

pub(in crate::store::sqlite) struct Record {
    pub(in crate::store::sqlite) id: SessionId,
    pub(in crate::store::sqlite) facts: SessionFacts,
    /// What its tokens are held to; the version before did not write it down.
    nonce_hash: Option<NonceHash>,
    pub(in crate::store::sqlite) progress: Progress,
    pub(in crate::store::sqlite) last_seen_at: Timestamp,
    pub(in crate::store::sqlite) expires_at: Timestamp,
    /// Until when an access token of it can live; the version before did not write it down.
    pub(in crate::store::sqlite) tokens_until: Option<Timestamp>,
    pub(in crate::store::sqlite) ended: Option<EndReason>,
}

impl Record {
    /// The record, unless its time is over: then it is as good as gone, ended before or not.
    pub(in crate::store::sqlite) fn read(
        db: &Connection,
        session: SessionId,
        now: Timestamp,
    ) -> Result<Option<Self>, StoreError> {
        Ok(Self::find(db, session)?.filter(|record| record.is_known(now)))
    }

    /// The record, also of a session whose time is over.
    pub(in crate::store::sqlite) fn find(
        db: &Connection,
        session: SessionId,
    ) -> Result<Option<Self>, StoreError> {
        db.prepare_cached("SELECT * FROM sessions WHERE id = ?1")?
            .query_row([session.as_bytes()], |row| Ok(Self::of(row)))
            .optional()?
            .transpose()
    }

    /// Those that a query selects whole.
    pub(in crate::store::sqlite) fn select(
        db: &Connection,
        sql: &str,
        params: impl Params,
    ) -> Result<Vec<Self>, StoreError> {
        let mut query = db.prepare_cached(sql)?;
        let mut found = query.query(params)?;
        let mut records = Vec::new();
        while let Some(row) = found.next()? {
            records.push(Self::of(row)?);
        }
        Ok(records)
    }

    pub(in crate::store::sqlite) fn is_known(&self, now: Timestamp) -> bool {
        self.expires_at > now
    }

    /// Whether a token or cookie was made with the secret alone, by somebody who was not given it.
    pub(in crate::store::sqlite) fn is_forged(&self, shown: NonceHash) -> bool {
        self.nonce_hash.is_some_and(|hash| hash != shown)
    }

    pub(in crate::store::sqlite) fn into_session(self) -> Session {
        let Self { id, facts, progress, last_seen_at, expires_at, .. } = self;
        Session { id, facts, generation: progress.generation, last_seen_at, expires_at }
    }

    pub(in crate::store::sqlite) fn into_living(self, expires_at: Timestamp) -> Living {
        Living { facts: self.facts, expires_at }
    }

    fn of(row: &Row<'_>) -> Result<Self, StoreError> {
        let created_at = rows::timestamp(row, "sessions.created_at")?;
        let earlier = rows::timestamps(row, "sessions.replaced")?;
        Ok(Self {
            id: rows::session_id(row, "sessions.id")?,
            facts: SessionFacts {
                user: rows::user_id(row, "sessions.user_id")?,
                app: rows::app_name(row, "sessions.app")?,
                device: Device {
                    name: rows::value(row, "sessions.device")?,
                    ip: rows::optional(row, "sessions.ip", |text| text.parse().ok())?,
                    user_agent: rows::value(row, "sessions.user_agent")?,
                },
                created_at,
                proved: proved(row, created_at)?,
                bound_to: rows::value::<Option<_>>(row, "sessions.bound_to")?.map(KeyThumbprint::from_bytes),
            },
            nonce_hash: rows::value::<Option<_>>(row, "sessions.nonce_hash")?.map(NonceHash::from_bytes),
            progress: Progress {
                generation: rows::value(row, "sessions.generation")?,
                issued_at: rows::timestamp(row, "sessions.issued_at")?,
                replaced: Replaced::of(rows::optional_timestamp(row, "sessions.confirmed_at")?, &earlier),
                late: LateReissues {
                    generation: rows::value(row, "sessions.late_generation")?,
                    run: rows::value(row, "sessions.late_run")?,
                },
            },
            last_seen_at: rows::timestamp(row, "sessions.last_seen_at")?,
            expires_at: rows::timestamp(row, "sessions.expires_at")?,
            tokens_until: rows::optional_timestamp(row, "sessions.tokens_until")?,
            ended: rows::optional(row, "sessions.end_reason", |text| text.parse().ok())?,
        })
    }
}

/// What was proved at the sign-in, where nothing is said of later.
fn proved(row: &Row<'_>, created_at: Timestamp) -> Result<Proved, StoreError> {
    let methods = rows::optional(row, "sessions.proved", Methods::read)?;
    Ok(Proved {
        methods: methods.unwrap_or(Methods::of(&[Method::Password])),
        since: rows::optional_timestamp(row, "sessions.proved_since")?.unwrap_or(created_at),
        at: rows::optional_timestamp(row, "sessions.proved_at")?.unwrap_or(created_at),
    })
}

pub(in crate::store::sqlite) fn insert(
    db: &Connection,
    session: &NewSession,
    expires_at: Timestamp,
    tokens_until: Timestamp,
) -> Result<(), StoreError> {
    let SessionFacts { user, app, device, created_at, proved, bound_to } = &session.facts;
    let mut insert = db.prepare_cached(
        "INSERT INTO sessions (id, user_id, app, device, ip, user_agent, generation, issued_at,
            created_at, last_seen_at, expires_at, tokens_until, nonce_hash, proved, proved_since, proved_at, bound_to)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, ?7, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
         -- Again after a lost answer: it is there, and may have gone on since.
         ON CONFLICT (id) DO NOTHING",
    )?;
    insert.execute(params![
        session.id.as_bytes(),
        user.uuid(),
        app.as_str(),
        device.name,
        device.ip.map(|ip| ip.to_string()),
        device.user_agent,
        created_at.millis(),
        expires_at.millis(),
        tokens_until.millis(),
        session.kind.nonce_hash().as_bytes(),
        proved.methods.words(),
        proved.since.millis(),
        proved.at.millis(),
        bound_to.as_ref().map(KeyThumbprint::as_bytes),
    ])?;
    Ok(())
}

/// Writes how far its refresh tokens have come, and how long it and its access tokens live by that.
pub(in crate::store::sqlite) fn store_progress(
    db: &Connection,
    session: SessionId,
    progress: &Progress,
    tokens_until: Timestamp,
    (expires_at, seen_at): (Timestamp, Timestamp),
) -> Result<(), StoreError> {
    let Progress { generation, issued_at, replaced, late } = progress;
    let earlier: Vec<u8> = replaced.earlier().flat_map(|moment| moment.millis().to_be_bytes()).collect();
    db.prepare_cached(
        "UPDATE sessions SET generation = ?2, issued_at = ?3, confirmed_at = ?4, replaced = ?5,
            late_generation = ?6, late_run = ?7, tokens_until = ?8, expires_at = ?9,
            last_seen_at = max(last_seen_at, ?10)
         WHERE id = ?1",
    )?
    .execute(params![
        session.as_bytes(),
        generation,
        issued_at.millis(),
        replaced.latest().map(Timestamp::millis),
        earlier,
        late.generation,
        late.run,
        tokens_until.millis(),
        expires_at.millis(),
        seen_at.millis(),
    ])?;
    Ok(())
}

//! `keyward session`

use std::collections::{BTreeMap, btree_map::Entry};

use clap::{Args, Subcommand};
use futures_util::future::try_join_all;
use serde_json::{Value, json};

use super::{
    Context,
    error::CliError,
    output::{self, Row, relative},
    user,
};
use crate::{
    auth::Auth,
    domain::{
        app::AppName,
        clock::Timestamp,
        ids::{SessionId, UserId},
        session::Session,
        user::Username,
    },
};

/// How many sessions are read at once.
const PAGE: u32 = 1000;
/// How many are ended at once.
const AT_ONCE: usize = 64;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show the living sessions, the most recently active first
    List {
        /// Only those of this user
        #[arg(long, value_name = "NAME", value_parser = Username::parse)]
        user: Option<Username>,
        /// Only those of this app
        #[arg(long, value_name = "NAME", value_parser = AppName::parse)]
        app: Option<AppName>,
        /// Print an array of objects
        #[arg(long)]
        json: bool,
    },
    /// End a session, or all sessions of a user or an app; no node lets their tokens in any more
    Revoke(Which),
}

#[derive(Debug, Args)]
pub(super) struct Which {
    /// The session's id
    #[arg(
        allow_hyphen_values = true,
        required_unless_present_any = ["user", "app"],
        conflicts_with_all = ["user", "app"]
    )]
    id: Option<String>,
    /// All sessions of this user
    #[arg(long, value_name = "NAME", value_parser = Username::parse)]
    user: Option<Username>,
    /// All sessions of this app; with --user, those of that user
    #[arg(long, value_name = "NAME", value_parser = AppName::parse)]
    app: Option<AppName>,
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), CliError> {
    let app = context.open().await?;
    let auth = app.auth();
    match command {
        Command::List { user, app, json } => {
            let sessions = living(auth, user.as_ref(), app.as_ref()).await?;
            output::listing(&with_names(auth, sessions).await?, json)
        }
        Command::Revoke(Which { user, app: Some(app), .. }) => {
            let sessions = living(auth, user.as_ref(), Some(&app)).await?;
            let ended = revoke_all(auth, &sessions).await?;
            output::line(&format!("{ended} sessions of the app {} are ended.", app.as_str()))
        }
        Command::Revoke(Which { user: Some(name), .. }) => {
            let ended = auth.revoke_user(user::find(auth, &name).await?.id).await?;
            output::line(&format!("{ended} sessions of {name} are ended."))
        }
        Command::Revoke(Which { id, .. }) => revoke(auth, &id.unwrap_or_default()).await,
    }
}

async fn revoke(auth: &Auth, id: &str) -> Result<(), CliError> {
    let session: SessionId =
        id.parse().map_err(|_| CliError::Refused(format!("there is no session {id:?}")))?;
    if auth.revoke_session(session).await? {
        output::line(&format!("{id} is ended."))
    } else {
        output::line(&format!("{id} was over already; its tokens are refused all the same."))
    }
}

/// Ends sessions, some at once, and shows how far that has come; returns how many were alive.
async fn revoke_all(auth: &Auth, sessions: &[Session]) -> Result<usize, CliError> {
    let progress = output::progress(sessions.len());
    let mut ended = 0;
    for sessions in sessions.chunks(AT_ONCE) {
        let revoked = try_join_all(sessions.iter().map(|session| auth.revoke_session(session.id))).await?;
        ended += revoked.iter().filter(|was_alive| **was_alive).count();
        progress.inc(u64::try_from(sessions.len()).unwrap_or(0));
    }
    progress.finish_and_clear();
    Ok(ended)
}

async fn living(
    auth: &Auth,
    user: Option<&Username>,
    app: Option<&AppName>,
) -> Result<Vec<Session>, CliError> {
    if let Some(name) = user {
        let user = user::find(auth, name).await?.id;
        let (mut sessions, mut after) = (Vec::new(), None);
        loop {
            let page = auth.sessions_of_user(user, after.as_ref(), PAGE).await?;
            sessions.extend(
                page.sessions.into_iter().filter(|session| app.is_none_or(|app| session.app == *app)),
            );
            after = page.next;
            if after.is_none() {
                return Ok(sessions);
            }
        }
    }
    let apps = match app {
        Some(app) => vec![app.clone()],
        None => auth.apps().await?.into_iter().map(|app| app.name).collect(),
    };
    let mut sessions = Vec::new();
    for app in apps {
        let mut after = None;
        loop {
            let page = auth.sessions_of_app(&app, after.as_ref(), PAGE).await?;
            sessions.extend(page.sessions);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    sessions.sort_by_key(|session| std::cmp::Reverse(session.last_seen_at));
    Ok(sessions)
}

/// A session with its user's name; none where the account was deleted this moment.
struct Named {
    session: Session,
    username: Option<String>,
}

async fn with_names(auth: &Auth, sessions: Vec<Session>) -> Result<Vec<Named>, CliError> {
    let mut names: BTreeMap<UserId, Option<String>> = BTreeMap::new();
    for session in &sessions {
        if let Entry::Vacant(unknown) = names.entry(session.user) {
            let user = auth.user_by_id(session.user).await?;
            unknown.insert(user.map(|user| user.username.to_string()));
        }
    }
    let name = |user| names.get(&user).cloned().flatten();
    Ok(sessions.into_iter().map(|session| Named { username: name(session.user), session }).collect())
}

impl Row for Named {
    const COLUMNS: &'static [&'static str] =
        &["id", "user", "app", "device", "ip", "created", "last seen", "expires"];

    fn cells(&self, now: Timestamp) -> Vec<String> {
        let session = &self.session;
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        vec![
            session.id.to_string(),
            self.username.clone().unwrap_or_else(|| session.user.to_string()),
            session.app.as_str().to_owned(),
            or_dash(session.device.name.clone()),
            or_dash(session.device.ip.map(|ip| ip.to_string())),
            relative(session.created_at, now),
            relative(session.last_seen_at, now),
            relative(session.expires_at, now),
        ]
    }

    fn object(&self) -> Value {
        let session = &self.session;
        json!({
            "id": session.id.to_string(),
            "user": session.user.to_string(),
            "username": self.username,
            "app": session.app.as_str(),
            "device": session.device.name,
            "ip": session.device.ip.map(|ip| ip.to_string()),
            "user_agent": session.device.user_agent,
            "generation": session.generation,
            "created_at": session.created_at.rfc3339(),
            "last_seen_at": session.last_seen_at.rfc3339(),
            "expires_at": session.expires_at.rfc3339(),
        })
    }
}

//! `keyward session`

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    Context,
    error::CliError,
    output::{self, Row, relative},
    user,
};
use crate::{
    auth::Auth,
    domain::{app::AppName, clock::Timestamp, ids::SessionId, session::Session, user::Username},
};

/// How many sessions are read at once.
const PAGE: u32 = 1000;

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
    /// End a session, or all sessions of a user; no node lets their tokens in any more
    Revoke(Which),
}

#[derive(Debug, Args)]
pub(super) struct Which {
    /// The session's id
    #[arg(allow_hyphen_values = true, required_unless_present = "user", conflicts_with = "user")]
    id: Option<String>,
    /// All sessions of this user
    #[arg(long, value_name = "NAME", value_parser = Username::parse)]
    user: Option<Username>,
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), CliError> {
    let app = context.open().await?;
    let auth = app.auth();
    match command {
        Command::List { user, app, json } => {
            output::listing(&living(auth, user.as_ref(), app.as_ref()).await?, json)
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

async fn living(
    auth: &Auth,
    user: Option<&Username>,
    app: Option<&AppName>,
) -> Result<Vec<Session>, CliError> {
    if let Some(name) = user {
        let mut sessions = auth.sessions_of_user(user::find(auth, name).await?.id).await?;
        sessions.retain(|session| app.is_none_or(|app| session.app == *app));
        return Ok(sessions);
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

impl Row for Session {
    const COLUMNS: &'static [&'static str] =
        &["id", "user", "app", "device", "ip", "created", "last seen", "expires"];

    fn cells(&self, now: Timestamp) -> Vec<String> {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        vec![
            self.id.to_string(),
            self.user.to_string(),
            self.app.as_str().to_owned(),
            or_dash(self.device.name.clone()),
            or_dash(self.device.ip.map(|ip| ip.to_string())),
            relative(self.created_at, now),
            relative(self.last_seen_at, now),
            relative(self.expires_at, now),
        ]
    }

    fn object(&self) -> Value {
        json!({
            "id": self.id.to_string(),
            "user": self.user.to_string(),
            "app": self.app.as_str(),
            "device": self.device.name,
            "ip": self.device.ip.map(|ip| ip.to_string()),
            "user_agent": self.device.user_agent,
            "generation": self.generation,
            "created_at": self.created_at.rfc3339(),
            "last_seen_at": self.last_seen_at.rfc3339(),
            "expires_at": self.expires_at.rfc3339(),
        })
    }
}

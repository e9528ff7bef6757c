//! `keyward session`

mod pages;

use clap::{Args, Subcommand};
use serde::Serialize;

use self::pages::Pages;
use super::{
    Context, clock,
    error::CliError,
    operator,
    output::{self, Format, Listing, Row, relative},
    user,
};
use crate::{
    answers::{Ended, SessionRecord},
    app::{self, StartError},
    auth::{Auth, sessions::of_others::Whose},
    domain::{
        app::AppName,
        clock::Timestamp,
        ids::{SessionId, UserId},
        session::Session,
        user::Username,
    },
    keys::error::KeyError,
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show the living sessions, of each app the most recently active first
    List {
        /// Only those of this user
        #[arg(long, value_name = "NAME", value_parser = Username::known)]
        user: Option<Username>,
        /// Only those of this app
        #[arg(long, value_name = "NAME", value_parser = AppName::parse)]
        app: Option<AppName>,
        /// Print an array of objects
        #[arg(long)]
        json: bool,
    },
    /// Show a session that is alive
    Show {
        /// Its id
        #[arg(allow_hyphen_values = true)]
        id: String,
        #[command(flatten)]
        format: Format,
    },
    /// End a session, or all sessions of a user or an app; no node lets their tokens in any more
    Revoke(Which),
}

#[derive(Debug, Args)]
pub(super) struct Which {
    /// The session's id
    #[arg(
        allow_hyphen_values = true,
        required_unless_present_any = ["user", "app", "all"],
        conflicts_with_all = ["user", "app", "all"]
    )]
    id: Option<String>,
    /// All sessions of this user
    #[arg(long, value_name = "NAME", value_parser = Username::known)]
    user: Option<Username>,
    /// All sessions of this app; with --user, those of that user
    #[arg(long, value_name = "NAME", value_parser = AppName::parse)]
    app: Option<AppName>,
    /// All sessions, and every token that was ever issued: after a restore, for one
    #[arg(long, conflicts_with_all = ["user", "app"])]
    all: bool,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), CliError> {
    let app = context.open().await?;
    let auth = app.auth();
    match command {
        Command::List { user, app, json } => {
            let mut listing = Listing::new(json);
            let mut pages = Pages::of(auth, user.as_ref(), app).await?;
            while let Some(page) = pages.next(auth).await? {
                listing.page(&with_names(auth, page).await?)?;
            }
            listing.end::<Named>()
        }
        Command::Show { id, format } => {
            let none = || CliError::Refused(format!("there is no session {id:?} that is alive"));
            let session = auth.session(id.parse().map_err(|_| none())?).await?.ok_or_else(none)?;
            format.show(&with_names(auth, vec![session]).await?.first().map(Row::answer))
        }
        Command::Revoke(Which { all: true, format, .. }) => {
            let ended = revoke_everything(context, auth).await?;
            let keys = "a new key signs, and nodes that run take no token of before within a minute";
            ended_in(ended, format, &format!("{ended} sessions are ended; {keys}, or at once on SIGHUP."))
        }
        Command::Revoke(Which { user, app: Some(app), format, .. }) => {
            let whose = Whose { user: id_of(auth, user.as_ref()).await?, app: Some(app.clone()) };
            let ended = revoke_all(auth, &whose).await?;
            ended_in(ended, format, &format!("{ended} sessions of the app {} are ended.", app.as_str()))
        }
        Command::Revoke(Which { user: Some(name), format, .. }) => {
            let whose = Whose { user: id_of(auth, Some(&name)).await?, app: None };
            let ended = revoke_all(auth, &whose).await?;
            ended_in(ended, format, &format!("{ended} sessions of {name} are ended."))
        }
        Command::Revoke(Which { id, format, .. }) => revoke(auth, &id.unwrap_or_default(), format).await,
    }
}

fn ended_in(ended: usize, format: Format, sentence: &str) -> Result<(), CliError> {
    format.say(&Ended::of(ended), sentence)
}

async fn revoke(auth: &Auth, id: &str, format: Format) -> Result<(), CliError> {
    let session: SessionId =
        id.parse().map_err(|_| CliError::Refused(format!("there is no session {id:?}")))?;
    if auth.revoke_session(session, &operator::occasion()).await? {
        ended_in(1, format, &format!("{id} is ended."))
    } else {
        ended_in(0, format, &format!("{id} was over already; its tokens are refused all the same."))
    }
}

async fn id_of(auth: &Auth, user: Option<&Username>) -> Result<Option<UserId>, CliError> {
    match user {
        Some(name) => Ok(Some(user::find(auth, name).await?.id)),
        None => Ok(None),
    }
}

async fn revoke_all(auth: &Auth, whose: &Whose) -> Result<usize, CliError> {
    let progress = output::progress();
    let tell = |ended| progress.set_position(u64::try_from(ended).unwrap_or(u64::MAX));
    let ended = auth.revoke_all(whose, tell, &operator::occasion()).await?;
    progress.finish_and_clear();
    Ok(ended)
}

/// Ends the sessions of all apps, those included that app servers keep here, and replaces the signing keys: the
/// stores may have forgotten sessions whose access tokens are still about.
async fn revoke_everything(context: &Context, auth: &Auth) -> Result<usize, CliError> {
    let mut ended = 0;
    for app in auth.apps().await? {
        let whose = Whose { user: None, app: Some(app.name.clone()) };
        ended += revoke_all(auth, &whose).await?;
        let kept = auth.end_app_sessions(&app.name, None).await?;
        ended += usize::try_from(kept).unwrap_or(usize::MAX);
    }
    let (settings, _) = context.settings()?;
    match app::open_keys(&settings, &clock(), settings.server.listen) {
        Ok(keys) => keys.replace_all()?,
        // The next start makes the first one.
        Err(StartError::Keys(KeyError::NoKeys { .. })) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(ended)
}

/// A session with its user's name; none where the account was deleted this moment.
struct Named {
    session: Session,
    username: Option<String>,
}

async fn with_names(auth: &Auth, sessions: Vec<Session>) -> Result<Vec<Named>, CliError> {
    let names = auth.usernames(sessions.iter().map(|session| session.facts.user)).await?;
    let name = |user| names.get(&user).cloned();
    Ok(sessions.into_iter().map(|session| Named { username: name(session.facts.user), session }).collect())
}

impl Row for Named {
    const COLUMNS: &'static [&'static str] =
        &["id", "user", "app", "device", "ip", "created", "last seen", "expires"];

    fn cells(&self, now: Timestamp) -> Vec<String> {
        let session = &self.session;
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        vec![
            session.id.to_string(),
            self.username.clone().unwrap_or_else(|| session.facts.user.to_string()),
            session.facts.app.as_str().to_owned(),
            or_dash(session.facts.device.name.clone()),
            or_dash(session.facts.device.ip.map(|ip| ip.to_string())),
            relative(session.facts.created_at, now),
            relative(session.last_seen_at, now),
            relative(session.expires_at, now),
        ]
    }

    fn answer(&self) -> impl Serialize {
        SessionRecord::new(&self.session, self.username.clone())
    }
}

//! `keyward app`

use std::time::Duration;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::{
    Context,
    error::CliError,
    operator,
    output::{self, Format, Row, relative},
};
use crate::{
    answers::{self, AppKind, AppWithSecret, RemovedApp},
    auth::apps::{AddedApp, AppUpdate, NewApp},
    config,
    domain::{
        admin::AdminRole,
        app::{App, AppName, Origin},
        app_policy::{self, Audience, PolicyChange, PolicyEdit},
        clock::Timestamp,
        identifier::Identifiers,
        page_url::PageUrl,
        sign_in::{Methods, SecondFactor},
        user::InvalidName,
    },
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Register an app
    Add {
        /// Its name: 1 to 64 of a-z, 0-9, '-', '_' and '.'
        #[arg(value_parser = AppName::parse)]
        name: AppName,
        /// It runs on a server and can keep a secret, which is shown once
        #[arg(long)]
        confidential: bool,
        /// A browser origin it is served from, such as <https://app.example.com>. May be repeated
        #[arg(long = "origin", value_name = "URL", value_parser = Origin::parse)]
        origins: Vec<Origin>,
        #[command(flatten)]
        format: Format,
    },
    /// Show an app
    Show(Name),
    /// Show all apps
    List {
        /// Print an array of objects
        #[arg(long)]
        json: bool,
    },
    /// Change an app; its sessions go on
    Update(Update),
    /// Give a confidential app another secret, which is shown once; the old one is good no more
    NewSecret(Name),
    /// Remove an app and end its sessions; `default` stays
    Remove(Name),
}

#[derive(Debug, Args)]
pub(super) struct Name {
    /// Its name
    #[arg(value_parser = AppName::parse)]
    name: AppName,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Args)]
#[group(id = "change", required = true, multiple = true)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct Changes {
    /// A browser origin it is served from, in the place of those it has. May be repeated
    #[arg(long = "origin", value_name = "URL", value_parser = Origin::parse)]
    origins: Vec<Origin>,
    /// It is served from no browser origin any more
    #[arg(long, conflicts_with = "origins")]
    no_origin: bool,
    /// It can keep a secret, which is shown once; one that it has stays
    #[arg(long, conflicts_with = "public")]
    confidential: bool,
    /// It can keep none: the one it has is good no more
    #[arg(long)]
    public: bool,
    /// How long its access tokens live, where `tokens.access_ttl` is not shorter: 1s to 24h
    #[arg(long, value_name = "DURATION", value_parser = access_ttl)]
    access_ttl: Option<Duration>,
    /// They live as long as `tokens.access_ttl` says
    #[arg(long, conflicts_with = "access_ttl")]
    no_access_ttl: bool,
    /// Whom its access tokens are for, besides `tokens.audience`: an API that takes no others
    #[arg(long, value_name = "NAME", value_parser = Audience::parse)]
    audience: Option<Audience>,
    /// They are for `tokens.audience` alone
    #[arg(long, conflicts_with = "audience")]
    no_audience: bool,
    /// What it may do at the admin API, by its secret: admin, admin.support or admin.read
    #[arg(long, value_name = "ROLE", value_parser = admin_role)]
    role: Option<AdminRole>,
    /// It may do nothing there
    #[arg(long, conflicts_with = "role")]
    no_role: bool,
    /// Its page that confirms e-mail addresses; `{token}` in it, or a parameter `token`, is the link's
    #[arg(long, value_name = "URL", value_parser = PageUrl::parse)]
    confirm_url: Option<PageUrl>,
    /// It has no such page: mails hold the token alone
    #[arg(long, conflicts_with = "confirm_url")]
    no_confirm_url: bool,
    /// Its page that sets a new password
    #[arg(long, value_name = "URL", value_parser = PageUrl::parse)]
    reset_url: Option<PageUrl>,
    /// It has no such page: mails hold the token alone
    #[arg(long, conflicts_with = "reset_url")]
    no_reset_url: bool,
    /// Whether it asks for a second factor: off, optional (of those who have one) or required
    #[arg(long, value_name = "WHEN", value_parser = second_factor)]
    mfa: Option<SecondFactor>,
    /// What a sign-in to it may be proved by: some of `password`, `passkey`, `totp` and `recovery_code`
    #[arg(long, value_name = "LIST", value_parser = methods)]
    methods: Option<Methods>,
    /// It takes all of them
    #[arg(long, conflicts_with = "methods")]
    no_methods: bool,
    /// By what somebody may name themselves at it: `username`, `email`
    #[arg(long, value_name = "LIST", value_parser = identifiers)]
    identifiers: Option<Identifiers>,
    /// By name and by verified address
    #[arg(long, conflicts_with = "identifiers")]
    no_identifiers: bool,
}

#[derive(Debug, Args)]
pub(super) struct Update {
    /// Its name
    #[arg(value_parser = AppName::parse)]
    name: AppName,
    #[command(flatten)]
    changes: Changes,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), CliError> {
    let app = context.open().await?;
    let (auth, occasion) = (app.auth(), &operator::occasion());
    match command {
        Command::Add { name, confidential, origins, format } => {
            tell(&auth.add_app(NewApp { name, confidential, origins }, occasion).await?, "added", format)
        }
        Command::Show(Name { name, format }) => {
            let found = auth.app(&name).await?;
            let none = || CliError::Refused(format!("there is no app {}", name.as_str()));
            format.show(&found.ok_or_else(none)?.answer())
        }
        Command::List { json } => output::listing(&auth.apps().await?, json),
        Command::Update(Update { name, changes, format }) => {
            tell(&auth.update_app(&name, changes.wanted(), occasion).await?, "changed", format)
        }
        Command::NewSecret(Name { name, format }) => {
            tell(&auth.renew_app_secret(&name, occasion).await?, "changed", format)
        }
        Command::Remove(Name { name, format }) => {
            let (ended, name) = (auth.remove_app(&name, occasion).await?, name.as_str());
            let sentence = format!("{name} is removed; {ended} sessions of it are ended.");
            format.say(&RemovedApp { name: name.to_owned(), ended }, &sentence)
        }
    }
}

impl Changes {
    fn wanted(self) -> AppUpdate {
        let names_origins = self.no_origin || !self.origins.is_empty();
        AppUpdate {
            origins: names_origins.then_some(self.origins),
            confidential: (self.confidential || self.public).then_some(self.confidential),
            policy: PolicyChange {
                access_ttl: edit(self.access_ttl, self.no_access_ttl),
                audience: edit(self.audience, self.no_audience),
                role: edit(self.role, self.no_role),
                confirm_url: edit(self.confirm_url, self.no_confirm_url),
                reset_url: edit(self.reset_url, self.no_reset_url),
                mfa: edit(self.mfa, false),
                methods: edit(self.methods, self.no_methods),
                identifiers: edit(self.identifiers, self.no_identifiers),
            },
        }
    }
}

fn edit<T>(taken: Option<T>, is_dropped: bool) -> PolicyEdit<T> {
    match taken {
        Some(value) => PolicyEdit::Take(value),
        None if is_dropped => PolicyEdit::Drop,
        None => PolicyEdit::Keep,
    }
}

fn admin_role(text: &str) -> Result<AdminRole, &'static str> {
    AdminRole::parse(text).ok_or("an app's role is admin, admin.support or admin.read")
}

fn second_factor(text: &str) -> Result<SecondFactor, &'static str> {
    SecondFactor::parse(text).ok_or("a second factor is off, optional or required")
}

fn methods(text: &str) -> Result<Methods, InvalidName> {
    Methods::named(text.split(',').map(str::trim))
}

fn identifiers(text: &str) -> Result<Identifiers, InvalidName> {
    Identifiers::named(text.split(',').map(str::trim))
}

fn access_ttl(text: &str) -> Result<Duration, &'static str> {
    let life = config::duration(text).and_then(app_policy::access_ttl);
    life.ok_or("the life of an access token is whole seconds, such as 300s or 5m, up to 24h")
}

/// Says what became of an app. A secret stands alone on standard output, to be piped on.
fn tell(added: &AddedApp, became: &str, format: Format) -> Result<(), CliError> {
    let (name, answer) = (added.app.name.as_str(), AppWithSecret::from(added));
    let Some(secret) = &added.secret else {
        return format.say(&answer, &format!("{name} is {became}."));
    };
    if !format.is_json() {
        output::note(&format!("{name} is {became}. Its secret, shown this once:"));
    }
    format.say(&answer, secret.expose())
}

impl Row for App {
    const COLUMNS: &'static [&'static str] = &["name", "kind", "created", "origins"];

    fn cells(&self, now: Timestamp) -> Vec<String> {
        let origins: Vec<&str> = self.origins.iter().map(Origin::as_str).collect();
        vec![
            self.name.as_str().to_owned(),
            AppKind::from(&self.kind).as_str().to_owned(),
            relative(self.created_at, now),
            origins.join(" "),
        ]
    }

    fn answer(&self) -> impl Serialize {
        answers::App::from(self)
    }
}

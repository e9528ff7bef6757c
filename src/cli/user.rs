//! `keyward user`

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    Context,
    error::CliError,
    output::{self, Row, relative},
    password,
};
use crate::{
    auth::{Auth, accounts::NewAccount, error::AuthError},
    domain::{
        clock::Timestamp,
        user::{Email, Role, User, UserStatus, Username},
    },
};

/// How many users are read at once.
const PAGE: u32 = 1000;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make an account
    Add {
        /// The name to sign in with; compared without case
        #[arg(value_parser = Username::parse)]
        name: Username,
        /// A role of the user; `admin` is the one Keyward itself knows. May be repeated
        #[arg(long = "role", value_name = "ROLE", value_parser = Role::parse)]
        roles: Vec<Role>,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Show all accounts
    List {
        /// Print an array of objects
        #[arg(long)]
        json: bool,
    },
    /// Let nobody in by this account, and end its sessions
    Disable(Name),
    /// Let its owner in again; the old sessions stay ended
    Enable(Name),
    /// Set a password without the old one, and end the account's sessions
    SetPassword {
        #[command(flatten)]
        name: Name,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Remove an account for good, and end its sessions
    Delete(Name),
}

#[derive(Debug, Args)]
pub(super) struct Name {
    /// Whose account
    #[arg(value_parser = Username::parse)]
    name: Username,
}

#[derive(Debug, Args)]
pub(super) struct PasswordArgs {
    /// Read the password from standard input, one line
    #[arg(long)]
    password_stdin: bool,
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), CliError> {
    match command {
        Command::Add { name, roles, password } => add(context, name, roles, &password).await,
        Command::List { json } => output::listing(&all(context.open().await?.auth()).await?, json),
        Command::Disable(Name { name }) => {
            let app = context.open().await?;
            app.auth().disable(find(app.auth(), &name).await?.id).await?;
            output::line(&format!("{name} is disabled; all of its sessions are ended."))
        }
        Command::Enable(Name { name }) => {
            let app = context.open().await?;
            app.auth().enable(find(app.auth(), &name).await?.id).await?;
            output::line(&format!("{name} is enabled."))
        }
        Command::SetPassword { name: Name { name }, password } => {
            let app = context.open().await?;
            let user = find(app.auth(), &name).await?;
            let new = password::ask(name.shown(), password.password_stdin)?;
            app.auth().set_password(&user, &new).await?;
            output::line(&format!("The password of {name} is set; all of its sessions are ended."))
        }
        Command::Delete(Name { name }) => {
            let app = context.open().await?;
            app.auth().delete(find(app.auth(), &name).await?.id).await?;
            output::line(&format!("{name} is deleted; all of its sessions are ended."))
        }
    }
}

async fn add(
    context: &Context,
    username: Username,
    roles: Vec<Role>,
    password: &PasswordArgs,
) -> Result<(), CliError> {
    let password = password::ask(username.shown(), password.password_stdin)?;
    let app = context.open().await?;
    let user = app.auth().add_account(NewAccount { username, password, email: None, roles }).await?;
    output::line(&format!("{} is added, with the id {}.", user.username, user.id))
}

/// The user of that name, or an error that says it.
pub(super) async fn find(auth: &Auth, name: &Username) -> Result<User, CliError> {
    auth.user(name).await.map_err(|error| match error {
        AuthError::NotFound => CliError::Refused(format!("there is no user {name}")),
        error => error.into(),
    })
}

async fn all(auth: &Auth) -> Result<Vec<User>, CliError> {
    let mut users: Vec<User> = Vec::new();
    loop {
        let page = auth.users(users.last().map(|user| user.id), PAGE).await?;
        if page.is_empty() {
            return Ok(users);
        }
        users.extend(page);
    }
}

const fn status(user: &User) -> &'static str {
    match user.status {
        UserStatus::Active => "active",
        UserStatus::Disabled => "disabled",
    }
}

impl Row for User {
    const COLUMNS: &'static [&'static str] = &["name", "roles", "status", "created", "id"];

    fn cells(&self, now: Timestamp) -> Vec<String> {
        let roles: Vec<&str> = self.roles.iter().map(Role::as_str).collect();
        vec![
            self.username.to_string(),
            roles.join(","),
            status(self).to_owned(),
            relative(self.created_at, now),
            self.id.to_string(),
        ]
    }

    fn object(&self) -> Value {
        json!({
            "id": self.id.to_string(),
            "username": self.username.shown(),
            "email": self.email.as_ref().map(Email::as_str),
            "roles": self.roles.iter().map(Role::as_str).collect::<Vec<_>>(),
            "status": status(self),
            "created_at": self.created_at.rfc3339(),
        })
    }
}

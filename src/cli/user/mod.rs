//! `keyward user`

mod export;
mod factors;
mod import;
mod listing;

use clap::{Args, Subcommand};

use super::{
    Context,
    error::CliError,
    operator,
    output::{self, Format, Row},
    password,
};
use crate::{
    answers::DeletedUser,
    auth::{
        Auth,
        accounts::NewAccount,
        error::{AuthError, Missing},
    },
    domain::{
        user::{Email, Role, RoleChange, User, Username},
        user_list::SearchPrefix,
    },
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make an account
    Add(Add),
    /// Show an account
    Show(Name),
    /// Show all accounts
    List {
        /// Only those whose name or e-mail address begins with this, whatever its case
        #[arg(long, value_name = "TEXT", value_parser = SearchPrefix::parse)]
        search: Option<SearchPrefix>,
        /// Print an array of objects
        #[arg(long)]
        json: bool,
    },
    /// Give and take roles: tokens of before pass no more, and a refresh brings one with the new roles
    Role(Roles),
    /// Set where a user can be reached
    Email {
        #[command(flatten)]
        name: Name,
        /// The e-mail address
        #[arg(value_parser = Email::parse)]
        address: Email,
        /// It is known to be theirs
        #[arg(long)]
        verified: bool,
    },
    /// Forgive the failed sign-ins of an account that nobody can sign in to any more
    Unlock(Name),
    /// Show the second factors of an account, or take them away
    Factors(factors::FactorsArgs),
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
    /// Make the accounts of a file, with the passwords that they had elsewhere; exit 1 if a row is refused
    Import(import::Import),
    /// Print all accounts, to be imported elsewhere
    Export(export::Export),
}

#[derive(Debug, Args)]
pub(super) struct Add {
    /// The name to sign in with; compared without case
    #[arg(value_parser = Username::parse)]
    name: Username,
    /// A role of the user; Keyward itself knows `admin`, `admin.support` and `admin.read`. May be repeated
    #[arg(long = "role", value_name = "ROLE", value_parser = Role::parse)]
    roles: Vec<Role>,
    /// Where the user can be reached
    #[arg(long, value_name = "ADDRESS", value_parser = Email::parse)]
    email: Option<Email>,
    #[command(flatten)]
    password: PasswordArgs,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Args)]
pub(super) struct Name {
    /// Whose account
    #[arg(value_parser = Username::known)]
    name: Username,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Args)]
pub(super) struct Roles {
    #[command(flatten)]
    name: Name,
    /// A role to give. May be repeated
    #[arg(long, value_name = "ROLE", value_parser = Role::parse, required_unless_present = "remove")]
    add: Vec<Role>,
    /// A role to take. May be repeated
    #[arg(long, value_name = "ROLE", value_parser = Role::parse)]
    remove: Vec<Role>,
}

#[derive(Debug, Args)]
pub(super) struct PasswordArgs {
    /// Read the password from standard input, one line
    #[arg(long)]
    password_stdin: bool,
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), CliError> {
    let app = context.open().await?;
    let auth = app.auth();
    match command {
        Command::Add(wanted) => add(auth, wanted).await,
        Command::Show(Name { name, format }) => format.show(&find(auth, &name).await?.answer()),
        Command::List { search, json } => output::listing(&listing::all(auth, search).await?, json),
        Command::Role(wanted) => role(auth, wanted).await,
        Command::Email { name: Name { name, format }, address, verified } => {
            let (user, occasion) = (find(auth, &name).await?, operator::occasion());
            auth.set_email(user.id, Some(&address), verified, &occasion).await?;
            tell(auth, &name, format, &format!("{name} can be reached at {}.", address.as_str())).await
        }
        Command::Unlock(Name { name, format }) => {
            auth.unlock(&find(auth, &name).await?.username, &operator::occasion()).await?;
            tell(auth, &name, format, &format!("{name} can sign in again.")).await
        }
        Command::Factors(wanted) => factors::run(auth, wanted).await,
        Command::Disable(Name { name, format }) => {
            auth.disable(find(auth, &name).await?.id, &operator::occasion()).await?;
            tell(auth, &name, format, &format!("{name} is disabled; all of its sessions are ended.")).await
        }
        Command::Enable(Name { name, format }) => {
            auth.enable(find(auth, &name).await?.id, &operator::occasion()).await?;
            tell(auth, &name, format, &format!("{name} is enabled.")).await
        }
        Command::SetPassword { name, password } => set_password(auth, &name, &password).await,
        Command::Delete(name) => delete(auth, &name).await,
        Command::Import(wanted) => import::run(auth, wanted).await,
        Command::Export(wanted) => export::run(auth, wanted).await,
    }
}

async fn set_password(auth: &Auth, wanted: &Name, password: &PasswordArgs) -> Result<(), CliError> {
    let Name { name, format } = wanted;
    let user = find(auth, name).await?;
    let new = password::ask(name.shown(), password.password_stdin)?;
    auth.set_password(&user, &new, &operator::occasion()).await?;
    let sentence = format!("The password of {name} is set; all of its sessions are ended.");
    tell(auth, name, *format, &sentence).await
}

async fn delete(auth: &Auth, wanted: &Name) -> Result<(), CliError> {
    let Name { name, format } = wanted;
    let user = find(auth, name).await?;
    auth.delete(user.id, &operator::occasion()).await?;
    let sentence = format!("{name} is deleted; all of its sessions are ended.");
    format.say(&DeletedUser::from(&user), &sentence)
}

/// Says what became of a user; a program is told how they are now.
async fn tell(auth: &Auth, name: &Username, format: Format, sentence: &str) -> Result<(), CliError> {
    let user = if format.is_json() { Some(find(auth, name).await?) } else { None };
    format.say(&user.as_ref().map(Row::answer), sentence)
}

async fn add(auth: &Auth, wanted: Add) -> Result<(), CliError> {
    let Add { name: username, roles, email, password, format } = wanted;
    let password = password::ask(username.shown(), password.password_stdin)?;
    let new = NewAccount { username, password, email, roles: roles.clone() };
    let user = auth.add_account(new, &operator::occasion()).await.map_err(|error| match error {
        AuthError::UsernameTaken if !roles.is_empty() => {
            CliError::Refused(format!("{error}: `keyward user role` gives roles to an account that is there"))
        }
        error => error.into(),
    })?;
    format.say(&user.answer(), &format!("{} is added, with the id {}.", user.username, user.id))
}

async fn role(auth: &Auth, wanted: Roles) -> Result<(), CliError> {
    let Roles { name: Name { name, format }, add, remove } = wanted;
    let user = find(auth, &name).await?;
    let change = RoleChange { add, remove, is_whole: false };
    let user = auth.change_roles(user.id, &change, &operator::occasion()).await?;
    let roles: Vec<&str> = user.roles.iter().map(Role::as_str).collect();
    let roles =
        if roles.is_empty() { "no role".to_owned() } else { format!("the roles {}", roles.join(",")) };
    format.say(
        &user.answer(),
        &format!("{name} has {roles}; older tokens are refused until they are refreshed."),
    )
}

/// The user of that name, or an error that says it.
pub(super) async fn find(auth: &Auth, name: &Username) -> Result<User, CliError> {
    auth.user(name).await.map_err(|error| match error {
        AuthError::NotFound(Missing::User) => CliError::Refused(format!("there is no user {name}")),
        error => error.into(),
    })
}

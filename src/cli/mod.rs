//! How it is operated: one subcommand a file, whose doc comments are the help text. What a command
//! does is a verb elsewhere; here it is named, asked for and shown.

mod app;
mod apply;
mod audit;
mod backup;
mod breach;
mod completions;
mod config;
mod doctor;
mod error;
mod gateway;
mod health;
mod key;
mod mail;
mod man;
mod migrate;
mod operator;
mod output;
mod password;
mod serve;
mod session;
mod user;
mod welcome;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, OnceLock},
    time::Duration,
};

use clap::{Parser, Subcommand, error::ErrorKind};

use self::error::CliError;
use crate::{
    app::Keyward,
    auth::Auth,
    config::{RunningSettings, Settings, SettingsInForce},
    domain::clock::{Clock, SystemClock},
};

/// How long a command waits for a database that does not take its events.
const EVENTS_PATIENCE: Duration = Duration::from_secs(5);

/// A self-hosted auth server: sign in, refresh, sign out, and "may this token pass?"
#[derive(Debug, Parser)]
#[command(name = "keyward", version, max_term_width = 100)]
struct Cli {
    /// Read the settings from FILE in place of keyward.toml
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server; also what `keyward` alone does
    Serve,
    /// Bring the database to this version's form, without serving
    Migrate(migrate::Migrate),
    /// Copy the embedded database into a file, beside a server that runs
    Backup(backup::Backup),
    /// Make, show and change accounts
    #[command(subcommand)]
    User(user::Command),
    /// Register, show and remove the apps that use this server
    #[command(subcommand)]
    App(app::Command),
    Apply(apply::Args),
    /// Show and end sessions
    #[command(subcommand)]
    Session(session::Command),
    /// Show what happened: who signed in, why a session ended, who changed what
    Audit(audit::Wanted),
    /// Show mail that waits or was given up, and have it tried again
    #[command(subcommand)]
    Mail(mail::Command),
    /// Make a list of passwords that nobody is to have
    #[command(subcommand)]
    Breach(breach::Command),
    /// Show, replace and retire signing keys
    #[command(subcommand)]
    Key(key::Command),
    /// Put a gateway in front of an app, and see whether it lets anybody in
    #[command(subcommand)]
    Gateway(gateway::Command),
    /// Print the settings in force, secrets masked, and where each came from
    Config(config::Args),
    /// Check settings, database, Redis, keys, mail and clock, and say what to mend
    Doctor(doctor::Args),
    /// Ask whether the server of these settings lives; exit 1 if it does not say so
    Health(health::Args),
    /// Print what has a shell complete the commands and options
    Completions(completions::Args),
    /// Write the manual pages of all commands into a folder
    Man(man::Args),
}

/// Runs the command line of this process. Wrong usage, and a question for help, end it here.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // The words were right, and what they were about is not: an error like any other.
        Err(error) if error.kind() == ErrorKind::ValueValidation => {
            let error = CliError::of_value(&error);
            output::error(&error);
            return error.exit_code();
        }
        Err(error) => error.exit(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = runtime.map_err(CliError::Runtime).and_then(|runtime| runtime.block_on(run(cli)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(&error);
            error.exit_code()
        }
    }
}

async fn run(cli: Cli) -> Result<(), CliError> {
    let context = Context { config_file: cli.config, opened: OnceLock::new() };
    let outcome = carry_out(&context, cli.command.unwrap_or(Command::Serve)).await;
    context.flush_events().await;
    outcome
}

async fn carry_out(context: &Context, command: Command) -> Result<(), CliError> {
    match command {
        Command::Serve => Box::pin(serve::run(context)).await,
        Command::Migrate(wanted) => migrate::run(context, &wanted).await,
        Command::Backup(wanted) => backup::run(context, wanted),
        Command::User(command) => user::run(context, command).await,
        Command::App(command) => app::run(context, command).await,
        Command::Apply(args) => apply::run(context, &args).await,
        Command::Session(command) => session::run(context, command).await,
        Command::Audit(wanted) => audit::run(context, &wanted).await,
        Command::Mail(command) => mail::run(context, command).await,
        Command::Breach(command) => breach::run(command),
        Command::Key(command) => key::run(context, command).await,
        Command::Gateway(command) => gateway::run(context, command).await,
        Command::Config(args) => config::run(context, &args),
        Command::Doctor(args) => doctor::run(context, &args).await,
        Command::Health(args) => health::run(context, &args).await,
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    }
}

/// What every command starts from.
struct Context {
    config_file: Option<PathBuf>,
    /// What the command acts with, once it does.
    opened: OnceLock<Arc<Auth>>,
}

impl Context {
    fn settings(&self) -> Result<(Settings, SettingsInForce), CliError> {
        Ok(Settings::load(self.config_file.as_deref().map(Path::new))?)
    }

    /// The settings, to be read again while a server runs.
    fn running_settings(&self) -> Result<RunningSettings, CliError> {
        Ok(RunningSettings::load(self.config_file.as_deref())?)
    }

    /// The verbs on the stores of the settings, which must be there.
    async fn open(&self) -> Result<Keyward, CliError> {
        let (settings, _) = self.settings()?;
        let app = Keyward::open_existing(settings, clock()).await?;
        // A command opens them once.
        let _ = self.opened.set(Arc::clone(app.auth()));
        Ok(app)
    }

    /// Waits until what the command did is told of.
    async fn flush_events(&self) {
        let Some(auth) = self.opened.get() else { return };
        let left = auth.flush_events(EVENTS_PATIENCE).await;
        if left > 0 {
            output::note(&format!("keyward: {left} events of this could not be written to the database"));
        }
    }
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

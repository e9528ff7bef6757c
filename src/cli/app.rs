//! `keyward app`

use clap::Subcommand;
use serde_json::{Value, json};

use super::{
    Context,
    error::CliError,
    output::{self, Row, relative},
};
use crate::{
    auth::apps::{AddedApp, NewApp},
    domain::{
        app::{App, AppKind, AppName, Origin},
        clock::Timestamp,
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
    },
    /// Show all apps
    List {
        /// Print an array of objects
        #[arg(long)]
        json: bool,
    },
    /// Remove an app and end its sessions; `default` stays
    Remove {
        /// Its name
        #[arg(value_parser = AppName::parse)]
        name: AppName,
    },
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), CliError> {
    let app = context.open().await?;
    match command {
        Command::Add { name, confidential, origins } => {
            match app.auth().add_app(NewApp { name, confidential, origins }).await? {
                AddedApp { app, secret: Some(secret) } => {
                    output::note(&format!("{} is added. Its secret, shown this once:", app.name.as_str()));
                    output::line(secret.expose())
                }
                AddedApp { app, secret: None } => output::line(&format!("{} is added.", app.name.as_str())),
            }
        }
        Command::List { json } => output::listing(&app.auth().apps().await?, json),
        Command::Remove { name } => {
            let ended = app.auth().remove_app(&name).await?;
            output::line(&format!("{} is removed; {ended} sessions of it are ended.", name.as_str()))
        }
    }
}

const fn kind(app: &App) -> &'static str {
    match app.kind {
        AppKind::Public => "public",
        AppKind::Confidential { .. } => "confidential",
    }
}

impl Row for App {
    const COLUMNS: &'static [&'static str] = &["name", "kind", "created", "origins"];

    fn cells(&self, now: Timestamp) -> Vec<String> {
        let origins: Vec<&str> = self.origins.iter().map(Origin::as_str).collect();
        vec![
            self.name.as_str().to_owned(),
            kind(self).to_owned(),
            relative(self.created_at, now),
            origins.join(" "),
        ]
    }

    fn object(&self) -> Value {
        json!({
            "name": self.name.as_str(),
            "kind": kind(self),
            "origins": self.origins.iter().map(Origin::as_str).collect::<Vec<_>>(),
            "created_at": self.created_at.rfc3339(),
        })
    }
}

//! `keyward migrate`

use clap::Args;
use serde::Serialize;

use super::{Context, error::CliError, output::Format};
use crate::app;

#[derive(Debug, Args)]
pub(super) struct Migrate {
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(context: &Context, wanted: &Migrate) -> Result<(), CliError> {
    let (settings, _) = context.settings()?;
    let taken = app::migrate(&settings).await?;
    let now =
        if taken.is_empty() { "The database is up to date." } else { "The database is now up to date." };
    let lines: Vec<&str> = taken.iter().map(String::as_str).chain([now]).collect();
    wanted.format.say(&Migrated { applied: &taken }, &lines.join("\n"))
}

/// The steps that were taken, in their order.
#[derive(Serialize)]
struct Migrated<'a> {
    applied: &'a [String],
}

//! `keyward migrate`

use clap::Args;
use serde_json::json;

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
    let object = json!({ "applied": taken });
    let now =
        if taken.is_empty() { "The database is up to date." } else { "The database is now up to date." };
    let lines: Vec<String> = taken.into_iter().chain([now.to_owned()]).collect();
    wanted.format.say(&object, &lines.join("\n"))
}

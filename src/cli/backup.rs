//! `keyward backup`

use std::path::PathBuf;

use clap::Args;

use super::{Context, error::CliError, output::Format};
use crate::{answers::BackedUp, app};

#[derive(Debug, Args)]
pub(super) struct Backup {
    /// The new file
    file: PathBuf,
    #[command(flatten)]
    format: Format,
}

pub(super) fn run(context: &Context, wanted: Backup) -> Result<(), CliError> {
    let Backup { file, format } = wanted;
    let (settings, _) = context.settings()?;
    if !app::backup(&settings, &file)? {
        let why = "the database is a PostgreSQL: back it up with pg_dump, as docs/operating.md says";
        return Err(CliError::Refused(why.to_owned()));
    }
    let sentence = format!("{} is a copy of the database. The keys are not in it.", file.display());
    format.say(&BackedUp { file }, &sentence)
}

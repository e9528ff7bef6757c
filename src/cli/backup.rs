//! `keyward backup`

use std::path::{Path, PathBuf};

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
    may_be_made(&file)?;
    if !app::backup(&settings, &file)? {
        let why = "the database is a PostgreSQL: back it up with pg_dump, as docs/operating.md says";
        return Err(CliError::Refused(why.to_owned()));
    }
    let sentence = format!("{} is a copy of the database. The keys are not in it.", file.display());
    format.say(&BackedUp { file }, &sentence)
}

/// Said here, where it is known that the fault is not the database's.
fn may_be_made(file: &Path) -> Result<(), CliError> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if file.exists() {
        return Err(CliError::Refused(format!(
            "{} is there already, and stays: name a new file",
            file.display()
        )));
    }
    if !folder.is_dir() {
        return Err(CliError::Refused(format!("{} is no folder: make it first", folder.display())));
    }
    Ok(())
}

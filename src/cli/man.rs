//! `keyward man`

use std::path::PathBuf;

use clap::{Args as ClapArgs, CommandFactory};

use super::{Cli, error::CliError};

#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// The folder, which is there; pages of these names in it are replaced
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(super) fn run(args: &Args) -> Result<(), CliError> {
    clap_mangen::generate_to(Cli::command(), &args.folder).map_err(|error| {
        CliError::Refused(format!("{} cannot be written to: {error}", args.folder.display()))
    })
}

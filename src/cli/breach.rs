//! `keyward breach`

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::{error::CliError, output::Format};
use crate::auth::accounts::breached;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a list of passwords into the file that is set as `accounts.breached_passwords`
    Build(Build),
}

#[derive(Debug, Args)]
pub(super) struct Build {
    /// A line each: a password, or its SHA-1 in hex with or without a colon and what follows
    file: PathBuf,
    /// What is made, in the place of what was there; FILE.breached if it is not said
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    format: Format,
}

#[derive(Serialize)]
struct Built {
    file: PathBuf,
    passwords: usize,
}

pub(super) fn run(command: Command) -> Result<(), CliError> {
    let Command::Build(Build { file: list, output, format }) = command;
    let file = output.unwrap_or_else(|| with_ending(&list, "breached"));
    let refused = |path: &Path, error: &io::Error| CliError::Refused(format!("{}: {error}", path.display()));
    let read = File::open(&list).map_err(|error| refused(&list, &error))?;
    let passwords = write(read, &file).map_err(|error| refused(&file, &error))?;
    let sentence = format!("{} refuses {passwords} passwords.", file.display());
    format.say(&Built { file, passwords }, &sentence)
}

/// Whole or not at all: servers go on reading the one that they have.
fn write(list: File, file: &Path) -> io::Result<usize> {
    let part = with_ending(file, "part");
    let mut writing = BufWriter::new(OpenOptions::new().write(true).create(true).truncate(true).open(&part)?);
    let passwords = breached::build(BufReader::new(list), &mut writing)?;
    writing.flush()?;
    writing.get_ref().sync_all()?;
    fs::rename(part, file)?;
    Ok(passwords)
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

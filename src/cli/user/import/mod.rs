//! `keyward user import`: a thread reads the file, and accounts are made some hundred at once. What is there already
//! is left as it is, so a run that was cut short is gone on with by running it again.

mod auth0;
mod better_auth;
mod csv;
mod firebase;
mod json;
mod keycloak;
mod recognise;
mod report;
pub(super) mod row;
mod source;
mod supabase;

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use clap::Args;
use tokio::{sync::mpsc, task};

use self::{
    firebase::HashConfig,
    recognise::{Form, Format},
    report::Report,
    row::{Refusal, Row, Terms},
    source::Place,
};
use crate::{
    auth::{
        Auth,
        accounts::import::{Imported, Newcomer},
        error::AuthError,
    },
    cli::{error::CliError, output},
    domain::clock::Timestamp,
};

/// Accounts that are made in one step. It is short enough for others' writes to come in between.
const TOGETHER: usize = 500;

/// How often a step is tried while the store is away, and what comes in between.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
pub(in crate::cli) struct Import {
    /// The file; read again, it changes nothing
    file: PathBuf,
    /// Where it comes from; recognised if not given
    #[arg(long)]
    format: Option<Format>,
    /// Take the roles `admin` and `admin.…` too, which open Keyward's own API
    #[arg(long)]
    with_admin_roles: bool,
    /// The parameters of a Firebase project's hashes, as its console shows them
    #[arg(long, value_name = "FILE")]
    firebase_hash_config: Option<PathBuf>,
    /// Print an object
    #[arg(long)]
    json: bool,
}

/// A row with its line.
type Numbered = (u64, Result<Newcomer, Refusal>);

/// What a format's reader is given: where it says what it reads, and where the rows go.
struct Read<'a> {
    bytes: &'a AtomicU64,
    terms: Terms,
    rows: mpsc::Sender<Numbered>,
}

impl<'a> Read<'a> {
    const fn place(&self) -> Place<'a> {
        Place::beginning(self.bytes)
    }

    const fn now(&self) -> Timestamp {
        self.terms.now
    }

    /// Hands on a row; fails where nobody takes it any more.
    fn row(&self, line: u64, row: Result<Row, Refusal>) -> Result<(), CliError> {
        let newcomer = row.and_then(|row| row.newcomer(self.terms));
        let stopped = |_| CliError::Refused("the import was stopped".to_owned());
        self.rows.blocking_send((line, newcomer)).map_err(stopped)
    }
}

pub(super) async fn run(auth: &Auth, wanted: Import) -> Result<(), CliError> {
    let bar = output::progress();
    let mut report = Report::begin(wanted.json, bar.clone())?;
    let bytes = Arc::new(AtomicU64::default());
    let (rows, taken) = mpsc::channel(2 * TOGETHER);
    bar.set_length(fs::metadata(&wanted.file).map_or(0, |file| file.len()));
    let reader = {
        let (bytes, now) = (Arc::clone(&bytes), auth.now());
        let terms = Terms { admins: wanted.with_admin_roles, now };
        task::spawn_blocking(move || read(&wanted, &Read { bytes: &bytes, terms, rows }))
    };
    let brought =
        bring_all(auth, taken, &mut report, || bar.set_position(bytes.load(Ordering::Relaxed))).await;
    // Where nobody takes its rows any more, it ends by that.
    let read = reader.await.map_err(|error| CliError::Refused(error.to_string()));
    match brought.and_then(|()| read.flatten()) {
        Ok(()) => report.end(),
        Err(error) => {
            report.cut_short();
            Err(error)
        }
    }
}

async fn bring_all(
    auth: &Auth,
    mut taken: mpsc::Receiver<Numbered>,
    report: &mut Report,
    show: impl Fn(),
) -> Result<(), CliError> {
    let mut rows = Vec::with_capacity(TOGETHER);
    while let Some(row) = taken.recv().await {
        rows.push(row);
        if rows.len() == TOGETHER {
            bring(auth, rows.drain(..), report).await?;
            show();
        }
    }
    bring(auth, rows.drain(..), report).await
}

/// Makes what can be made of some rows, in one step.
async fn bring(
    auth: &Auth,
    rows: impl Iterator<Item = Numbered>,
    report: &mut Report,
) -> Result<(), CliError> {
    let (mut lines, mut newcomers) = (Vec::new(), Vec::new());
    for (line, row) in rows {
        match row {
            Ok(newcomer) => {
                lines.push(line);
                newcomers.push(newcomer);
            }
            Err(refusal) => report.refuse(line, &refusal)?,
        }
    }
    if newcomers.is_empty() {
        return Ok(());
    }
    for (line, imported) in lines.into_iter().zip(patiently(auth, &newcomers).await?) {
        match imported {
            Imported::Made => report.made += 1,
            Imported::There => report.there += 1,
            Imported::NameTaken => {
                report.refuse(line, &Refusal::of("username", "another account has it, whatever its case"))?;
            }
            Imported::IdTaken => {
                report.refuse(line, &Refusal::of("id", "an account of another name has it"))?;
            }
            Imported::EmailTaken => {
                report.refuse(line, &Refusal::of("email", "another account has it, verified"))?;
            }
        }
    }
    Ok(())
}

/// A store that is away for a moment, or held by another import, does not end a long run. What was made in a try
/// whose answer was lost is there in the next one, and counted so.
async fn patiently(auth: &Auth, newcomers: &[Newcomer]) -> Result<Vec<Imported>, CliError> {
    for _ in 1..TRIES {
        match auth.import(newcomers.to_vec()).await {
            Err(AuthError::Store(error)) if error.is_away() => tokio::time::sleep(PAUSE).await,
            done => return Ok(done?),
        }
    }
    Ok(auth.import(newcomers.to_vec()).await?)
}

fn read(wanted: &Import, read: &Read<'_>) -> Result<(), CliError> {
    let path = &wanted.file;
    let config = wanted.firebase_hash_config.as_deref().map(HashConfig::open).transpose()?;
    let unreadable = |error: std::io::Error| CliError::Refused(format!("{}: {error}", path.display()));
    let file = source::open(path).map_err(unreadable)?;
    let format = match wanted.format {
        Some(format) => format,
        None => recognise::recognise(path)?,
    };
    let is_list = recognise::form(path).map_err(unreadable)? == Form::List;
    match (format, is_list) {
        (Format::Csv, _) => csv::read(file, read),
        (Format::Jsonl, _) => json::lines(file, read, Ok),
        (Format::Keycloak, _) => keycloak::read(file, read),
        (Format::Supabase, true) => supabase::read_document(file, read),
        (Format::Supabase, false) => supabase::read_table(file, read),
        (Format::Auth0, true) => auth0::read_document(file, read),
        (Format::Auth0, false) => auth0::read_lines(file, read),
        (Format::BetterAuth, _) => better_auth::read(path, read),
        (Format::Firebase, _) => firebase::read(file, read, config.as_ref()),
    }
}

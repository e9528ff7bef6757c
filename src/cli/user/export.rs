//! `keyward user export`: the same rows that `import` takes, so that what was exported here and imported elsewhere
//! is exported there as it was here.

use std::{
    fs::{self, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};

use super::import::row::Row;
use crate::{
    answers::AccountStatus,
    auth::Auth,
    cli::error::CliError,
    domain::{
        locale::Locale,
        user::{Account, Email, Role},
    },
};

/// How many accounts are read at once.
const PAGE: u32 = 1000;

const HEADER: &str = "username,email,email_verified,password_hash,roles,status,locale,created_at,id";

#[derive(Debug, Args)]
pub(in crate::cli) struct Export {
    /// How it is written
    #[arg(long, value_enum, default_value_t = Written::Jsonl)]
    format: Written,
    /// Write into this new file, which its owner alone may read
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// What passwords are checked against too, against which they can be guessed
    #[arg(long)]
    with_password_hashes: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Written {
    /// An object a line
    Jsonl,
    /// With a header
    Csv,
}

pub(super) async fn run(auth: &Auth, wanted: Export) -> Result<(), CliError> {
    let Some(path) = &wanted.output else {
        return write(auth, &wanted, &mut BufWriter::new(io::stdout())).await;
    };
    let refused = |error: io::Error| CliError::Refused(format!("{}: {error}", path.display()));
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(refused)?;
    let mut file = BufWriter::new(file);
    let written = match write(auth, &wanted, &mut file).await {
        Ok(()) => file.get_ref().sync_all().map_err(refused),
        Err(error) => Err(error),
    };
    written.inspect_err(|_| discard(path))
}

/// A part of the accounts would look like all of them.
fn discard(path: &Path) {
    let _ = fs::remove_file(path);
}

async fn write(auth: &Auth, wanted: &Export, out: &mut impl Write) -> Result<(), CliError> {
    if matches!(wanted.format, Written::Csv) {
        writeln!(out, "{HEADER}")?;
    }
    let mut after = None;
    loop {
        let page = auth.accounts(after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.user.id);
        for account in &page {
            let row = row(account, wanted.with_password_hashes);
            match wanted.format {
                Written::Jsonl => writeln!(out, "{}", serde_json::to_string(&row).map_err(io::Error::from)?)?,
                Written::Csv => writeln!(out, "{}", cells(&row))?,
            }
        }
    }
    Ok(out.flush()?)
}

fn row(account: &Account, with_hash: bool) -> Row {
    let (user, hash) = (&account.user, &account.password_hash);
    Row {
        username: Some(user.username.shown().to_owned()),
        email: user.email.as_ref().map(Email::as_str).map(str::to_owned),
        email_verified: Some(user.email_verified),
        password_hash: (with_hash && !hash.is_unset()).then(|| hash.phc().to_owned()),
        roles: Some(user.roles.iter().map(Role::as_str).map(str::to_owned).collect()),
        status: Some(AccountStatus::from(user.status).as_str().to_owned()),
        locale: user.locale.as_ref().map(Locale::as_str).map(str::to_owned),
        created_at: Some(user.created_at.rfc3339()),
        id: Some(user.id.to_string()),
    }
}

/// In the order of the header.
fn cells(row: &Row) -> String {
    let roles = row.roles.as_ref().map(|roles| roles.join(" "));
    let verified = row.email_verified.map(|verified| verified.to_string());
    let cells = [
        &row.username,
        &row.email,
        &verified,
        &row.password_hash,
        &roles,
        &row.status,
        &row.locale,
        &row.created_at,
        &row.id,
    ];
    cells.map(|cell| quoted(cell.as_deref().unwrap_or_default())).join(",")
}

fn quoted(cell: &str) -> String {
    if cell.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

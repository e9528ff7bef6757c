//! Where no mail server is set, a mail is a file: whole or not there, for its owner alone, and the newest of them.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::NotSent;
use crate::domain::mail::MailId;

/// How many are kept; their names are in the order of time.
const KEPT: usize = 1_000;

pub(super) struct MailFolder {
    path: PathBuf,
}

impl MailFolder {
    pub(super) const fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Writes a mail; one of that id is replaced.
    pub(super) async fn keep(&self, id: MailId, message: Vec<u8>) -> Result<(), NotSent> {
        let folder = self.path.clone();
        let written = tokio::task::spawn_blocking(move || write(&folder, id, &message)).await;
        match written {
            Ok(Ok(file)) => {
                tracing::info!(mail.id = %id, file = %file.display(), "a mail was written; mail.smtp_url sends them");
                Ok(())
            }
            Ok(Err(error)) => Err(NotSent::Away(format!("{}: {error}", self.path.display()))),
            Err(_) => Err(NotSent::Later("writing it panicked".to_owned())),
        }
    }
}

fn write(folder: &Path, id: MailId, message: &[u8]) -> io::Result<PathBuf> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let (file, part) = (folder.join(format!("{id}.eml")), folder.join(format!(".{id}.part")));
    let mut writing = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
    writing.write_all(message)?;
    writing.sync_all()?;
    fs::rename(&part, &file)?;
    forget_oldest(folder)?;
    Ok(file)
}

fn forget_oldest(folder: &Path) -> io::Result<()> {
    let names = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path()));
    let mut mails: Vec<PathBuf> =
        names.filter(|path| path.extension().is_some_and(|it| it == "eml")).collect();
    mails.sort();
    let surplus = mails.len().saturating_sub(KEPT);
    mails[..surplus].iter().try_for_each(fs::remove_file)
}

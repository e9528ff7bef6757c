//! `keyward mail`

use clap::{Args, Subcommand};
use serde::Serialize;

use super::{
    Context,
    error::CliError,
    operator,
    output::{Format, Listing, Row, relative},
};
use crate::{
    answers,
    auth::{
        Auth,
        error::{AuthError, Missing},
        mails::KeptMail,
    },
    domain::{clock::Timestamp, mail::MailId},
};

/// How many are read at once.
const PAGE: u32 = 500;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show mail that waits or was given up: what for, since when, and what came of the last try
    List {
        /// Print an array of objects
        #[arg(long)]
        json: bool,
    },
    /// Have a mail tried once more, at once
    Retry(Which),
    /// Give a mail up for good
    Drop(Which),
}

#[derive(Debug, Args)]
pub(super) struct Which {
    /// Its id
    #[arg(value_parser = parsed)]
    id: MailId,
    #[command(flatten)]
    format: Format,
}

#[derive(Serialize)]
struct Done {
    id: String,
}

fn parsed(text: &str) -> Result<MailId, &'static str> {
    text.parse().map_err(|_| "the id of a mail is as `keyward mail list` shows it")
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), CliError> {
    let app = context.open().await?;
    let (auth, occasion) = (app.auth(), &operator::occasion());
    match command {
        Command::List { json } => list(auth, json).await,
        Command::Retry(Which { id, format }) => {
            auth.retry_mail(id, occasion).await.map_err(|error| missing(id, error))?;
            format.say(&Done { id: id.to_string() }, &format!("{id} is tried again."))
        }
        Command::Drop(Which { id, format }) => {
            auth.drop_mail(id, occasion).await.map_err(|error| missing(id, error))?;
            format.say(&Done { id: id.to_string() }, &format!("{id} is given up."))
        }
    }
}

async fn list(auth: &Auth, json: bool) -> Result<(), CliError> {
    let (mut listing, mut after) = (Listing::new(json), None);
    loop {
        let mails = auth.mails(after, PAGE).await?;
        listing.page(&mails)?;
        after = mails.last().map(|kept| kept.mail.id);
        if after.is_none() {
            return listing.end::<KeptMail>();
        }
    }
}

fn missing(id: MailId, error: AuthError) -> CliError {
    match error {
        AuthError::NotFound(Missing::Mail) => CliError::Refused(format!("there is no mail {id}")),
        error => error.into(),
    }
}

impl Row for KeptMail {
    const COLUMNS: &'static [&'static str] =
        &["id", "kind", "state", "made", "next try", "tries", "last try"];

    fn cells(&self, now: Timestamp) -> Vec<String> {
        let answer = answers::Mail::from(self);
        vec![
            answer.id,
            answer.kind.to_owned(),
            answer.state.as_str().to_owned(),
            relative(self.mail.created_at, now),
            if self.is_dead { "-".to_owned() } else { relative(self.due_at, now) },
            answer.attempts.to_string(),
            answer.failure.unwrap_or_else(|| "-".to_owned()),
        ]
    }

    fn answer(&self) -> impl Serialize {
        answers::Mail::from(self)
    }
}

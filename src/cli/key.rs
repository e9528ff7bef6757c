//! `keyward key`

use clap::Subcommand;
use serde::Serialize;

use super::{
    Context, clock,
    error::CliError,
    operator,
    output::{self, Format, Row, relative},
};
use crate::{
    answers::{Key, NewSecret, PublicKey, RetiredKey, RetiredSealingKey, SealingKey},
    app,
    config::Settings,
    domain::{causes::Causes, clock::Timestamp, ids::InvalidId},
    keys::{operate::KeyInfo, ring::KeyRing, schedule::Retirement, sealing::SealingKeyInfo},
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show all keys: what each does now, and until when
    List {
        /// Those that seal data, in the place of those that sign
        #[arg(long)]
        sealing: bool,
        /// Print an array of objects
        #[arg(long)]
        json: bool,
    },
    /// Print the public half of a key in PEM, for a verifier that reads no JWKS
    Public {
        /// The key's name, its `kid`
        #[arg(allow_hyphen_values = true)]
        kid: String,
        #[command(flatten)]
        format: Format,
    },
    /// Make a new key: published now, signing once every verifier can know it
    Rotate {
        /// One that seals data, once every node can have read it
        #[arg(long)]
        sealing: bool,
        #[command(flatten)]
        format: Format,
    },
    /// Take a key out of service: it signs no more, and verifies what it signed to the end
    Retire {
        /// The key's name: its `kid`, or its id where it seals
        #[arg(allow_hyphen_values = true)]
        kid: String,
        /// Somebody else may have it: delete it, and take none of its tokens any more
        #[arg(long)]
        compromised: bool,
        /// One that seals data: what it sealed can be opened no more
        #[arg(long)]
        sealing: bool,
        #[command(flatten)]
        format: Format,
    },
    /// Make another secret behind refresh tokens and session cookies: everybody signs in again
    ///
    /// For one that is lost, or that somebody else may have. It holds from the next start of each node on.
    NewSecret {
        #[command(flatten)]
        format: Format,
    },
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), CliError> {
    let (settings, _) = context.settings()?;
    let keys = || app::open_keys(&settings, &clock(), settings.server.listen);
    match command {
        Command::List { sealing: true, json } => output::listing(&keys()?.sealer().list(), json),
        Command::List { sealing: false, json } => output::listing(&keys()?.list(), json),
        Command::Public { kid, format } => {
            let pem = keys()?.public_pem(&kid)?;
            let sentence = pem.trim_end().to_owned();
            format.say(&PublicKey { kid, pem }, &sentence)
        }
        Command::Rotate { sealing, format } => rotate(context, &keys()?, sealing, format).await,
        Command::Retire { kid, compromised, sealing: true, format } => {
            retire_sealing_key(&settings, &kid, compromised).await?;
            tell(context, Change::Retired(&format!("sealing {kid}"), manner(compromised))).await;
            let sentence = format!("{kid} is deleted; nothing that it sealed can be opened.");
            format.say(&RetiredSealingKey { id: kid, compromised }, &sentence)
        }
        Command::Retire { kid, compromised, sealing: false, format } => {
            keys()?.retire(&kid, manner(compromised))?;
            tell(context, Change::Retired(&kid, manner(compromised))).await;
            retired(kid, compromised, format)
        }
        Command::NewSecret { format } => {
            make_secret(&settings, format).await?;
            tell(context, Change::Made("refresh.secret")).await;
            Ok(())
        }
    }
}

/// What was done with keys.
enum Change<'a> {
    Made(&'a str),
    Retired(&'a str, Retirement),
}

/// Tells of it where events are kept. It is done: a database that is away must not keep anybody from retiring a key
/// that leaked, nor have it look undone.
async fn tell(context: &Context, change: Change<'_>) {
    let app = match context.open().await {
        Ok(app) => app,
        Err(error) => {
            return output::note(&format!("keyward: no event of this is written: {}", Causes(&error)));
        }
    };
    let (auth, occasion) = (app.auth(), operator::occasion());
    match change {
        Change::Made(key) => auth.note_key_rotated(key, &occasion).await,
        Change::Retired(key, how) => auth.note_key_retired(key, how, &occasion).await,
    }
}

async fn rotate(context: &Context, keys: &KeyRing, sealing: bool, format: Format) -> Result<(), CliError> {
    if sealing {
        let key = keys.sealer().rotate()?;
        tell(context, Change::Made(&format!("sealing {}", key.id))).await;
        let seals = relative(key.seals_from, clock().now());
        return format.say(&key.answer(), &format!("{} is made; it seals {seals}.", key.id));
    }
    let key = keys.rotate()?;
    tell(context, Change::Made(&key.kid)).await;
    let signs = relative(key.signs_from, clock().now());
    format.say(&key.answer(), &format!("{} is made; it signs {signs}.", key.kid))
}

fn retired(kid: String, compromised: bool, format: Format) -> Result<(), CliError> {
    let sentence = if compromised {
        format!("{kid} is deleted; running servers refuse its tokens within a minute, or at once on SIGHUP.")
    } else {
        format!("{kid} signs no more; running servers follow within a minute.")
    };
    format.say(&RetiredKey { kid, compromised }, &sentence)
}

async fn retire_sealing_key(settings: &Settings, id: &str, compromised: bool) -> Result<(), CliError> {
    let parsed = id.parse().map_err(|error: InvalidId| CliError::Refused(format!("{id:?} is {error}")))?;
    Ok(app::retire_sealing_key(settings, &clock(), parsed, manner(compromised)).await?)
}

const fn manner(compromised: bool) -> Retirement {
    if compromised { Retirement::Compromised } else { Retirement::Orderly }
}

async fn make_secret(settings: &Settings, format: Format) -> Result<(), CliError> {
    app::new_secret(settings, &clock()).await?;
    let secret = settings.keys.dir.join("refresh.secret");
    let sentence =
        "A new refresh.secret is made. Give it to every node and start each anew: everybody signs in again.";
    format.say(&NewSecret { secret }, sentence)
}

impl Row for KeyInfo {
    const COLUMNS: &'static [&'static str] = &["kid", "alg", "state", "created", "signs from", "ends"];

    fn cells(&self, now: Timestamp) -> Vec<String> {
        vec![
            self.kid.clone(),
            self.algorithm.to_string(),
            self.state.as_str().to_owned(),
            relative(self.born, now),
            relative(self.signs_from, now),
            self.ends.map_or_else(|| "-".to_owned(), |ends| relative(ends, now)),
        ]
    }

    fn answer(&self) -> impl Serialize {
        Key::from(self)
    }
}

impl Row for SealingKeyInfo {
    const COLUMNS: &'static [&'static str] = &["id", "state", "created", "seals from"];

    fn cells(&self, now: Timestamp) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.state.as_str().to_owned(),
            relative(self.born, now),
            relative(self.seals_from, now),
        ]
    }

    fn answer(&self) -> impl Serialize {
        SealingKey::from(self)
    }
}

//! `keyward key`

use clap::Subcommand;
use serde_json::{Value, json};

use super::{
    Context, clock,
    error::CliError,
    output::{self, Row, relative},
};
use crate::{
    app,
    domain::clock::Timestamp,
    keys::operate::{KeyInfo, Retirement},
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show all keys: what each does now, and until when
    List {
        /// Print an array of objects
        #[arg(long)]
        json: bool,
    },
    /// Print the public half of a key in PEM, for a verifier that reads no JWKS
    Public {
        /// The key's name, its `kid`
        #[arg(allow_hyphen_values = true)]
        kid: String,
    },
    /// Make a new key: published now, signing once every verifier can know it
    Rotate,
    /// Take a key out of service: it signs no more, and verifies what it signed to the end
    Retire {
        /// The key's name, its `kid`
        #[arg(allow_hyphen_values = true)]
        kid: String,
        /// Somebody else may have it: delete it, and take none of its tokens any more
        #[arg(long)]
        compromised: bool,
    },
}

pub(super) fn run(context: &Context, command: Command) -> Result<(), CliError> {
    let (settings, _) = context.settings()?;
    let keys = app::open_keys(&settings, &clock(), settings.server.listen)?;
    match command {
        Command::List { json } => output::listing(&keys.list(), json),
        Command::Public { kid } => output::line(keys.public_pem(&kid)?.trim_end()),
        Command::Rotate => {
            let key = keys.rotate()?;
            let signs = relative(key.signs_from, clock().now());
            output::line(&format!("{} is made; it signs {signs}.", key.kid))
        }
        Command::Retire { kid, compromised: false } => {
            keys.retire(&kid, Retirement::Orderly)?;
            output::line(&format!("{kid} signs no more; running servers follow within a minute."))
        }
        Command::Retire { kid, compromised: true } => {
            keys.retire(&kid, Retirement::Compromised)?;
            output::line(&format!(
                "{kid} is deleted; running servers refuse its tokens within a minute, or at once on SIGHUP."
            ))
        }
    }
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

    fn object(&self) -> Value {
        json!({
            "kid": self.kid,
            "alg": self.algorithm.as_str(),
            "state": self.state.as_str(),
            "created_at": self.born.rfc3339(),
            "signs_from": self.signs_from.rfc3339(),
            "ends_at": self.ends.map(Timestamp::rfc3339),
        })
    }
}

//! `keyward health`

use std::{io, time::Duration};

use clap::Args as ClapArgs;
use tokio::time::timeout;

use super::{Context, error::CliError};
use crate::gateway::{Target, configs};

/// Whoever asks will ask again soon, and must not wait for a server that hangs.
const PATIENCE: Duration = Duration::from_secs(5);
/// How much is shown of an answer that something else may have given.
const SHOWN: usize = 300;

#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// Ask whether it can serve, too: it cannot while a store is away, or once it has been told to stop
    #[arg(long)]
    ready: bool,
}

pub(super) async fn run(context: &Context, args: &Args) -> Result<(), CliError> {
    let listener = configs::to_reach(context.settings()?.0.server.management_listen);
    if listener.port() == 0 {
        let why = "server.management_listen has port 0, which is another one at each start: set one";
        return Err(CliError::Refused(why.to_owned()));
    }
    let path = if args.ready { "/readyz" } else { "/healthz" };
    let server = Target::parse(&format!("http://{listener}"))?;
    let answer = timeout(PATIENCE, server.get(path)).await.unwrap_or_else(|_| Err(late()));
    let refused = match answer {
        Ok(answer) if answer.status == 200 => return Ok(()),
        Ok(answer) => format!("answers {}: {}", answer.status, shown(&answer.body)),
        Err(error) => format!("does not answer: {error}"),
    };
    Err(CliError::Refused(format!("http://{listener}{path} {refused}")))
}

fn late() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("nothing within {} s", PATIENCE.as_secs()))
}

fn shown(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SHOWN).collect()
}

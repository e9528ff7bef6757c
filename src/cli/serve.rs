//! `keyward serve`

use tokio::signal::unix::{SignalKind, signal};

use super::{Context, clock, error::CliError, output};
use crate::{app::Server, domain::secret::Password};

pub(super) async fn run(context: &Context) -> Result<(), CliError> {
    let (settings, _) = context.settings()?;
    let stop = asked_to_stop()?;
    let (server, first_password) = Server::start(settings, clock()).await?;
    if let Some(password) = first_password {
        welcome(server.public_url(), &password)?;
    }
    Ok(server.run(stop).await?)
}

/// SIGTERM or Ctrl-C.
fn asked_to_stop() -> Result<impl Future<Output = ()>, CliError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(CliError::Runtime)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(CliError::Runtime)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Said once in the life of an installation: the password is kept nowhere but hashed.
fn welcome(url: &str, password: &Password) -> Result<(), CliError> {
    let password = password.expose();
    output::line(&format!(
        "\
Welcome to Keyward. There was no account yet, so this one was made:

    user      admin
    password  {password}

The password is shown this once; `keyward user set-password admin` sets another. Sign in:

    curl -s {url}/v1/login -H 'Content-Type: application/json' \\
      -d '{{\"username\":\"admin\",\"password\":\"{password}\"}}'

`keyward user add NAME` makes more accounts, `keyward doctor` checks the set-up."
    ))
}

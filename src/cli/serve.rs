//! `keyward serve`

use tokio::signal::unix::{SignalKind, signal};

use super::{Context, clock, error::CliError, welcome};
use crate::app::Server;

pub(super) async fn run(context: &Context) -> Result<(), CliError> {
    let running = context.running_settings()?;
    let stop = asked_to_stop()?;
    let data_dir = running.settings().storage.data_dir.clone();
    let (server, first_password) = Server::start(running, clock()).await?;
    if let Some(password) = first_password {
        welcome::welcome(server.public_address()?, &data_dir, &password);
    }
    Ok(server.run(stop).await?)
}

/// SIGTERM or Ctrl-C, the next one at each call.
fn asked_to_stop() -> Result<impl AsyncFnMut(), CliError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(CliError::Runtime)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(CliError::Runtime)?;
    Ok(async move || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

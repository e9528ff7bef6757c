//! A server from its start to its stop.

use std::{net::SocketAddr, sync::Arc};

use super::{Keyward, Listeners, StartError};
use crate::{
    config::{PublicUrl, Settings},
    domain::{clock::Clock, secret::Password},
    telemetry::{self, Last, Metrics},
};

/// A server that is ready and listens, but does not answer yet.
pub struct Server {
    app: Keyward,
    listeners: Listeners,
    metrics: Metrics,
    public_url: PublicUrl,
    last: Last,
}

impl Server {
    /// Sets up all there is: logging, listeners, stores, keys. Where there is no account, makes the
    /// first one and returns its password.
    ///
    /// # Errors
    /// When something cannot be used; nothing is left running then.
    pub async fn start(
        settings: Settings,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, Option<Password>), StartError> {
        let metrics = Metrics::start()?;
        let last = telemetry::start(&settings.log, &settings.telemetry)?;
        let listeners = Listeners::bind(&settings.server)?;
        let public = listeners.public_address()?;
        let public_url = settings.server.public_url(public);
        let app = Keyward::open(settings, clock, public).await?;
        let first_password = app.auth().add_first_account().await.map_err(StartError::Verbs)?;
        Ok((Self { app, listeners, metrics, public_url, last }, first_password))
    }

    /// Where the public listener is.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn public_address(&self) -> Result<SocketAddr, StartError> {
        self.listeners.public_address()
    }

    /// Serves until `stop` is over, announces that for `server.drain_delay` or until it is over once
    /// more, and lets what is under way finish.
    ///
    /// # Errors
    /// When a listener fails.
    pub async fn run(self, stop: impl AsyncFnMut()) -> Result<(), StartError> {
        let management = self.listeners.management_address()?;
        tracing::info!(
            server.version = env!("CARGO_PKG_VERSION"),
            server.listen = %self.public_address()?,
            server.management_listen = %management,
            server.public_url = self.public_url.as_str(),
            "ready"
        );
        self.app.serve(self.listeners, self.metrics, stop).await?;
        tracing::info!("stopped");
        self.last.spans.await;
        drop(self.last.lines);
        Ok(())
    }
}

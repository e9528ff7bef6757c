//! The listeners, bound before anything else starts: a port that is taken is known at once.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

use tokio::task::JoinError;

use super::StartError;
use crate::{
    config,
    http::{self, Http},
};

/// Bound, not yet answering.
pub struct Listeners {
    public: TcpListener,
    management: TcpListener,
    check: Option<TcpListener>,
    ext_authz: Option<TcpListener>,
}

impl Listeners {
    /// Binds what the settings name; port 0 takes any free one.
    ///
    /// # Errors
    /// When an address cannot be had, with the setting it comes from.
    pub fn bind(settings: &config::Server) -> Result<Self, StartError> {
        let bind = |setting: &'static str, address: SocketAddr| {
            TcpListener::bind(address).map_err(|source| StartError::Listen { setting, address, source })
        };
        let bind_if_set =
            |setting, address: Option<SocketAddr>| address.map(|address| bind(setting, address)).transpose();
        Ok(Self {
            public: bind("server.listen", settings.listen)?,
            management: bind("server.management_listen", settings.management_listen)?,
            check: bind_if_set("server.check_listen", settings.check_listen)?,
            ext_authz: bind_if_set("server.ext_authz_listen", settings.ext_authz_listen)?,
        })
    }

    /// Where the public listener is.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn public_address(&self) -> Result<SocketAddr, StartError> {
        self.public.local_addr().map_err(StartError::Serve)
    }

    /// Where the management listener is.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn management_address(&self) -> Result<SocketAddr, StartError> {
        self.management.local_addr().map_err(StartError::Serve)
    }

    /// Each with what it serves.
    pub(super) fn with_routes(self, http: &Arc<Http>) -> Vec<(TcpListener, http::Routes)> {
        let mut all = vec![(self.public, http::public(http)), (self.management, http::management(http))];
        all.extend(self.check.map(|listener| (listener, http::check_only(http))));
        all.extend(self.ext_authz.map(|listener| (listener, http::ext_authz(http))));
        all
    }
}

/// What became of a listener's task.
pub(super) fn outcome(ended: Result<io::Result<()>, JoinError>) -> Result<(), StartError> {
    ended.map_err(io::Error::other).and_then(|served| served).map_err(StartError::Serve)
}

//! The listeners, bound before anything else starts: a port that is taken is known at once.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

use rustix::net::listen;
use tokio::task::JoinError;

use super::{StartError, descriptors::Shares};
use crate::{
    config,
    http::{
        self, Http, ListenerService, Room, TrustedProxies,
        server::{Listener, Speaks},
    },
};

/// How many connections may wait to be taken; the system holds it to `net.core.somaxconn`, which is as many. Where
/// more come at once, TCP asks again after 1, 3, 7, 15 and 31 s: as when all clients come back after a restart.
const WAITING: i32 = 4_096;

/// Bound, not yet answering.
pub struct Listeners {
    public: TcpListener,
    management: TcpListener,
    check: Option<TcpListener>,
    ext_authz: Option<TcpListener>,
    admin: Option<TcpListener>,
}

impl Listeners {
    /// Binds what the settings name; port 0 takes any free one.
    ///
    /// # Errors
    /// When an address cannot be had, with the setting it comes from.
    pub fn bind(settings: &config::Server) -> Result<Self, StartError> {
        let bind = |setting: &'static str, address: SocketAddr| {
            let bound = TcpListener::bind(address).and_then(|socket| {
                listen(&socket, WAITING)?;
                Ok(socket)
            });
            bound.map_err(|source| StartError::Listen { setting, address, source })
        };
        let bind_if_set =
            |setting, address: Option<SocketAddr>| address.map(|address| bind(setting, address)).transpose();
        Ok(Self {
            public: bind("server.listen", settings.listen)?,
            management: bind("server.management_listen", settings.management_listen)?,
            check: bind_if_set("server.check_listen", settings.check_listen)?,
            ext_authz: bind_if_set("server.ext_authz_listen", settings.ext_authz_listen)?,
            admin: bind_if_set("server.admin_listen", settings.admin_listen)?,
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

    /// Each with what it serves, and as many connections as `descriptors` give.
    pub(super) fn with_routes(self, http: &Arc<Http>, descriptors: u64) -> Vec<Listener> {
        let shares = Shares::of(descriptors, 1 + self.optional());
        shares.warn(descriptors);
        let all =
            |listener, total| Room { listener, total, of_peer: None, proxies: TrustedProxies::default() };
        // One client, or a proxy that nobody has named, gets half. A gateway may have all that is its own.
        let fair = |listener, total| Room {
            of_peer: Some(total / 2),
            proxies: http.trusted_proxies.clone(),
            ..all(listener, total)
        };
        let listener =
            |socket, routes: ListenerService, speaks, room| Listener { socket, routes, speaks, room };
        let (public, management) = (http::public(http), http::management(http));
        let mut listeners = vec![
            listener(self.public, public, Speaks::Http1, fair("public", shares.others)),
            listener(self.management, management, Speaks::Http1, all("management", shares.management)),
        ];
        listeners.extend(self.check.map(|socket| {
            listener(socket, http::check_only(http), Speaks::Http1, all("check", shares.others))
        }));
        listeners.extend(self.ext_authz.map(|socket| {
            listener(socket, http::ext_authz(http), Speaks::Http1And2, all("ext_authz", shares.others))
        }));
        listeners.extend(
            self.admin.map(|socket| {
                listener(socket, http::admin(http), Speaks::Http1, fair("admin", shares.others))
            }),
        );
        listeners
    }

    fn optional(&self) -> usize {
        [&self.check, &self.ext_authz, &self.admin].into_iter().flatten().count()
    }
}

/// What became of a listener's task.
pub(super) fn outcome(ended: Result<io::Result<()>, JoinError>) -> Result<(), StartError> {
    ended.map_err(io::Error::other).and_then(|served| served).map_err(StartError::Serve)
}

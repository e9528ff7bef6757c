//! The proxies whose word on the client's address is believed; they may be others at the next request.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use ipnet::IpNet;

/// One list, wherever it is looked at.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Arc<ArcSwap<Vec<IpNet>>>);

impl TrustedProxies {
    #[must_use]
    pub fn of(networks: Vec<IpNet>) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(networks)))
    }

    /// Trusts these from now on, and no others.
    pub fn replace(&self, networks: Vec<IpNet>) {
        self.0.store(Arc::new(networks));
    }

    /// Those that are trusted now.
    #[must_use]
    pub fn now(&self) -> Guard<Arc<Vec<IpNet>>> {
        self.0.load()
    }
}

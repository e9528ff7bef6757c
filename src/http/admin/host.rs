//! Under which names the admin listener answers. A page in an operator's browser can give its own name the address of
//! a listener that only that browser reaches (DNS rebinding); what then arrives has that name in `Host`.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{Request, State},
    http::{header, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{
    config::PublicUrl,
    http::{Shared, wire::problem::Problem},
};

/// The names and addresses of the admin listener, whatever the port: it may be reached through a tunnel.
#[derive(Debug, Clone)]
pub struct AdminHosts {
    names: Vec<String>,
    /// `None` = any: it listens on all addresses of the machine.
    address: Option<IpAddr>,
}

impl AdminHosts {
    /// The names an operator gave it, and that of the server.
    #[must_use]
    pub fn of(listen: Option<SocketAddr>, public_url: &PublicUrl, names: &[String]) -> Self {
        let public = public_url.origin().split_once("://").map_or("", |(_, authority)| authority);
        let public = public.parse::<Authority>().ok().map(|authority| authority.host().to_owned());
        let own = names.iter().cloned().chain(public).chain(["localhost".to_owned()]);
        let address = listen.map(|listen| listen.ip()).filter(|ip| !ip.is_unspecified());
        Self { names: own.map(|name| name.to_ascii_lowercase()).collect(), address }
    }

    fn has(&self, authority: &Authority) -> bool {
        // No user name before the host: nothing that speaks HTTP sends one.
        if authority.as_str().contains('@') {
            return false;
        }
        let host = authority.host().to_ascii_lowercase();
        match host.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(ip) if ip.is_loopback() || self.address.is_none_or(|own| own == ip) => true,
            _ => self.names.contains(&host),
        }
    }
}

/// Refuses what was meant for another host.
pub async fn guard(State(http): State<Shared>, request: Request, next: Next) -> Response {
    if names(&request).is_some_and(|names| names.iter().all(|name| http.admin_hosts.has(name))) {
        return next.run(request).await;
    }
    Problem::foreign_host().into_response()
}

/// What the one `Host` header says, and the request's target where it names a host too (RFC 9112 section 3.2.2).
fn names(request: &Request) -> Option<Vec<Authority>> {
    let mut lines = request.headers().get_all(header::HOST).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return None };
    let host = line.to_str().ok()?.parse::<Authority>().ok()?;
    Some([host].into_iter().chain(request.uri().authority().cloned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(listen: &str, host: &str) -> bool {
        let url = PublicUrl::parse("https://auth.example.com:8443").expect("a URL");
        let hosts = AdminHosts::of(listen.parse().ok(), &url, &["Admin.internal".to_owned()]);
        host.parse().is_ok_and(|authority| hosts.has(&authority))
    }

    #[test]
    fn it_answers_to_its_own_names_and_addresses_at_any_port() {
        for host in ["localhost:1", "LOCALHOST", "127.0.0.1:8082", "127.9.9.9", "[::1]:8082", "10.0.0.5:80"] {
            assert!(has("10.0.0.5:8082", host), "{host}");
        }
        for host in ["auth.example.com", "AUTH.example.com:9", "admin.internal:8082"] {
            assert!(has("10.0.0.5:8082", host), "{host}");
        }
        assert!(has("0.0.0.0:8082", "192.0.2.7:8082") && has("[::]:8082", "[2001:db8::1]"));
    }

    #[test]
    fn it_answers_to_no_other() {
        for host in [
            "evil.example.com",
            "localhost.evil.example.com",
            "127.0.0.1.evil.example.com",
            "auth.example.com.evil.example.com",
            "evil@localhost",
            "localhost@evil.example.com",
            "localhost.",
            "192.0.2.7",
            "[2001:db8::1]",
            "2130706433",
            "0x7f.1",
            "",
        ] {
            assert!(!has("10.0.0.5:8082", host), "{host}");
        }
    }
}

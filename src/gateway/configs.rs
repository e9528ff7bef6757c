//! The configurations of gateways: the files of `gateways/`, which are for our default addresses, with
//! other addresses put in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A gateway that is known here.
#[derive(Debug)]
pub struct Gateway {
    pub name: &'static str,
    /// The listener that it asks.
    pub asks: Asks,
    files: &'static [(&'static str, &'static str)],
}

/// A listener of Keyward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// `server.check_listen`.
    Check,
    /// `server.ext_authz_listen`.
    ExtAuthz,
}

pub const GATEWAYS: [Gateway; 6] = [
    Gateway {
        name: "caddy",
        asks: Asks::Check,
        files: &[("caddy.Caddyfile", include_str!("../../gateways/caddy.Caddyfile"))],
    },
    Gateway {
        name: "envoy-grpc",
        asks: Asks::ExtAuthz,
        files: &[("envoy-grpc.yaml", include_str!("../../gateways/envoy-grpc.yaml"))],
    },
    Gateway {
        name: "envoy-http",
        asks: Asks::Check,
        files: &[("envoy-http.yaml", include_str!("../../gateways/envoy-http.yaml"))],
    },
    Gateway {
        name: "haproxy",
        asks: Asks::Check,
        files: &[
            ("haproxy.cfg", include_str!("../../gateways/haproxy.cfg")),
            ("haproxy.lua", include_str!("../../gateways/haproxy.lua")),
        ],
    },
    Gateway {
        name: "nginx",
        asks: Asks::Check,
        files: &[("nginx.conf", include_str!("../../gateways/nginx.conf"))],
    },
    Gateway {
        name: "traefik",
        asks: Asks::Check,
        files: &[
            ("traefik.yaml", include_str!("../../gateways/traefik.yaml")),
            ("traefik-dynamic.yaml", include_str!("../../gateways/traefik-dynamic.yaml")),
        ],
    },
];

/// Who is where: hosts and ports.
#[derive(Debug, Clone, Copy)]
pub struct Addresses<'a> {
    /// The listener that the gateway asks.
    pub check: (&'a str, u16),
    /// The app behind the gateway.
    pub app: (&'a str, u16),
    pub listen: (&'a str, u16),
}

impl Gateway {
    /// The files, by name, for these addresses.
    #[must_use]
    pub fn files(&self, addresses: &Addresses<'_>) -> Vec<(&'static str, String)> {
        let put_in = |text| addresses.put_in(text, &self.asks.defaults());
        self.files.iter().map(|(name, text)| (*name, put_in(text))).collect()
    }
}

impl Asks {
    /// What the files are for as they lie there.
    const fn defaults(self) -> Addresses<'static> {
        let port = match self {
            Self::Check => 8082,
            Self::ExtAuthz => 8083,
        };
        Addresses { check: ("127.0.0.1", port), app: ("127.0.0.1", 3000), listen: ("127.0.0.1", 8000) }
    }
}

impl Addresses<'_> {
    /// In two steps, so that no address that was put in is taken for a default.
    fn put_in(&self, text: &str, defaults: &Addresses<'_>) -> String {
        let all = defaults.all().into_iter().zip(self.all());
        let mut text = text.to_owned();
        let mut actual = Vec::new();
        for (number, (default, expected)) in all.enumerate() {
            for (form, (default, expected)) in spelled(default).into_iter().zip(spelled(expected)).enumerate()
            {
                let mark = format!("\u{0}{number}{form}");
                text = text.replace(&default, &mark);
                actual.push((mark, expected));
            }
        }
        actual.into_iter().fold(text, |text, (mark, expected)| text.replace(&mark, &expected))
    }

    const fn all(&self) -> [(&str, u16); 3] {
        [self.check, self.app, self.listen]
    }
}

/// An address in the forms that the files have it in.
fn spelled((host, port): (&str, u16)) -> [String; 3] {
    let bare = host.trim_matches(['[', ']']);
    [
        format!("{host}:{port}"),
        format!("http://:{port} {{\n\tbind {bare}\n"),
        format!(r#"address: "{bare}", port_value: {port} }}"#),
    ]
}

/// Where to connect to reach who listens there: an address that means all of them is none to call.
#[must_use]
pub fn to_reach(listener: SocketAddr) -> SocketAddr {
    let ip = match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listener.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTHERS: Addresses<'_> =
        Addresses { check: ("127.0.0.1", 8000), app: ("app.example", 8082), listen: ("[::1]", 3000) };

    #[test]
    fn the_files_are_for_the_defaults_and_for_nothing_else() {
        for gateway in &GATEWAYS {
            let together =
                |addresses| gateway.files(addresses).into_iter().map(|(_, text)| text).collect::<String>();
            let as_they_lie: String = gateway.files.iter().map(|(_, text)| *text).collect();
            let defaults = gateway.asks.defaults();
            assert_eq!(together(&defaults), as_they_lie, "{}", gateway.name);
            for address in defaults.all() {
                let has_one = spelled(address).iter().any(|form| as_they_lie.contains(form));
                assert!(has_one, "{}: no {address:?}", gateway.name);
            }
            let others = together(&OTHERS);
            assert!(others.contains("127.0.0.1:8000") && others.contains("app.example:8082"), "{others}");
            let put_in = [spelled(OTHERS.check), spelled(OTHERS.app)].concat();
            let left = put_in.iter().fold(others, |left, form| left.replace(form, ""));
            for number in ["127.0.0.1", "8000", "8082", "8083"] {
                assert!(!left.contains(number), "{}: {number} in {left}", gateway.name);
            }
        }
    }

    #[test]
    fn a_listener_on_all_addresses_is_reached_on_the_loopback() {
        for (listener, reached) in
            [("0.0.0.0:1", "127.0.0.1:1"), ("[::]:1", "[::1]:1"), ("10.0.0.1:1", "10.0.0.1:1")]
        {
            assert_eq!(to_reach(listener.parse().expect(listener)).to_string(), reached);
        }
    }
}

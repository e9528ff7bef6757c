//! The client's address behind proxies: `Forwarded` (RFC 7239) or `X-Forwarded-For`, walked from
//! right to left and believed only as far as the proxies are trusted.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use ipnet::IpNet;

/// More hops than any chain of proxies has are not walked.
const MAX_HOPS: usize = 32;

/// The address of the nearest hop that is not a trusted proxy. What a client writes into these
/// headers is left of what the first trusted proxy appends, so it is never reached. A hop that is not
/// an address ends the walk at the proxy that reported it.
///
/// Most proxies write one of the two headers and pass the other on as the client sent it. Where both
/// came they must lead to the same address, else none but the peer's is believed.
#[must_use]
pub fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let peer = peer.to_canonical();
    let standard: Vec<_> = elements(headers, "forwarded").into_iter().map(forwarded_for).collect();
    let customary: Vec<_> = elements(headers, "x-forwarded-for").into_iter().map(node).collect();
    let [standard_client, customary_client] = [&standard, &customary].map(|hops| walk(peer, hops, trusted));
    match (standard.is_empty(), customary.is_empty()) {
        (true, _) => customary_client,
        (_, true) => standard_client,
        _ if standard_client == customary_client => standard_client,
        _ => peer,
    }
}

/// Whether a peer that is not trusted says for whom it asks.
#[must_use]
pub fn is_unheard(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> bool {
    let says = headers.contains_key("x-forwarded-for") || headers.contains_key("forwarded");
    says && !is_trusted(peer.to_canonical(), trusted)
}

pub(super) fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|net| net.contains(&address))
}

/// Follows hops, nearest first, as far as the proxies are trusted; `None` is one that is no address.
fn walk(peer: IpAddr, hops: &[Option<IpAddr>], trusted: &[IpNet]) -> IpAddr {
    let mut client = peer;
    for hop in hops.iter().take(MAX_HOPS) {
        let Some(address) = hop.filter(|_| is_trusted(client, trusted)) else { break };
        client = address;
    }
    client
}

/// The comma-separated elements of all lines of a header, last first.
fn elements<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    let lines: Vec<&str> = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("")).collect();
    lines.iter().rev().flat_map(|line| line.rsplit(',')).map(str::trim).collect()
}

fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    node(value.trim().trim_matches('"'))
}

/// An address, with or without a port, IPv6 with or without brackets.
fn node(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address =
        bare.parse::<IpAddr>().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, lines: &[(&'static str, &str)]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().expect("a header value"));
        }
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|net| net.parse().expect("a net"));
        client_address(peer.parse().expect("an address"), &headers, &trusted).to_string()
    }

    #[test]
    fn the_walk_stops_at_the_first_stranger() {
        const XFF: &str = "x-forwarded-for";
        assert_eq!(client("192.0.2.9", &[(XFF, "6.6.6.6")]), "192.0.2.9");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &[(XFF, "6.6.6.6, 192.0.2.1, 10.0.0.2")]), "192.0.2.1");
        assert_eq!(client("10.0.0.1", &[(XFF, "6.6.6.6"), (XFF, "192.0.2.1")]), "192.0.2.1");
        assert_eq!(client("::ffff:10.0.0.1", &[(XFF, "192.0.2.1:4711")]), "192.0.2.1");
        assert_eq!(client("10.0.0.1", &[(XFF, "6.6.6.6, junk")]), "10.0.0.1");
        assert_eq!(
            client("fd00::1", &[("forwarded", r#"for=6.6.6.6, for="[2001:db8::1]:80";proto=https"#)]),
            "2001:db8::1"
        );
        assert_eq!(client("10.0.0.1", &[("forwarded", "for=_hidden"), (XFF, "6.6.6.6")]), "10.0.0.1");
    }

    #[test]
    fn a_header_the_proxy_only_passes_on_is_not_believed() {
        const XFF: &str = "x-forwarded-for";
        let both = |forwarded, xff| client("10.0.0.1", &[("forwarded", forwarded), (XFF, xff)]);
        assert_eq!(both("for=6.6.6.6", "192.0.2.1"), "10.0.0.1");
        assert_eq!(both("for=192.0.2.1", "6.6.6.6"), "10.0.0.1");
        assert_eq!(both("for=6.6.6.6, for=192.0.2.1", "6.6.6.6, 192.0.2.1, 10.0.0.2"), "192.0.2.1");
    }
}

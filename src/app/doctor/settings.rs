//! Settings that are allowed, and that an operator should know the price of.

use super::finding::Finding;
use crate::config::{RefreshKeys, Server, Settings};

pub(super) fn examine(settings: &Settings) -> Vec<Finding> {
    let server = &settings.server;
    let public_url = server.public_url(server.listen);
    let mut findings = Vec::new();
    let mut note = |applies: bool, text: String| {
        if applies {
            findings.push(Finding::note("settings", text));
        }
    };
    let url = public_url.as_str();
    note(
        server.public_url_set.is_none() && server.listen.ip().is_unspecified(),
        format!("server.public_url is not set: tokens will name {url} as issuer"),
    );
    note(!public_url.is_private(), format!("passwords and tokens cross the network in the clear to {url}"));
    note(
        !server.management_listen.ip().is_loopback(),
        format!("metrics are open to whoever reaches {}", server.management_listen),
    );
    note(
        server.trusted_proxies.is_empty() && has_proxy(server),
        format!(
            "server.public_url is {url}, which a proxy seems to answer, and server.trusted_proxies is empty: \
             all its clients count as one address, so a few wrong passwords keep everybody out; name the \
             proxy's address there"
        ),
    );
    note(
        has_plain_keys(settings),
        "storage.refresh_keys is plain: a copy of the Redis signs in as anybody".to_owned(),
    );
    findings.extend(server.trusted_proxies.iter().filter(|network| network.prefix_len() == 0).map(
        |network| {
            Finding::wrong(
                "settings",
                format!("server.trusted_proxies has {network}: anybody can claim any address"),
            )
        },
    ));
    if findings.is_empty() {
        findings.push(Finding::good("settings", "nothing to remark"));
    }
    findings
}

fn has_plain_keys(settings: &Settings) -> bool {
    settings.storage.redis.as_ref().is_some_and(|redis| redis.refresh_keys == RefreshKeys::Plain)
}

/// Whether clients know the server by an address that it does not answer itself: it speaks no TLS, and
/// has one port.
fn has_proxy(server: &Server) -> bool {
    let Some(url) = &server.public_url_set else { return false };
    let Some(authority) = url.origin().strip_prefix("http://") else { return true };
    let port = authority.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(80);
    server.listen.port() != port
}

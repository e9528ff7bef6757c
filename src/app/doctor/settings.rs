//! Settings that are allowed, and that an operator should know the price of.

use std::{collections::BTreeSet, fs, net::IpAddr, os::unix::fs::MetadataExt, path::Path};

use ipnet::IpNet;

use super::finding::Finding;
use crate::{
    config::{Redis, RefreshKeys, Server, SettingOrigin, Settings, SettingsInForce, Storage, Tokens},
    store::redis::installation::{IN_USE, TokenNames},
};

/// The least characters of a password (NIST SP 800-63B section 3.1.1.2, OWASP ASVS 6.2.1).
const PASSWORD_LEAST: usize = 8;

pub(super) fn examine(settings: &Settings, in_force: &SettingsInForce) -> Vec<Finding> {
    let mut findings = exposure(&settings.server);
    findings.extend(of_files(in_force));
    findings.extend(trust(&settings.server));
    findings.extend(of_passkeys(settings));
    findings.extend(of_tokens(&settings.tokens));
    findings.extend(of_storage(&settings.storage));
    let least = settings.accounts.password_min_length;
    if least < PASSWORD_LEAST {
        let text =
            format!("accounts.password_min_length is {least}: no standard takes fewer than {PASSWORD_LEAST}");
        findings.push(note(text));
    }
    if findings.is_empty() {
        findings.push(Finding::good("settings", "nothing to remark"));
    }
    findings
}

/// Nodes of one server say the same in their tokens, or refuse each other's.
pub(super) fn of_token_names(settings: &Settings, noted: &[TokenNames]) -> Vec<Finding> {
    let issuer = settings.server.public_url(settings.server.listen).as_str().to_owned();
    let ours = TokenNames { issuer, audience: settings.tokens.audience.clone() };
    let finding = |theirs: &TokenNames| {
        format!(
            "a node says issuer {} and audience {} in its tokens, and this one {} and {}, so each refuses the tokens \
             of the other: set server.public_url and tokens.audience alike on all nodes (what was changed is named \
             here for up to {} minutes)",
            theirs.issuer,
            theirs.audience,
            ours.issuer,
            ours.audience,
            IN_USE.as_secs() / 60
        )
    };
    let others = noted.iter().filter(|theirs| **theirs != ours);
    others.map(|theirs| Finding::wrong("settings", finding(theirs))).collect()
}

fn note(text: String) -> Finding {
    Finding::note("settings", text)
}

/// Who reaches it, and by which way.
fn exposure(server: &Server) -> Vec<Finding> {
    let public_url = server.public_url(server.listen);
    let url = public_url.as_str();
    let mut findings = Vec::new();
    if server.public_url_set.is_none() && server.listen.ip().is_unspecified() {
        findings.push(note(format!("server.public_url is not set: tokens will name {url} as issuer")));
    }
    if !public_url.is_private() {
        findings.push(note(format!("passwords and tokens cross the network in the clear to {url}")));
    }
    if !server.management_listen.ip().is_loopback() {
        findings.push(note(format!("metrics are open to whoever reaches {}", server.management_listen)));
    }
    if let Some(admin) = server.admin_listen.filter(|admin| !admin.ip().is_loopback()) {
        findings.push(note(format!(
            "the admin API is open to whoever reaches {admin}, and its tokens cross the network in the clear: let \
             a proxy with TLS stand in front of a loopback address"
        )));
    }
    findings
}

/// Whether browsers make passkeys of that domain. Where the public URL is not set, nobody has come so far.
fn of_passkeys(settings: &Settings) -> Option<Finding> {
    let host = settings.server.public_url_set.as_ref()?.host();
    let domain = settings.accounts.passkey_rp_id.as_deref().unwrap_or(host);
    if let Ok(address) = domain.trim_matches(['[', ']']).parse::<IpAddr>() {
        return (!address.is_loopback()).then(|| {
            note(format!("no browser makes passkeys of the address {domain}: set accounts.passkey_rp_id"))
        });
    }
    let is_below = host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    (!is_below).then(|| {
        note(format!(
            "accounts.passkey_rp_id is {domain}, which server.public_url is not below: pages of {host} use none of \
             its passkeys, unless https://{domain}/.well-known/webauthn names their origin"
        ))
    })
}

/// Whose word is taken for a client's address.
fn trust(server: &Server) -> Vec<Finding> {
    if server.trusted_proxies.is_empty() && has_proxy(server) {
        let url = server.public_url(server.listen);
        return vec![note(format!(
            "server.public_url is {}, which a proxy seems to answer, and server.trusted_proxies is empty: all its \
             clients count as one address, so a few wrong passwords keep everybody out; name the proxy's address \
             there",
            url.as_str()
        ))];
    }
    let anybody = server.trusted_proxies.iter().filter(|network| is_everywhere(network));
    let finding = |network| {
        format!(
            "server.trusted_proxies has {network}: anybody can claim any address; name your proxies alone"
        )
    };
    anybody.map(|network| Finding::wrong("settings", finding(network))).collect()
}

/// More than anybody has of their own: the largest private networks are `10.0.0.0/8` and
/// `fc00::/7`.
fn is_everywhere(network: &IpNet) -> bool {
    match network {
        IpNet::V4(network) => network.prefix_len() < 8,
        IpNet::V6(network) => network.prefix_len() < 7,
    }
}

/// Files that say a password, and that everybody on the machine can read. A note: in a container nobody else is there,
/// and what is mounted as a secret has such a mode.
fn of_files(in_force: &SettingsInForce) -> Vec<Finding> {
    let says_password = |value: &str| value.contains(":***@") || value.contains("=***");
    let said = in_force.settings().iter().filter_map(|setting| match &setting.origin {
        SettingOrigin::File(path) if setting.value.as_str().is_some_and(says_password) => {
            Some(path.as_path())
        }
        _ => None,
    });
    let files: BTreeSet<&Path> = said.collect();
    let open = files.into_iter().filter_map(|path| {
        let mode = fs::metadata(path).ok()?.mode() & 0o777;
        (mode & 0o004 != 0).then(|| {
            let path = path.display();
            let text = format!(
                "{path} says a password and has mode {mode:03o}, so all users of this machine can read it: chmod 640 it"
            );
            Finding::note("settings", text)
        })
    });
    open.collect()
}

/// Lives that end before they are of use.
fn of_tokens(tokens: &Tokens) -> Vec<Finding> {
    let lifetimes = &tokens.lifetimes;
    let mut findings = Vec::new();
    if lifetimes.refresh <= lifetimes.access {
        let text = "tokens.refresh_ttl is not longer than tokens.access_ttl: who refreshes when the access token is \
                    over is signed out; make it longer";
        findings.push(Finding::wrong("settings", text));
    }
    if tokens.reuse.grace.is_zero() {
        findings.push(note(
            "tokens.reuse_grace is 0: of two tabs that refresh at the same time one is taken for a thief, and signed \
             out; 10s is enough"
                .to_owned(),
        ));
    }
    findings
}

fn of_storage(storage: &Storage) -> Vec<Finding> {
    let redis = storage.redis.as_ref();
    let remarks = [
        (
            storage.database.is_overheard(),
            "the database is on another machine and TLS is not required: whoever is on the way can read and \
             change accounts; set sslmode=require in its URL",
        ),
        (
            redis.is_some_and(Redis::is_overheard),
            "Redis is on another machine and spoken to without TLS: whoever is on the way has its password, and \
             every session with it; use rediss:",
        ),
        (
            redis.is_some_and(Redis::is_open),
            "Redis is on another machine, and storage.redis_url has no password: whoever reaches it has every session; \
             set one there (requirepass, or a user), and in the URL",
        ),
        (
            redis.is_some_and(|redis| redis.refresh_keys == RefreshKeys::Plain),
            "storage.refresh_keys is plain: a copy of the Redis signs in as anybody",
        ),
    ];
    remarks.iter().filter(|(applies, _)| *applies).map(|(_, text)| note((*text).to_owned())).collect()
}

/// Whether clients know the server by an address that it does not answer itself: it speaks no TLS, and
/// has one port.
fn has_proxy(server: &Server) -> bool {
    let Some(url) = &server.public_url_set else { return false };
    let Some(authority) = url.origin().strip_prefix("http://") else { return true };
    let port = authority.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(80);
    server.listen.port() != port
}

//! What the texts of settings mean: durations, addresses, networks, URLs. Pure functions; who asks
//! says which setting is wrong.

use std::{net::IpAddr, time::Duration};

use ipnet::IpNet;

use crate::domain::app::Origin;

/// The longest duration a setting takes: long enough for "never", short enough to add to any time.
const LONGEST: Duration = Duration::from_hours(3650 * 24);

/// Reads `500ms`, `60s`, `15m`, `12h`, `7d`, `2w` or `0`.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let millis_each = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        "d" => 24 * 60 * 60 * 1000,
        "w" => 7 * 24 * 60 * 60 * 1000,
        _ => return None,
    };
    let millis = number.parse::<u64>().ok()?.checked_mul(millis_each)?;
    Some(Duration::from_millis(millis)).filter(|duration| *duration <= LONGEST)
}

/// Reads a CIDR, or a single address as the network of that address alone.
pub(super) fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// Reads a filter such as `info` or `info,keyward::store=debug`; of this server's parts only, because
/// libraries may log what they are given.
pub(super) fn log_filter(text: &str) -> Option<String> {
    let levels = ["off", "error", "warn", "info", "debug", "trace"];
    let good = |part: &str| {
        let (target, level) = part.rsplit_once('=').unwrap_or(("keyward", part));
        let is_path = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        (target == "keyward" || target.starts_with("keyward::"))
            && target.chars().all(is_path)
            && levels.contains(&level)
    };
    text.split(',').map(str::trim).all(good).then(|| text.to_owned())
}

/// Reads `http://HOST:PORT`; a slash at the end is left out.
pub(super) fn plain_origin(text: &str) -> Option<String> {
    let origin = text.strip_suffix('/').unwrap_or(text);
    let is_plain = origin.starts_with("http://") && Origin::parse(origin).is_ok();
    is_plain.then(|| origin.to_owned())
}

/// Splits URLs at commas; a comma within one (a list of hosts, a password) stays.
pub(super) fn split_urls(text: &str) -> Vec<String> {
    let mut urls: Vec<String> = Vec::new();
    for part in text.split(',') {
        match urls.last_mut() {
            Some(url) if !part.contains("://") => *url = format!("{url},{part}"),
            _ => urls.push(part.trim().to_owned()),
        }
    }
    urls
}

/// A URL fit to be shown: its password replaced, also one that should have been escaped and is not.
pub(super) fn mask_url(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return if url.starts_with("sqlite:") { url.to_owned() } else { "***".to_owned() };
    };
    let split = rest.rsplit_once('@').and_then(|(user, place)| Some((user.split_once(':')?.0, place)));
    match split {
        Some((user, place)) => format!("{scheme}://{user}:***@{}", mask_parameters(place)),
        None => format!("{scheme}://{}", mask_parameters(rest)),
    }
}

/// Both databases also take a password as a parameter.
fn mask_parameters(place: &str) -> String {
    let Some((place, parameters)) = place.split_once('?') else {
        return place.to_owned();
    };
    let mask = |parameter: &str| match parameter.split_once('=') {
        Some((name, _)) if name.contains("pass") => format!("{name}=***"),
        _ => parameter.to_owned(),
    };
    format!("{place}?{}", parameters.split('&').map(mask).collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit_and_an_end() {
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(duration("7d"), Some(Duration::from_hours(7 * 24)));
        assert_eq!(duration("2w"), duration("14d"));
        assert_eq!(duration("0"), Some(Duration::ZERO));
        for text in ["", "5", "m", "1.5h", "-1s", "1h30m", "15 m", "15M", "3651d", "99999999999999999999s"] {
            assert_eq!(duration(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        for (url, shown) in [
            ("postgres://kw:s3cret@db/kw?sslmode=require", "postgres://kw:***@db/kw?sslmode=require"),
            ("postgres://kw:s3/c@ret@db:5432/kw", "postgres://kw:***@db:5432/kw"),
            ("postgres://db/kw?user=kw&password=s3cret", "postgres://db/kw?user=kw&password=***"),
            ("postgres://db/kw?password=s3@cret", "postgres://db/kw?password=***"),
            ("redis://:s3cret@127.0.0.1:6379/0", "redis://:***@127.0.0.1:6379/0"),
            ("redis://127.0.0.1:6379", "redis://127.0.0.1:6379"),
            ("host=db password=s3cret", "***"),
            ("sqlite:data/keyward.db", "sqlite:data/keyward.db"),
        ] {
            assert_eq!(mask_url(url), shown);
        }
    }

    #[test]
    fn urls_are_split_where_the_next_one_begins() {
        assert_eq!(split_urls("redis://a:1, redis://b:2"), ["redis://a:1", "redis://b:2"]);
        assert_eq!(split_urls("redis://:p,w@a:1,redis://b:2"), ["redis://:p,w@a:1", "redis://b:2"]);
    }
}

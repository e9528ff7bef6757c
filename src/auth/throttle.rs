//! The brake on guessing: failed sign-ins are counted per account and address, per address, and per
//! account, and the counts are asked before a password is hashed.

use std::net::IpAddr;

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ipnet::IpNet;

use super::{Auth, error::AuthError};
use crate::{
    domain::user::Username,
    store::counters::{Count, Counter},
};

/// One address may fail at so many times as much over all accounts as at one.
const ADDRESS_FACTOR: u64 = 5;
/// One account may be failed at so many times as much from all addresses as from one, so that a
/// stranger cannot easily lock its owner out.
const ACCOUNT_FACTOR: u64 = 10;

/// Who tries to sign in as whom: the three counters of it.
pub(super) struct Attempt([Counter; 3]);

impl Attempt {
    pub(super) fn new(name: &Username, address: Option<IpAddr>) -> Self {
        let network = address.map_or_else(|| "unknown".to_owned(), network);
        Self([
            Counter::LoginPair(hash(&[name.key(), &network])),
            Counter::LoginAddress(network),
            Counter::LoginUser(hash(&[name.key()])),
        ])
    }
}

impl Auth {
    /// Refuses where a count is at its limit. An unknown name counts as a known one does.
    pub(super) async fn throttle(&self, attempt: &Attempt) -> Result<(), AuthError> {
        let counts = self.stores.counters.read(&attempt.0, self.clock.now()).await?;
        let limit = self.policy.login_limit.count;
        let limits = [limit, limit.saturating_mul(ADDRESS_FACTOR), limit.saturating_mul(ACCOUNT_FACTOR)];
        let full = |(count, limit): (&Count, u64)| (count.value >= limit).then_some(count.resets_in);
        match counts.iter().zip(limits).filter_map(full).max() {
            Some(retry_after) => Err(AuthError::TooManyAttempts { retry_after }),
            None => Ok(()),
        }
    }

    /// Counts a failure.
    pub(super) async fn note_failure(&self, attempt: &Attempt) -> Result<(), AuthError> {
        let now = self.clock.now();
        for counter in &attempt.0 {
            self.stores.counters.add(counter, self.policy.login_limit.window, now).await?;
        }
        Ok(())
    }

    /// The owner was there: their own failures from this address no longer count.
    pub(super) async fn note_success(&self, attempt: &Attempt) -> Result<(), AuthError> {
        Ok(self.stores.counters.clear(&attempt.0[0]).await?)
    }
}

/// An address as it is counted: IPv4 alone, IPv6 by its /64, which one customer has all of.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_string(),
        v6 @ IpAddr::V6(_) => {
            IpNet::new(v6, 64).map_or_else(|_| v6.to_string(), |net| net.trunc().to_string())
        }
    }
}

/// 128 bits of SHA-256 over the parts, NUL between them (no part holds one).
fn hash(parts: &[&str]) -> String {
    let digest = digest::digest(&digest::SHA256, parts.join("\0").as_bytes());
    URL_SAFE_NO_PAD.encode(&digest.as_ref()[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_customer_is_one_network() {
        let net = |text: &str| network(text.parse().expect(text));
        assert_eq!(net("2001:db8::1"), net("2001:db8::ffff:2"));
        assert_ne!(net("2001:db8::1"), net("2001:db8:0:1::1"));
        assert_eq!(net("::ffff:192.0.2.1"), "192.0.2.1");
    }
}

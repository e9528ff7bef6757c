//! The brake on guessing: failed sign-ins are counted per account and address, per address, and per
//! account, and the counts are asked before a password is hashed. What speaks for its owner, a device or
//! an address with a sign-in that succeeded, is not stopped by what strangers do, and has a limit of its
//! own.

use std::{net::IpAddr, time::Duration};

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::future::try_join_all;
use ipnet::IpNet;

use super::{hasher::Party, refusals::SignInRefusal};
use crate::{
    auth::{Auth, error::AuthError},
    domain::{
        device_token::DeviceId,
        event::EventKind,
        ids::UserId,
        occasion::Occasion,
        user::{Account, Username},
    },
    store::counters::{Count, Counter},
};

/// One address may fail at so many times as much over all accounts as at one.
const ADDRESS_FACTOR: u64 = 5;
/// One account may be failed at so many times as much from all addresses as from one, so that a
/// stranger cannot easily lock its owner out.
const ACCOUNT_FACTOR: u64 = 10;
/// How long an address is known for a sign-in that succeeded.
const KNOWN_FOR: Duration = Duration::from_hours(30 * 24);

/// What is counted of an attempt, and which is which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Pair,
    Address,
    Account,
    Known,
    Device,
}

impl Which {
    const fn refusal(self) -> SignInRefusal {
        match self {
            Self::Pair | Self::Known => SignInRefusal::LockedOutHere,
            Self::Address => SignInRefusal::AddressLockedOut,
            Self::Account => SignInRefusal::AccountLockedOut,
            Self::Device => SignInRefusal::DeviceLockedOut,
        }
    }
}

/// Who tries to sign in as whom.
pub(in crate::auth) struct Attempt {
    pub(in crate::auth) user: Option<UserId>,
    pub(in crate::auth) address: Option<IpAddr>,
    counters: Vec<(Which, Counter)>,
}

/// What speaks for whoever tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    Stranger,
    /// The account has signed in from this address.
    Address,
    /// The account has signed in on this device, which may still fail.
    Device,
}

/// One count, and what it may come to.
struct Bar<'a> {
    which: Which,
    counter: &'a Counter,
    most: u64,
}

/// The bars that an attempt is under, as strict as whoever tries is unknown. The first one is theirs
/// alone: a success forgets it.
pub(in crate::auth) struct Bars<'a>(Vec<Bar<'a>>);

impl Attempt {
    /// An unknown name counts as a known one does.
    pub(in crate::auth) fn new(
        name: &Username,
        account: Option<&Account>,
        address: Option<IpAddr>,
        device: Option<DeviceId>,
    ) -> Self {
        let network = network(address);
        // With another number, all of the account's failures are other ones.
        let pardons = account.map_or(0, |account| account.pardons).to_string();
        let user = account.map(|account| account.user.id);
        let id = user.map_or_else(String::new, |id| id.to_string());
        let mut counters = vec![
            (Which::Pair, Counter::LoginPair(hash(&[name.key(), &network, &pardons]))),
            (Which::Address, Counter::LoginAddress(network.clone())),
            (Which::Account, Counter::LoginUser(hash(&[name.key(), &pardons]))),
            // By id: a name may be somebody else's one day.
            (Which::Known, Counter::LoginKnown(hash(&[&id, &network]))),
        ];
        if let Some(device) = device {
            let pair = hash(&["device", &id, &device.encoded(), &pardons]);
            counters.push((Which::Device, Counter::LoginPair(pair)));
        }
        Self { user, address, counters }
    }

    /// Of what cannot be guessed, and so locks no account out: the address alone is counted.
    pub(in crate::auth) fn of_address(address: Option<IpAddr>) -> Self {
        let counters = vec![(Which::Address, Counter::LoginAddress(network(address)))];
        Self { user: None, address, counters }
    }

    /// On whose behalf a password is hashed.
    pub(in crate::auth) fn party(&self, name: &Username) -> Party {
        Party::of(name.key(), &network(self.address))
    }

    fn trust(&self, counts: &[Count], limit: u64) -> Trust {
        let value = |which| {
            let place = self.counters.iter().position(|(one, _)| *one == which);
            place.and_then(|place| counts.get(place)).map(|count| count.value)
        };
        if value(Which::Device).is_some_and(|failures| failures < limit) {
            Trust::Device
        } else if value(Which::Known).is_some_and(|successes| successes > 0) {
            Trust::Address
        } else {
            Trust::Stranger
        }
    }

    /// Whatever is not barred is counted all the same, so that strangers have less left.
    fn bars(&self, trust: Trust, limit: u64) -> Bars<'_> {
        let address = limit.saturating_mul(ADDRESS_FACTOR);
        let account = limit.saturating_mul(ACCOUNT_FACTOR);
        let all = u64::MAX;
        let most = match trust {
            Trust::Stranger => {
                vec![(Which::Pair, limit), (Which::Address, address), (Which::Account, account)]
            }
            Trust::Address => vec![(Which::Pair, limit), (Which::Address, address), (Which::Account, all)],
            Trust::Device => {
                vec![(Which::Device, limit), (Which::Pair, all), (Which::Address, all), (Which::Account, all)]
            }
        };
        let bar = |(which, most)| {
            let counter = self.counters.iter().find(|(one, _)| *one == which);
            counter.map(|(_, counter)| Bar { which, counter, most })
        };
        Bars(most.into_iter().filter_map(bar).collect())
    }
}

impl Auth {
    /// Refuses where a count is at its limit; else says what bars the attempt is under.
    pub(in crate::auth) async fn throttle<'a>(
        &self,
        attempt: &'a Attempt,
        occasion: &Occasion,
    ) -> Result<Bars<'a>, AuthError> {
        let limit = self.policy().login_limit.count;
        let asked: Vec<Counter> = attempt.counters.iter().map(|(_, counter)| counter.clone()).collect();
        let counts = self.stores.counters.read(&asked, self.clock.now()).await?;
        let bars = attempt.bars(attempt.trust(&counts, limit), limit);
        let full = bars.0.iter().filter_map(|bar| {
            let place = attempt.counters.iter().position(|(which, _)| *which == bar.which)?;
            let count = counts.get(place).filter(|count| count.value >= bar.most)?;
            Some((count.resets_in, bar.which))
        });
        match full.max_by_key(|(resets_in, _)| *resets_in) {
            Some((retry_after, which)) => Err(self.locked_out(attempt, which, retry_after, occasion)),
            None => Ok(bars),
        }
    }

    /// Counts a failure before it has happened: of those that are hashed at the same time, on whichever
    /// node, no more pass than may fail. Where it is the last one that may, says what it locks out if it fails: of
    /// all that are counted, one alone is told so.
    pub(in crate::auth) async fn reserve(
        &self,
        attempt: &Attempt,
        bars: &Bars<'_>,
        occasion: &Occasion,
    ) -> Result<Option<SignInRefusal>, AuthError> {
        let (now, window) = (self.clock.now(), self.policy().login_limit.window);
        let mut last = None;
        for (place, bar) in bars.0.iter().enumerate() {
            let count = self.stores.counters.add(bar.counter, window, now).await?;
            if count.value > bar.most {
                self.take_back_each(&bars.0[..=place]).await?;
                return Err(self.locked_out(attempt, bar.which, count.resets_in, occasion));
            }
            if count.value == bar.most {
                last = last.or(Some(bar.which.refusal()));
            }
        }
        Ok(last)
    }

    /// The owner was there: it was no failure, their own from before no longer count, and the address is
    /// known from now on.
    pub(in crate::auth) async fn note_success(
        &self,
        attempt: &Attempt,
        bars: &Bars<'_>,
    ) -> Result<(), AuthError> {
        let Some((own, others)) = bars.0.split_first() else { return Ok(()) };
        self.stores.counters.clear(own.counter).await?;
        self.take_back_each(others).await?;
        self.remember_address(attempt).await
    }

    /// The owner was there, by more than the password: the failures from here no longer count, and the address is
    /// known from now on.
    pub(in crate::auth) async fn note_owner(&self, attempt: &Attempt) -> Result<(), AuthError> {
        for (_, own) in attempt.counters.iter().filter(|(which, _)| *which == Which::Pair) {
            self.stores.counters.clear(own).await?;
        }
        self.remember_address(attempt).await
    }

    /// It was no failure.
    pub(in crate::auth) async fn take_back(&self, bars: &Bars<'_>) -> Result<(), AuthError> {
        self.take_back_each(&bars.0).await
    }

    async fn take_back_each(&self, bars: &[Bar<'_>]) -> Result<(), AuthError> {
        let now = self.clock.now();
        try_join_all(bars.iter().map(|bar| self.stores.counters.take_back(bar.counter, now))).await?;
        Ok(())
    }

    async fn remember_address(&self, attempt: &Attempt) -> Result<(), AuthError> {
        let (counters, now) = (&self.stores.counters, self.clock.now());
        for (_, known) in attempt.counters.iter().filter(|(which, _)| *which == Which::Known) {
            // A window does not grow: well before its end another one begins.
            if counters.add(known, KNOWN_FOR, now).await?.resets_in < KNOWN_FOR / 2 {
                counters.clear(known).await?;
                counters.add(known, KNOWN_FOR, now).await?;
            }
        }
        Ok(())
    }

    fn locked_out(
        &self,
        attempt: &Attempt,
        which: Which,
        retry_after: Duration,
        occasion: &Occasion,
    ) -> AuthError {
        self.refuse(which.refusal(), attempt, occasion);
        AuthError::TooManyAttempts { retry_after }
    }

    /// Tells of one that was refused. Nobody waits for it: a flood must not be slowed down by being told.
    pub(in crate::auth) fn refuse(&self, refusal: SignInRefusal, attempt: &Attempt, occasion: &Occasion) {
        let kind = EventKind::SignInFailed;
        let told = self.refusals.note(kind, refusal, attempt.user, occasion, self.clock.now());
        self.recorder.tell(told);
    }

    /// Tells that from here on tries are refused unseen.
    pub(in crate::auth) fn note_lock_out(
        &self,
        refusal: SignInRefusal,
        attempt: &Attempt,
        occasion: &Occasion,
    ) {
        let kind = EventKind::LockedOut;
        let told = self.refusals.note(kind, refusal, attempt.user, occasion, self.clock.now());
        self.recorder.tell(told);
    }
}

/// An address as it is counted: IPv4 alone, IPv6 by its /64, which one customer has all of.
pub(in crate::auth) fn network(address: Option<IpAddr>) -> String {
    match address.map(|address| address.to_canonical()) {
        None => "unknown".to_owned(),
        Some(IpAddr::V4(v4)) => v4.to_string(),
        Some(v6 @ IpAddr::V6(_)) => {
            IpNet::new(v6, 64).map_or_else(|_| v6.to_string(), |net| net.trunc().to_string())
        }
    }
}

/// 128 bits of SHA-256 over the parts, NUL between them (no part holds one).
pub(in crate::auth) fn hash(parts: &[&str]) -> String {
    let digest = digest::digest(&digest::SHA256, parts.join("\0").as_bytes());
    URL_SAFE_NO_PAD.encode(&digest.as_ref()[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_customer_is_one_network() {
        let net = |text: &str| network(Some(text.parse().expect(text)));
        assert_eq!(net("2001:db8::1"), net("2001:db8::ffff:2"));
        assert_ne!(net("2001:db8::1"), net("2001:db8:0:1::1"));
        assert_eq!(net("::ffff:192.0.2.1"), "192.0.2.1");
    }
}

//! What is told of sign-ins that were refused: an event each, and under a flood a few and the sum of the rest. Never
//! the name that was typed: it may be a password in the wrong field.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use crate::{
    domain::{
        clock::Timestamp,
        event::{Event, EventKind},
        ids::UserId,
        occasion::Occasion,
    },
    measures::table::SIGN_IN_REFUSALS,
};

/// How long a window is, in seconds.
const WINDOW: i64 = 5;
/// How many of one reason are told one by one in a window.
const SINGLES: u32 = 20;
/// For how many accounts and addresses the rest of a window is summed up apart.
const APART: usize = 32;
const KINDS: usize = 11;

/// Why a sign-in was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::auth) enum SignInRefusal {
    /// The password of an account that there is was another.
    WrongPassword,
    /// There is no such account.
    UnknownUser,
    /// The right password, of an account that may not sign in.
    AccountDisabled,
    /// The right password, of an account whose owner has not confirmed the address that it was made with.
    EmailUnconfirmed,
    /// Too many failures of this account from this address.
    LockedOutHere,
    /// Too many failures from this address.
    AddressLockedOut,
    /// Too many failures of this account.
    AccountLockedOut,
    /// Too many failures on a device that the account has signed in on.
    DeviceLockedOut,
    /// The right password, and a wrong second factor.
    WrongCode,
    /// A passkey that nobody has, or that proved nothing.
    WrongPasskey,
    /// Too many wrong second factors of this account.
    FactorLockedOut,
}

impl SignInRefusal {
    const ALL: [Self; KINDS] = [
        Self::WrongPassword,
        Self::UnknownUser,
        Self::AccountDisabled,
        Self::EmailUnconfirmed,
        Self::LockedOutHere,
        Self::AddressLockedOut,
        Self::AccountLockedOut,
        Self::DeviceLockedOut,
        Self::WrongCode,
        Self::WrongPasskey,
        Self::FactorLockedOut,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::WrongPassword => "wrong_password",
            Self::UnknownUser => "unknown_user",
            Self::AccountDisabled => "account_disabled",
            Self::EmailUnconfirmed => "email_unconfirmed",
            Self::LockedOutHere => "locked_out",
            Self::AddressLockedOut => "address_locked_out",
            Self::AccountLockedOut => "account_locked_out",
            Self::DeviceLockedOut => "device_locked_out",
            Self::WrongCode => "wrong_code",
            Self::WrongPasskey => "wrong_passkey",
            Self::FactorLockedOut => "factor_locked_out",
        }
    }
}

/// Says what is to be told; a flood of one reason hides none of another, and no lock-out.
#[derive(Debug, Default)]
pub(in crate::auth) struct Refusals {
    failures: [Mutex<Ration>; KINDS],
    lock_outs: [Mutex<Ration>; KINDS],
}

/// Of what there were more than are told one by one.
type FailedBy = (Option<UserId>, Option<IpAddr>);

/// How much may still be told in this window.
#[derive(Debug, Default)]
struct Ration {
    window: i64,
    told: u32,
    untold: HashMap<FailedBy, u32>,
}

impl Ration {
    /// Whether this one may be told by itself.
    fn allows(&mut self, whose: FailedBy, now: Timestamp) -> bool {
        let window = now.secs().div_euclid(WINDOW);
        if window != self.window {
            (self.window, self.told) = (window, 0);
        }
        if self.told < SINGLES {
            self.told += 1;
            return true;
        }
        // More of them than that come from everywhere: these are one number.
        let is_apart = self.untold.len() < APART || self.untold.contains_key(&whose);
        let untold = self.untold.entry(if is_apart { whose } else { (None, None) }).or_default();
        *untold = untold.saturating_add(1);
        false
    }

    /// What was not told in windows that are over.
    fn owed(&mut self, now: Timestamp) -> HashMap<FailedBy, u32> {
        let is_over = now.secs().div_euclid(WINDOW) != self.window;
        if is_over { std::mem::take(&mut self.untold) } else { HashMap::new() }
    }
}

impl Refusals {
    /// The events that follow from one that happened now.
    pub(in crate::auth) fn note(
        &self,
        kind: EventKind,
        refusal: SignInRefusal,
        user: Option<UserId>,
        occasion: &Occasion,
        now: Timestamp,
    ) -> Vec<Event> {
        if kind == EventKind::SignInFailed {
            SIGN_IN_REFUSALS.count(&[refusal.as_str()]);
        }
        let (owed, is_allowed) = {
            let mut ration =
                self.rations(kind)[refusal as usize].lock().unwrap_or_else(PoisonError::into_inner);
            (ration.owed(now), ration.allows((user, occasion.address), now))
        };
        let mut events = sums(kind, refusal, owed, now);
        if is_allowed {
            let event = Event::new(kind, occasion, now).because(refusal.as_str());
            events.push(Event { user, ..event });
        }
        events
    }

    /// The sums of what was not told. To be called every few seconds: a flood that ended is summed up.
    pub(in crate::auth) fn sum_up(&self, now: Timestamp) -> Vec<Event> {
        let mut events = Vec::new();
        for kind in EventKind::BY_STRANGERS {
            for refusal in SignInRefusal::ALL {
                let ration = &self.rations(kind)[refusal as usize];
                let owed = ration.lock().unwrap_or_else(PoisonError::into_inner).owed(now);
                events.extend(sums(kind, refusal, owed, now));
            }
        }
        events
    }

    const fn rations(&self, kind: EventKind) -> &[Mutex<Ration>; KINDS] {
        match kind {
            EventKind::LockedOut => &self.lock_outs,
            _ => &self.failures,
        }
    }
}

fn sums(kind: EventKind, refusal: SignInRefusal, owed: HashMap<FailedBy, u32>, now: Timestamp) -> Vec<Event> {
    let sum = |((user, address), count)| {
        let event = Event::new(kind, &Occasion::of_client(address, None, None), now);
        Event { user, count, ..event.because(refusal.as_str()) }
    };
    owed.into_iter().map(sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(refusals: &Refusals, address: u32, now: i64) -> Vec<Event> {
        let address = Some(IpAddr::V4(address.into()));
        let occasion = Occasion::of_client(address, Some("curl"), None);
        let (kind, refusal) = (EventKind::SignInFailed, SignInRefusal::UnknownUser);
        refusals.note(kind, refusal, None, &occasion, Timestamp::from_secs(now))
    }

    #[test]
    fn a_flood_is_a_few_events_and_a_sum_for_each_address() {
        let refusals = Refusals::default();
        let told: usize = (0..1_000).map(|number| note(&refusals, number % 2, 1_000).len()).sum();
        assert_eq!(told, 20);
        assert!(refusals.sum_up(Timestamp::from_secs(1_004)).is_empty(), "the window goes on");
        let sums = refusals.sum_up(Timestamp::from_secs(1_005));
        assert_eq!(sums.iter().map(|sum| sum.count).collect::<Vec<_>>(), [490, 490]);
        assert!(sums.iter().all(|sum| sum.address.is_some() && sum.agent.is_none()), "{sums:?}");
        assert!(refusals.sum_up(Timestamp::from_secs(1_005)).is_empty(), "once");
    }

    #[test]
    fn a_flood_from_everywhere_takes_no_more_memory() {
        let refusals = Refusals::default();
        for number in 0..10_000 {
            note(&refusals, number, 1_000);
        }
        let sums = refusals.sum_up(Timestamp::from_secs(1_005));
        assert_eq!(sums.len(), APART + 1);
        assert_eq!(sums.iter().map(|sum| sum.count).sum::<u32>(), 10_000 - 20, "none is lost");
    }
}

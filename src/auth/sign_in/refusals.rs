//! What operators read of sign-ins that were refused: a line each, and under a flood a few lines a second
//! and the sum of the rest. Never the name that was typed: it may be a password in the wrong field.

use std::{
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use crate::{
    domain::{clock::Timestamp, ids::UserId},
    measures::table::SIGN_IN_REFUSALS,
};

/// Lines a second of one kind.
const LINES: u32 = 10;
const KINDS: usize = 7;

/// Why a sign-in was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::auth) enum SignInRefusal {
    /// The password of an account that there is was another.
    WrongPassword,
    /// There is no such account.
    UnknownUser,
    /// The right password, of an account that may not sign in.
    AccountDisabled,
    /// Too many failures of this account from this address.
    LockedOutHere,
    /// Too many failures from this address.
    AddressLockedOut,
    /// Too many failures of this account.
    AccountLockedOut,
    /// Too many failures on a device that the account has signed in on.
    DeviceLockedOut,
}

impl SignInRefusal {
    const ALL: [Self; KINDS] = [
        Self::WrongPassword,
        Self::UnknownUser,
        Self::AccountDisabled,
        Self::LockedOutHere,
        Self::AddressLockedOut,
        Self::AccountLockedOut,
        Self::DeviceLockedOut,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::WrongPassword => "wrong_password",
            Self::UnknownUser => "unknown_user",
            Self::AccountDisabled => "account_disabled",
            Self::LockedOutHere => "locked_out",
            Self::AddressLockedOut => "address_locked_out",
            Self::AccountLockedOut => "account_locked_out",
            Self::DeviceLockedOut => "device_locked_out",
        }
    }
}

/// Tells operators; a flood of one kind hides none of another.
#[derive(Debug, Default)]
pub(in crate::auth) struct Refusals([Mutex<Ration>; KINDS]);

/// How much may still be said in this second.
#[derive(Debug, Default)]
struct Ration {
    second: i64,
    said: u32,
    unsaid: u64,
}

impl Ration {
    /// Whether this one may be said.
    const fn allows_one(&mut self, now: Timestamp) -> bool {
        if now.secs() != self.second {
            (self.second, self.said) = (now.secs(), 0);
        }
        if self.said < LINES {
            self.said += 1;
            true
        } else {
            self.unsaid += 1;
            false
        }
    }

    /// How many were not said in seconds that are over.
    const fn owed(&mut self, now: Timestamp) -> u64 {
        if now.secs() == self.second { 0 } else { std::mem::replace(&mut self.unsaid, 0) }
    }
}

impl Refusals {
    pub(in crate::auth) fn note(
        &self,
        kind: SignInRefusal,
        user: Option<UserId>,
        client: Option<IpAddr>,
        now: Timestamp,
    ) {
        SIGN_IN_REFUSALS.count(&[kind.as_str()]);
        let (owed, allowed) = {
            let mut ration = self.0[kind as usize].lock().unwrap_or_else(PoisonError::into_inner);
            (ration.owed(now), ration.allows_one(now))
        };
        sum_up(kind, owed);
        if allowed {
            tracing::info!(
                refusal.kind = kind.as_str(),
                user.id = user.map(tracing::field::display),
                client.address = client.map(tracing::field::display),
                "a sign-in was refused"
            );
        }
    }

    /// Logs how many were not told of. To be called every few seconds: a flood that ended is summed up.
    pub(in crate::auth) fn sum_up(&self, now: Timestamp) {
        for kind in SignInRefusal::ALL {
            let owed = self.0[kind as usize].lock().unwrap_or_else(PoisonError::into_inner).owed(now);
            sum_up(kind, owed);
        }
    }
}

fn sum_up(kind: SignInRefusal, count: u64) {
    if count > 0 {
        tracing::info!(refusal.kind = kind.as_str(), refusal.count = count, "more sign-ins were refused");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_a_few_lines_a_second_and_a_sum() {
        let mut ration = Ration::default();
        let now = Timestamp::from_secs(1_000);
        let said = (0..1_000).filter(|_| ration.allows_one(now)).count();
        assert_eq!((said, ration.owed(now)), (10, 0), "the second goes on");
        let later = Timestamp::from_secs(1_001);
        assert_eq!((ration.owed(later), ration.owed(later)), (990, 0));
        assert!(ration.allows_one(later));
    }
}

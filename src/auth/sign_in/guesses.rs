//! The brake on guessing second factors. Whoever guesses has the password, so it is the account that is counted, over
//! all attempts and addresses, apart from the failures at its password.

use std::time::Duration;

use super::{
    refusals::SignInRefusal,
    throttle::{Attempt, hash},
};
use crate::{
    auth::{Auth, error::AuthError},
    domain::{occasion::Occasion, user::Account},
    store::counters::Counter,
};

/// So many wrong ones in a row, however slowly they come (NIST SP 800-63B section 5.2.2).
const IN_A_ROW: u64 = 100;
/// For so long they are one row.
const ROW: Duration = Duration::from_hours(30 * 24);

/// What is counted of an account, and what it may come to in which time.
pub(super) struct GuessBars([(Counter, u64, Duration); 2]);

impl Auth {
    /// Counts a wrong guess before it has happened: of those that come at once, on whichever node, no more are looked
    /// at than may fail.
    pub(super) async fn reserve_guess(
        &self,
        account: &Account,
        attempt: &Attempt,
        occasion: &Occasion,
    ) -> Result<GuessBars, AuthError> {
        let limit = self.policy().login_limit;
        let (id, pardons) = (account.user.id.to_string(), account.pardons.to_string());
        // With another number of pardons, all guesses of before are other ones.
        let counter = |row| Counter::LoginFactor(hash(&[&id, &pardons, row]));
        let bars = [(counter("window"), limit.count, limit.window), (counter("row"), IN_A_ROW, ROW)];
        let now = self.clock.now();
        for (place, (counter, most, window)) in bars.iter().enumerate() {
            let count = self.stores.counters.add(counter, *window, now).await?;
            if count.value > *most {
                for (counted, ..) in &bars[..=place] {
                    self.stores.counters.take_back(counted, now).await?;
                }
                self.refuse(SignInRefusal::FactorLockedOut, attempt, occasion);
                return Err(AuthError::TooManyAttempts { retry_after: count.resets_in });
            }
            if count.value == *most {
                self.note_lock_out(SignInRefusal::FactorLockedOut, attempt, occasion);
            }
        }
        Ok(GuessBars(bars))
    }

    /// The owner was there: what was wrong before counts no longer.
    pub(super) async fn forgive_guesses(&self, bars: &GuessBars) -> Result<(), AuthError> {
        for (counter, ..) in &bars.0 {
            self.stores.counters.clear(counter).await?;
        }
        Ok(())
    }
}

//! Sign up: an account made by its owner, where the operator allows it, and only so many from one address.

use super::NewAccount;
use crate::{
    auth::{
        Auth,
        error::AuthError,
        sign_in::{hasher::Party, throttle::network},
    },
    domain::{occasion::Occasion, user::User},
    store::counters::Counter,
};

impl Auth {
    /// Makes an account without roles.
    pub async fn signup(&self, new: NewAccount, occasion: &Occasion) -> Result<User, AuthError> {
        if !self.policy.signup_open {
            return Err(AuthError::SignupClosed);
        }
        let network = network(occasion.address);
        let party = Party::of(new.username.key(), &network);
        let counter = Counter::Signup(network);
        // Counted first, so that of those that come together no more are made than may be.
        self.count_signup(&counter).await?;
        let made = self.make_account(NewAccount { roles: Vec::new(), ..new }, party, occasion).await;
        if made.is_err() {
            self.stores.counters.take_back(&counter, self.clock.now()).await?;
        }
        made
    }

    async fn count_signup(&self, counter: &Counter) -> Result<(), AuthError> {
        let (limit, now) = (self.policy.signup_limit, self.clock.now());
        let count = self.stores.counters.add(counter, limit.window, now).await?;
        if count.value <= limit.count {
            return Ok(());
        }
        self.stores.counters.take_back(counter, now).await?;
        Err(AuthError::TooManyAttempts { retry_after: count.resets_in })
    }
}

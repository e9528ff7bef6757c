//! What a passkey signs to show that it is there now: a sealed text. It tells by itself what it was made for, for whose
//! pages and when, so that nothing is kept of those that are asked for, and it is spent where it is used.

use std::time::Duration;

use crate::{
    auth::{Auth, error::AuthError},
    domain::{app::AppName, clock::Timestamp},
    keys::sealer::Purpose,
    store::once::{OnceKey, Spending},
};

/// How long it is good.
const LIFE: Duration = Duration::from_mins(10);

/// A challenge of ours that came back in time.
pub(super) struct OpenChallenge<'a> {
    text: &'a str,
    made_at: Timestamp,
    /// The app whose pages may have it signed.
    pub(super) app: AppName,
}

impl OpenChallenge<'_> {
    fn spending(&self, outcome: &str) -> Spending {
        Spending {
            key: OnceKey::of("passkey challenge", &[self.text.as_bytes()]),
            made_at: self.made_at,
            until: self.made_at + LIFE,
            outcome: outcome.to_owned(),
        }
    }
}

impl Auth {
    /// A challenge for this alone, in base64url: nobody else can make or foresee it.
    pub(super) fn passkey_challenge(&self, purpose: Purpose<'_>, app: &AppName) -> Result<String, AuthError> {
        let made_at = self.clock.now().millis().to_be_bytes();
        Ok(self.keys.sealer().seal(purpose, &[&made_at, app.as_str().as_bytes()].concat())?)
    }

    /// `None` = it is not ours, was made for something else, or its time is over.
    pub(super) fn open_challenge<'a>(
        &self,
        purpose: Purpose<'_>,
        text: &'a str,
    ) -> Option<OpenChallenge<'a>> {
        let opened = self.keys.sealer().open(purpose, text).ok()?;
        let (made_at, app) = opened.expose().split_first_chunk()?;
        let made_at = Timestamp::from_millis(i64::from_be_bytes(*made_at));
        let app = AppName::parse(str::from_utf8(app).ok()?).ok()?;
        (self.clock.now() < made_at + LIFE).then_some(OpenChallenge { text, made_at, app })
    }

    /// Spends it: whether nobody else has used it. Who says again what they are is heard again.
    pub(super) async fn spend_challenge(
        &self,
        challenge: &OpenChallenge<'_>,
        spender: &str,
    ) -> Result<bool, AuthError> {
        let spent = self.stores.once.spend(&challenge.spending(spender), self.clock.now()).await?;
        Ok(spent.is_for(spender))
    }
}

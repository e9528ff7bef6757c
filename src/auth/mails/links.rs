//! Links in mails, sealed: nobody else makes or reads one, and each does one thing. They are made when a mail is sent
//! and are nowhere else. What a link changes is compared with what it names, so that it changes it once; that it was
//! used is noted besides, where no restored copy of the accounts forgets it.

use std::time::Duration;

use crate::{
    auth::{Auth, error::AuthError},
    domain::{
        app::App,
        clock::Timestamp,
        email_link::{CONFIRM_LIFE, EmailLink, RESET_LIFE, ResetLink, UNDO_LIFE},
        ids::UserId,
        page_url::PageUrl,
        user::Email,
    },
    keys::sealer::{OpenError, Purpose},
    mail::Way,
    store::once::{OnceKey, Spending, Spent},
};

const RESET: Purpose<'static> = Purpose::new("password reset link", "");
const EMAIL: Purpose<'static> = Purpose::new("e-mail link", "");
/// No token is longer than this, in bytes.
const LONGEST: usize = 1024;
/// How long a link that was used may be shown again: its change may have been refused by a store that was away.
const AGAIN: Duration = Duration::from_mins(1);

/// The use of a link that sets a password.
pub(in crate::auth) fn of_reset(link: &ResetLink) -> Spending {
    spending(OnceKey::of("password reset link", &[&link.bytes()]), RESET_LIFE, link.expires_at)
}

/// The use of a link, or of a code, that confirms an address which is pending until then.
pub(in crate::auth) fn of_confirmation(user: UserId, version: u32, until: Timestamp) -> Spending {
    let (user, moment) = (user.uuid(), until.millis().to_be_bytes());
    let key = OnceKey::of("e-mail confirmation", &[user.as_bytes(), &version.to_be_bytes(), &moment]);
    spending(key, CONFIRM_LIFE, until)
}

/// The use of a link that makes a former address theirs again.
pub(in crate::auth) fn of_undoing(user: UserId, version: u32, former: &Email, until: Timestamp) -> Spending {
    let (user, moment) = (user.uuid(), until.millis().to_be_bytes());
    let parts = [user.as_bytes(), &version.to_be_bytes()[..], &moment, former.as_str().as_bytes()];
    spending(OnceKey::of("e-mail undo link", &parts), UNDO_LIFE, until)
}

fn spending(key: OnceKey, life: Duration, until: Timestamp) -> Spending {
    Spending { key, made_at: until - life, until, outcome: String::new() }
}

/// By the app's page, or where it has none by the token alone.
fn way(page: Option<&PageUrl>, token: String) -> Way {
    match page {
        Some(page) => Way::Url(page.with(&token)),
        None => Way::Token(token),
    }
}

impl Auth {
    pub(in crate::auth) fn seal_reset(&self, link: &ResetLink, app: &App) -> Result<Way, AuthError> {
        let token = self.keys.sealer().seal(RESET, &link.bytes())?;
        Ok(way(app.policy.reset_url.as_ref(), token))
    }

    pub(in crate::auth) fn seal_email(&self, link: &EmailLink, app: &App) -> Result<Way, AuthError> {
        let token = self.keys.sealer().seal(EMAIL, &link.bytes())?;
        Ok(way(app.policy.confirm_url.as_ref(), token))
    }

    /// What a token says, if it is ours and its time is not over.
    pub(in crate::auth) fn open_reset(&self, token: &str) -> Result<ResetLink, AuthError> {
        let link = self.open_link(RESET, token).and_then(|bytes| ResetLink::read(&bytes));
        link.filter(|link| self.clock.now() < link.expires_at).ok_or(AuthError::LinkSpent)
    }

    /// The same of a link that is about an address.
    pub(in crate::auth) fn open_email(&self, token: &str) -> Result<EmailLink, AuthError> {
        let link = self.open_link(EMAIL, token).and_then(|bytes| EmailLink::read(&bytes));
        link.filter(|link| self.clock.now() < link.expires_at).ok_or(AuthError::LinkSpent)
    }

    /// Notes that a link is used now; refuses one that was used a while ago.
    pub(in crate::auth) async fn spend_link(&self, spending: Spending) -> Result<(), AuthError> {
        let now = self.clock.now();
        let spending = Spending { outcome: now.millis().to_string(), ..spending };
        match self.stores.once.spend(&spending, now).await? {
            Spent::First => Ok(()),
            Spent::Before(at) => {
                let at = at.parse().map(Timestamp::from_millis);
                if at.is_ok_and(|at| now < at + AGAIN) { Ok(()) } else { Err(AuthError::LinkSpent) }
            }
        }
    }

    fn open_link(&self, purpose: Purpose<'_>, token: &str) -> Option<Vec<u8>> {
        if token.len() > LONGEST {
            return None;
        }
        match self.keys.sealer().open(purpose, token) {
            Ok(opened) => Some(opened.expose().to_vec()),
            Err(OpenError::Version | OpenError::Key(_) | OpenError::Invalid) => None,
        }
    }
}

//! Links in mails, sealed: nobody else makes or reads one, and each does one thing. They are made when a mail is sent
//! and are nowhere else.

use crate::{
    auth::{Auth, error::AuthError},
    domain::{
        app::App,
        app_policy::AppPolicy,
        email_link::{EmailLink, ResetLink},
    },
    keys::sealer::{OpenError, Purpose},
    mail::Way,
};

const RESET: Purpose<'static> = Purpose::new("password reset link", "");
const EMAIL: Purpose<'static> = Purpose::new("e-mail link", "");
/// No token is longer than this, in bytes.
const LONGEST: usize = 1024;

impl Auth {
    pub(in crate::auth) fn seal_reset(&self, link: &ResetLink, app: &App) -> Result<Way, AuthError> {
        let token = self.keys.sealer().seal(RESET, &link.bytes())?;
        let AppPolicy { reset_url, .. } = &app.policy;
        Ok(match reset_url {
            Some(page) => Way::Url(page.with(&token)),
            None => Way::Token(token),
        })
    }

    pub(in crate::auth) fn seal_email(&self, link: &EmailLink, app: &App) -> Result<Way, AuthError> {
        let token = self.keys.sealer().seal(EMAIL, &link.bytes())?;
        let AppPolicy { confirm_url, .. } = &app.policy;
        Ok(match confirm_url {
            Some(page) => Way::Url(page.with(&token)),
            None => Way::Token(token),
        })
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

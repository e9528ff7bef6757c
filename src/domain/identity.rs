//! What a gateway is told of a caller, made ready once and sent as often as they come.

use bytes::Bytes;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::claims::AccessClaims;

/// All but visible ASCII is encoded, and the percent sign so that it can be decoded again.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'%');

/// Visible ASCII, whatever the names hold; empty where there is nothing to tell. Clones share the text.
#[derive(Debug, Clone, Default)]
pub struct Identity {
    /// The `sub`: a user's id, or `app:` and an app's name.
    pub user: Bytes,
    /// The name at the time of sign-in.
    pub username: Bytes,
    /// The session.
    pub session: Bytes,
    /// The app signed in to.
    pub app: Bytes,
    /// The roles, with commas between them.
    pub roles: Bytes,
}

impl Identity {
    /// What claims say of who holds them.
    #[must_use]
    pub fn of(claims: &AccessClaims) -> Self {
        let AccessClaims { principal, username, session, app, roles, .. } = claims;
        let username = utf8_percent_encode(username, ENCODED).to_string();
        let roles: Vec<&str> = roles.iter().map(super::user::Role::as_str).collect();
        let parts = [&principal.to_string(), &username, &session.to_string(), app.as_str(), &roles.join(",")];
        let mut text = Bytes::from(parts.concat());
        let [user, username, session, app, roles] = parts.map(|part| text.split_to(part.len()));
        Self { user, username, session, app, roles }
    }
}

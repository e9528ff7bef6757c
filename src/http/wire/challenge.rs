//! What a 401 challenges for (RFC 6750 section 3, RFC 9470 section 3).

use axum::http::HeaderValue;

use crate::auth::error::AuthError;

/// RFC 9470 section 3.
const SIGN_IN: &str = r#"Bearer realm="keyward", error="insufficient_user_authentication", error_description="a stronger or more recent sign-in is needed""#;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Challenge {
    /// Nothing was sent: no error is named.
    Missing,
    /// What was sent is not one bearer token.
    Malformed,
    /// The token does not pass.
    Invalid,
    /// A sign-in that nobody can show (RFC 9470 section 3).
    SignIn,
    /// One with two factors.
    SignInStronger,
    /// One of at most so many seconds ago.
    SignInWithin(u32),
    /// An app must show its secret (RFC 7617).
    App,
}

impl Challenge {
    /// That of an error; `None` = it is none that another credential would mend.
    #[must_use]
    pub fn of(error: &AuthError) -> Option<Self> {
        match error {
            AuthError::TokenMissing => Some(Self::Missing),
            AuthError::TokenInvalid
            | AuthError::TokenExpired
            | AuthError::TokenRevoked(_)
            | AuthError::TokenOutdated => Some(Self::Invalid),
            AuthError::SignInUnknown => Some(Self::SignIn),
            AuthError::SignInTooWeak => Some(Self::SignInStronger),
            AuthError::SignInTooOld { max_age } => {
                Some(Self::SignInWithin(u32::try_from(max_age.as_secs()).unwrap_or(u32::MAX)))
            }
            _ => None,
        }
    }

    /// One header with one challenge: nginx passes on only the first.
    #[must_use]
    pub fn header(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::App => r#"Basic realm="keyward""#,
            Self::Missing => r#"Bearer realm="keyward""#,
            Self::Malformed => {
                r#"Bearer realm="keyward", error="invalid_request", error_description="one bearer token is expected""#
            }
            Self::SignIn => SIGN_IN,
            Self::SignInStronger => {
                r#"Bearer realm="keyward", error="insufficient_user_authentication", error_description="a sign-in with a second factor is needed", acr_values="2""#
            }
            Self::SignInWithin(max_age) => {
                let text = format!(r#"{SIGN_IN}, max_age="{max_age}""#);
                return HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(SIGN_IN));
            }
            Self::Invalid => {
                r#"Bearer realm="keyward", error="invalid_token", error_description="the token is not valid now""#
            }
        })
    }
}

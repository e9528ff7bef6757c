//! Signing in and out, and the account of one's own.

use super::{
    codes::{
        ACCOUNT_DISABLED, CROSS_SITE, INTERNAL, INVALID_CREDENTIALS, MFA_REQUIRED, NOT_FOUND, OVERLOADED,
        REFRESH_EXPIRED, REFRESH_INVALID, REFRESH_REUSED, SESSION_ENDED, SIGNUP_CLOSED, STORE_UNAVAILABLE,
        TOKEN_INVALID, TOKEN_MISSING, TOO_MANY_ATTEMPTS, USERNAME_TAKEN, WEAK_PASSWORD, WRONG_PASSWORD,
    },
    described::Described,
};
use crate::{
    answers::{Ended, OwnEvents, OwnSessions, SignedIn, Tokens, User},
    http::{
        api::{
            account::{PasswordBody, SignupBody},
            activity::OwnEventsQuery,
            logout::{LogoutAllQuery, LogoutBody},
            sessions::ListQuery,
            tokens::{LoginBody, RefreshBody},
        },
        endpoints::HttpMethod::{Delete, Get, Post},
    },
};

const COOKIES: &[&str] = &["Set-Cookie"];

pub fn sessions() -> Vec<Described> {
    credentials().into_iter().chain(own_sessions()).collect()
}

fn credentials() -> Vec<Described> {
    vec![
        Described::of("login", Post, "/v1/login", "Sign in")
            .told(
                "`transport` says how the client keeps its credential: `body` (mobile apps), `cookie` (the refresh \
                 token is in an HttpOnly cookie) or `session` (one such cookie is all there is). A confidential app \
                 shows its secret.",
            )
            .takes::<LoginBody>()
            .or_app()
            .answers::<SignedIn>(200, "Signed in.")
            .with_headers(COOKIES)
            .may(&[INVALID_CREDENTIALS, ACCOUNT_DISABLED, MFA_REQUIRED, CROSS_SITE, TOO_MANY_ATTEMPTS])
            .may(&[OVERLOADED, STORE_UNAVAILABLE, INTERNAL]),
        Described::of("refresh", Post, "/v1/refresh", "Get fresh tokens")
            .told(
                "Any number of tabs may refresh at once, each with the token that it holds, and a lost answer may be \
                 asked for again. A 503 says nothing of the token: keep it.",
            )
            .may_take::<RefreshBody>()
            .or_app()
            .answers::<Tokens>(200, "Fresh tokens.")
            .with_headers(COOKIES)
            .may(&[TOKEN_MISSING, REFRESH_INVALID, REFRESH_EXPIRED, REFRESH_REUSED, SESSION_ENDED])
            .may(&[INVALID_CREDENTIALS, CROSS_SITE, STORE_UNAVAILABLE, INTERNAL]),
        Described::of("logout", Post, "/v1/logout", "Sign out")
            .told("Ends the session that any of the credentials names, also where it was over already.")
            .may_take::<LogoutBody>()
            .answers_nothing(204, "The session is over.")
            .with_headers(COOKIES)
            .may(&[TOKEN_MISSING, TOKEN_INVALID, REFRESH_INVALID, CROSS_SITE, STORE_UNAVAILABLE, INTERNAL]),
    ]
}

fn own_sessions() -> Vec<Described> {
    vec![
        Described::of("logoutAll", Post, "/v1/logout/all", "Sign out everywhere")
            .asks::<LogoutAllQuery>()
            .answers::<Ended>(200, "How many sessions ended."),
        Described::of("listOwnSessions", Get, "/v1/sessions", "One's own sessions")
            .asks::<ListQuery>()
            .answers::<OwnSessions>(200, "A page of them."),
        Described::of("endOwnSession", Delete, "/v1/sessions/{id}", "End a session of one's own")
            .answers_nothing(204, "It is over.")
            .may(&[NOT_FOUND]),
    ]
}

pub fn account() -> Vec<Described> {
    vec![
        Described::of("signup", Post, "/v1/signup", "Make an account")
            .told("Where `accounts.signup` is `open`.")
            .takes::<SignupBody>()
            .answers::<User>(201, "The account.")
            .may(&[SIGNUP_CLOSED, USERNAME_TAKEN, WEAK_PASSWORD, TOO_MANY_ATTEMPTS])
            .may(&[OVERLOADED, STORE_UNAVAILABLE, INTERNAL]),
        Described::of("me", Get, "/v1/me", "Who is signed in").answers::<User>(200, "The user."),
        Described::of("listOwnEvents", Get, "/v1/me/activity", "What happened to the account")
            .asks::<OwnEventsQuery>()
            .answers::<OwnEvents>(200, "A page of events, the newest first."),
        Described::of("changePassword", Post, "/v1/password", "Change the password")
            .told("Every other session ends.")
            .takes::<PasswordBody>()
            .answers_nothing(204, "It is changed.")
            .may(&[WRONG_PASSWORD, WEAK_PASSWORD, TOO_MANY_ATTEMPTS, OVERLOADED]),
    ]
}

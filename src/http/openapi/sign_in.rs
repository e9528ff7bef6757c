//! Signing in and out.

use super::{
    codes::{
        ACCOUNT_DISABLED, BOTH_FACTORS_NEEDED, CROSS_SITE, EMAIL_UNCONFIRMED, INTERNAL, INVALID_CREDENTIALS,
        METHOD_NOT_ACCEPTED, MFA_REQUIRED, NOT_FOUND, OVERLOADED, REFRESH_EXPIRED, REFRESH_INVALID,
        REFRESH_REUSED, SESSION_ENDED, STORE_UNAVAILABLE, TOKEN_INVALID, TOKEN_MISSING, TOO_MANY_ATTEMPTS,
        WRONG_CODE, WRONG_PASSWORD,
    },
    described::Described,
};
use crate::{
    answers::{Ended, MfaChallenge, OwnSessions, SignedIn, SteppedUpSession, Tokens},
    http::{
        api::{
            logout::{LogoutAllQuery, LogoutBody},
            sessions::ListQuery,
            step_up::{StepUpBody, StepUpChallengeBody},
            tokens::{LoginBody, RefreshBody},
        },
        endpoints::HttpMethod::{Delete, Get, Post},
    },
};

const COOKIES: &[&str] = &["Set-Cookie"];

pub fn sessions() -> Vec<Described> {
    credentials().into_iter().chain(step_up()).chain(own_sessions()).collect()
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
            .may_prove_key()
            .or_app()
            .answers::<SignedIn>(200, "Signed in.")
            .with_headers(COOKIES)
            .may(&[INVALID_CREDENTIALS, ACCOUNT_DISABLED, EMAIL_UNCONFIRMED, MFA_REQUIRED, CROSS_SITE])
            .may(&[METHOD_NOT_ACCEPTED, TOO_MANY_ATTEMPTS])
            .may(&[OVERLOADED, STORE_UNAVAILABLE, INTERNAL]),
        Described::of("refresh", Post, "/v1/refresh", "Get fresh tokens")
            .told(
                "Any number of tabs may refresh at once, each with the token that it holds, and a lost answer may be \
                 asked for again. A 503 says nothing of the token: keep it.",
            )
            .may_take::<RefreshBody>()
            .may_prove_key()
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

fn step_up() -> Vec<Described> {
    vec![
        Described::of("challengeStepUp", Post, "/v1/step-up/challenge", "What a client needs to step up by a method")
            .told("Of what people type that is nothing.")
            .takes::<StepUpChallengeBody>()
            .answers::<MfaChallenge>(200, "What the browser is to be asked for, where it is a passkey.")
            .may(&[METHOD_NOT_ACCEPTED]),
        Described::of("stepUp", Post, "/v1/step-up", "Prove once more who one is")
            .told(
                "What a 401 `insufficient_user_authentication` asks for (RFC 9470): the password, a code or \
                 a passkey, or the password and one of the others. The session, its refresh token and its cookie \
                 stay; its next tokens say the same. What was proved within `accounts.recent_sign_in` before counts \
                 with it where that makes two factors.",
            )
            .takes::<StepUpBody>()
            .answers::<SteppedUpSession>(200, "What the session says now; where it has tokens, one that says the same.")
            .may(&[BOTH_FACTORS_NEEDED, METHOD_NOT_ACCEPTED, WRONG_PASSWORD, WRONG_CODE])
            .may(&[TOO_MANY_ATTEMPTS, OVERLOADED]),
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

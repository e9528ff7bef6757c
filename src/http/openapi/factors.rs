//! Second factors: what a sign-in is gone on with, and what its owner sets up.

use super::{
    codes::{
        ACCOUNT_DISABLED, CONFLICT, CROSS_SITE, INSUFFICIENT_USER_AUTHENTICATION, INTERNAL,
        INVALID_CREDENTIALS, NOT_FOUND, STORE_UNAVAILABLE, TOKEN_EXPIRED, TOKEN_INVALID, TOKEN_REVOKED,
        TOO_MANY_ATTEMPTS, WRONG_CODE,
    },
    described::Described,
};
use crate::{
    answers::{Factors, MfaChallenge, RecoveryCodes, SignedIn, TotpEnrolment},
    http::{
        api::{
            factors::ConfirmBody,
            second_factor::{AnswerBody, ChallengeBody},
        },
        endpoints::HttpMethod::{Delete, Get, Post},
    },
};

pub fn factors() -> Vec<Described> {
    let own = |id, method, path, summary| {
        Described::of(id, method, path, summary).may(&[INSUFFICIENT_USER_AUTHENTICATION])
    };
    vec![
        attempt("challengeSignIn", "/v1/login/challenge", "What a client needs to answer by a method")
            .told("Of what people type that is nothing.")
            .takes::<ChallengeBody>()
            .answers::<MfaChallenge>(200, "It is asked for."),
        attempt("answerSignIn", "/v1/login/answer", "Go on with a sign-in")
            .told("Takes the `mfa_token` of a 403 `mfa_required`, within 10 minutes, and one proof.")
            .takes::<AnswerBody>()
            .answers::<SignedIn>(200, "Signed in, in the transport that the sign-in was asked in.")
            .with_headers(&["Set-Cookie"])
            .may(&[ACCOUNT_DISABLED, WRONG_CODE, TOO_MANY_ATTEMPTS]),
        Described::of("listOwnFactors", Get, "/v1/factors", "One's own second factors")
            .answers::<Factors>(200, "Those that count."),
        own("beginTotp", Post, "/v1/factors/totp", "Begin to set up an authenticator app")
            .told("It counts once it is confirmed, within 15 minutes.")
            .answers::<TotpEnrolment>(200, "What the app is to be given, this once.")
            .may(&[CONFLICT, NOT_FOUND]),
        own("confirmTotp", Post, "/v1/factors/totp/confirm", "Confirm an authenticator app")
            .takes::<ConfirmBody>()
            .answers::<RecoveryCodes>(200, "It counts. The codes are shown this once.")
            .may(&[CONFLICT, WRONG_CODE]),
        own("renewRecoveryCodes", Post, "/v1/factors/recovery-codes", "Get other recovery codes")
            .answers::<RecoveryCodes>(200, "Those of before are good no more. They are shown this once.")
            .may(&[CONFLICT]),
        own("removeOwnFactor", Delete, "/v1/factors/{id}", "Take away a factor of one's own")
            .told("With the last one the recovery codes go.")
            .answers_nothing(204, "It is gone."),
    ]
}

/// What takes an `mfa_token`, by the rules of the sign-in that it is of.
fn attempt(id: &'static str, path: &'static str, summary: &'static str) -> Described {
    Described::of(id, Post, path, summary)
        .or_app()
        .may(&[TOKEN_INVALID, TOKEN_EXPIRED, TOKEN_REVOKED, INVALID_CREDENTIALS, CROSS_SITE])
        .may(&[STORE_UNAVAILABLE, INTERNAL])
}

//! Second factors: what a sign-in is gone on with, and what its owner sets up.

use super::{
    codes::{
        ACCOUNT_DISABLED, CONFLICT, CROSS_SITE, EMAIL_UNCONFIRMED, INSUFFICIENT_USER_AUTHENTICATION,
        INTERNAL, INVALID_CREDENTIALS, METHOD_NOT_ACCEPTED, NOT_FOUND, STORE_UNAVAILABLE, TOKEN_EXPIRED,
        TOKEN_INVALID, TOKEN_REVOKED, TOO_MANY_ATTEMPTS, WRONG_CODE,
    },
    described::Described,
};
use crate::{
    answers::{
        Factors, MfaChallenge, PasskeyEnrolment, PasskeySignIn, RecoveryCodes, RelatedOrigins, SignedIn,
        TotpEnrolment,
    },
    http::{
        api::{
            factors::ConfirmBody,
            passkeys::{NewPasskeyBody, PasskeySignInBody},
            second_factor::{AnswerBody, ChallengeBody},
        },
        endpoints::HttpMethod::{Delete, Get, Post},
    },
};

pub fn factors() -> Vec<Described> {
    at_sign_in().into_iter().chain(own_factors()).collect()
}

fn at_sign_in() -> Vec<Described> {
    vec![
        attempt("challengeSignIn", "/v1/login/challenge", "What a client needs to answer by a method")
            .told("Of what people type that is nothing.")
            .takes::<ChallengeBody>()
            .answers::<MfaChallenge>(200, "It is asked for."),
        attempt("answerSignIn", "/v1/login/answer", "Go on with a sign-in")
            .told(
                "Takes the `mfa_token` of a 403 `mfa_required`, or of a sign-in that a passkey begins, within 10 \
                 minutes, and one proof.",
            )
            .takes::<AnswerBody>()
            .may_prove_key()
            .answers::<SignedIn>(200, "Signed in, in the transport that the sign-in was asked in.")
            .with_headers(&["Set-Cookie"])
            .may(&[ACCOUNT_DISABLED, EMAIL_UNCONFIRMED, WRONG_CODE, TOO_MANY_ATTEMPTS]),
        Described::of("beginPasskeySignIn", Post, "/v1/login/passkey", "Sign in by a passkey, with no name")
            .told("Nobody is looked up yet: go on with the `mfa_token` and what the browser brought.")
            .may_take::<PasskeySignInBody>()
            .may_prove_key()
            .or_app()
            .answers::<PasskeySignIn>(200, "What the browser is to be asked for.")
            .may(&[INVALID_CREDENTIALS, METHOD_NOT_ACCEPTED, CROSS_SITE, STORE_UNAVAILABLE, INTERNAL]),
        Described::of("relatedOrigins", Get, "/.well-known/webauthn", "The origins of one domain")
            .told("For browsers, on pages of another domain than the passkeys (WebAuthn Level 3, section 5.11).")
            .answers::<RelatedOrigins>(200, "Those that are web pages.")
            .may(&[INTERNAL]),
    ]
}

fn own_factors() -> Vec<Described> {
    let own = |id, method, path, summary| {
        Described::of(id, method, path, summary).may(&[INSUFFICIENT_USER_AUTHENTICATION])
    };
    vec![
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
        own("beginPasskey", Post, "/v1/factors/passkeys", "Begin to set up a passkey")
            .told("It counts once it is confirmed, within 10 minutes, in the same session.")
            .answers::<PasskeyEnrolment>(200, "What the browser is to be asked for.")
            .may(&[CONFLICT, NOT_FOUND]),
        own("confirmPasskey", Post, "/v1/factors/passkeys/confirm", "Confirm a passkey")
            .takes::<NewPasskeyBody>()
            .answers::<RecoveryCodes>(201, "It counts. With the first factor come codes, shown this once.")
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
        .may(&[METHOD_NOT_ACCEPTED, STORE_UNAVAILABLE, INTERNAL])
}

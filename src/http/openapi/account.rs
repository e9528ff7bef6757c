//! The account of one's own: what it is known by, and how its owner gets back into it.

use super::{
    codes::{
        ACCOUNT_DISABLED, CONFLICT, EMAIL_TAKEN, FACTOR_MISSING, INSUFFICIENT_USER_AUTHENTICATION, INTERNAL,
        LINK_SPENT, OVERLOADED, SIGNUP_CLOSED, STORE_UNAVAILABLE, TOO_MANY_ATTEMPTS, USERNAME_TAKEN,
        WEAK_PASSWORD, WRONG_CODE, WRONG_PASSWORD,
    },
    described::Described,
};
use crate::{
    answers::{MfaChallenge, OwnEvents, User},
    http::{
        api::{
            account::{PasswordBody, SignupBody},
            activity::OwnEventsQuery,
            email::{ConfirmEmailBody, OwnPatch},
            reset::{ForgotBody, ResetBody, ResetChallengeBody},
        },
        endpoints::HttpMethod::{Delete, Get, Patch, Post},
    },
};

pub fn account() -> Vec<Described> {
    own().into_iter().chain(by_mail()).collect()
}

fn own() -> Vec<Described> {
    vec![
        Described::of("signup", Post, "/v1/signup", "Make an account")
            .told("Where `accounts.signup` is `open`.")
            .takes::<SignupBody>()
            .answers::<User>(201, "The account.")
            .answers_nothing(202, "The account is made, and its address is to be confirmed first.")
            .may(&[SIGNUP_CLOSED, USERNAME_TAKEN, WEAK_PASSWORD, TOO_MANY_ATTEMPTS])
            .may(&[OVERLOADED, STORE_UNAVAILABLE, INTERNAL]),
        Described::of("me", Get, "/v1/me", "Who is signed in").answers::<User>(200, "The user."),
        Described::of("changeMe", Patch, "/v1/me", "Ask for another address")
            .told(
                "Takes a sign-in of a moment ago. A mail goes to the address; it is the account's once that is \
                 confirmed.",
            )
            .takes::<OwnPatch>()
            .answers_nothing(202, "A mail goes out.")
            .may(&[INSUFFICIENT_USER_AUTHENTICATION, TOO_MANY_ATTEMPTS, OVERLOADED]),
        Described::of("deleteMe", Delete, "/v1/me", "Delete the account")
            .told("Takes a sign-in of a moment ago. All that the account holds goes with it.")
            .answers_nothing(204, "It is gone.")
            .may(&[INSUFFICIENT_USER_AUTHENTICATION, CONFLICT]),
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

fn by_mail() -> Vec<Described> {
    vec![
        Described::of("confirmEmail", Post, "/v1/email/confirm", "Follow a link about an address")
            .told(
                "By the `token` of a link, wherever that is opened; or by the `code` of the same mail, with the \
                 access token.",
            )
            .takes::<ConfirmEmailBody>()
            .or_owner()
            .answers_nothing(204, "The address is confirmed, or its change undone.")
            .may(&[EMAIL_TAKEN, LINK_SPENT, WRONG_CODE, TOO_MANY_ATTEMPTS, OVERLOADED]),
        Described::of("forgotPassword", Post, "/v1/password/forgot", "Ask for a link that sets a password")
            .told("The answer is the same whether there is such an account or not.")
            .takes::<ForgotBody>()
            .answers_nothing(202, "A mail goes out where somebody is called so and has a verified address.")
            .may(&[TOO_MANY_ATTEMPTS, OVERLOADED, STORE_UNAVAILABLE, INTERNAL]),
        Described::of(
            "challengePasswordReset",
            Post,
            "/v1/password/reset/challenge",
            "What a client needs to prove a second factor beside a link",
        )
        .told("Of what people type that is nothing. The link stays good.")
        .takes::<ResetChallengeBody>()
        .answers::<MfaChallenge>(200, "What the browser is to be asked for, where it is a passkey.")
        .may(&[ACCOUNT_DISABLED, LINK_SPENT, STORE_UNAVAILABLE, INTERNAL]),
        Described::of("resetPassword", Post, "/v1/password/reset", "Set a password by a link")
            .told("All of the user's sessions end, and nobody is signed in by it.")
            .takes::<ResetBody>()
            .answers_nothing(204, "It is set.")
            .may(&[ACCOUNT_DISABLED, FACTOR_MISSING, LINK_SPENT, WEAK_PASSWORD, WRONG_CODE])
            .may(&[TOO_MANY_ATTEMPTS, OVERLOADED, STORE_UNAVAILABLE, INTERNAL]),
    ]
}

//! Every JSON body, by its form alone: a door for those who throw arbitrary bytes at all of them
//! without a server around them.

use serde::de::DeserializeOwned;

use super::{
    account::{PasswordBody, SignupBody},
    email::{ConfirmEmailBody, OwnPatch},
    factors::ConfirmBody,
    logout::LogoutBody,
    passkeys::{NewPasskeyBody, PasskeySignInBody},
    reset::{ForgotBody, ResetBody, ResetChallengeBody},
    second_factor::{AnswerBody, ChallengeBody},
    step_up::{StepUpBody, StepUpChallengeBody},
    tokens::{LoginBody, RefreshBody},
};
use crate::http::wire::{body, problem::Problem};

/// What each route that takes a body would answer to one it cannot read.
#[must_use]
pub fn refusals(bytes: &[u8]) -> Vec<Problem> {
    let readers = [
        refusal::<LoginBody>,
        refusal::<RefreshBody>,
        refusal::<ChallengeBody>,
        refusal::<AnswerBody>,
        refusal::<ConfirmBody>,
        refusal::<NewPasskeyBody>,
        refusal::<PasskeySignInBody>,
        refusal::<StepUpBody>,
        refusal::<StepUpChallengeBody>,
        refusal::<LogoutBody>,
        refusal::<SignupBody>,
        refusal::<PasswordBody>,
        refusal::<OwnPatch>,
        refusal::<ConfirmEmailBody>,
        refusal::<ForgotBody>,
        refusal::<ResetBody>,
        refusal::<ResetChallengeBody>,
    ];
    readers.into_iter().filter_map(|read| read(bytes)).collect()
}

fn refusal<T: DeserializeOwned>(bytes: &[u8]) -> Option<Problem> {
    body::parse::<T>(bytes).err()
}

//! Every JSON body, by its form alone: a door for those who throw arbitrary bytes at all of them
//! without a server around them.

use serde::de::DeserializeOwned;

use super::{body, problem::Problem};
use crate::http::api::{
    account::{PasswordBody, SignupBody},
    logout::LogoutBody,
    tokens::{LoginBody, RefreshBody},
};

/// What each route that takes a body would answer to one it cannot read.
#[must_use]
pub fn refusals(bytes: &[u8]) -> Vec<Problem> {
    let readers = [
        refusal::<LoginBody>,
        refusal::<RefreshBody>,
        refusal::<LogoutBody>,
        refusal::<SignupBody>,
        refusal::<PasswordBody>,
    ];
    readers.into_iter().filter_map(|read| read(bytes)).collect()
}

fn refusal<T: DeserializeOwned>(bytes: &[u8]) -> Option<Problem> {
    body::parse::<T>(bytes).err()
}

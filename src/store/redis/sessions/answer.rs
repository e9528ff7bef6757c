//! What a script on a session's hash answers: a word, and by name what belongs to it, the fields of the record as it
//! is now among that (see `answer` in `prelude.lua`). Each caller reads the words of its script; one that it does
//! not know is an error.

use redis::Value;

use super::record::HashFields;
use crate::{
    domain::ids::SessionId,
    store::{
        error::StoreError,
        redis::connection::error::{corrupt, unexpected},
    },
};

pub struct ScriptAnswer {
    session: SessionId,
    word: String,
    pub fields: HashFields,
}

impl ScriptAnswer {
    pub fn read(session: SessionId, mut values: Vec<Value>) -> Result<Self, StoreError> {
        if values.is_empty() {
            return Err(corrupt("answer of a script", session));
        }
        let word = redis::from_redis_value(values.remove(0)).map_err(unexpected)?;
        Ok(Self { session, word, fields: HashFields::read(session, values)? })
    }

    pub fn word(&self) -> &str {
        &self.word
    }

    /// The error for a word that is not known here.
    pub fn unknown(&self) -> StoreError {
        corrupt("answer of a script", self.session)
    }
}

//! What a script on a session's hash answers: a word, and what belongs to it by name.

use redis::Value;

use super::record::Reader;
use crate::{
    domain::{
        app::AppName,
        clock::Timestamp,
        ids::{SessionId, UserId},
        session::EndReason,
    },
    store::{
        error::StoreError,
        redis::connection::error::{corrupt, unexpected},
    },
};

/// An answer about one session.
pub struct Answer {
    session: SessionId,
    word: String,
    /// Names and values, in turn.
    rest: Vec<Vec<u8>>,
}

impl Answer {
    pub fn read(session: SessionId, values: Vec<Value>) -> Result<Self, StoreError> {
        let mut values = values.into_iter();
        let word = redis::from_redis_value(values.next().unwrap_or(Value::Nil)).map_err(unexpected)?;
        let rest = values.map(|value| match value {
            Value::Int(number) => Ok(number.to_string().into_bytes()),
            value => redis::from_redis_value(value).map_err(unexpected),
        });
        Ok(Self { session, word, rest: rest.collect::<Result<_, _>>()? })
    }

    pub fn word(&self) -> &str {
        &self.word
    }

    /// The error for a word that is not known here.
    pub fn unknown(&self) -> StoreError {
        corrupt("answer of a script", self.session)
    }

    /// A value; empty where there is none.
    pub fn bytes(&self, name: &str) -> &[u8] {
        let found = self.rest.chunks_exact(2).find(|pair| pair[0] == name.as_bytes());
        found.map_or(&[], |pair| pair[1].as_slice())
    }

    /// The values of those names that are not empty.
    pub fn all<'a>(&'a self, names: &'a [&str]) -> impl Iterator<Item = &'a [u8]> {
        names.iter().map(|name| self.bytes(name)).filter(|value| !value.is_empty())
    }

    pub fn user(&self) -> Result<UserId, StoreError> {
        self.reader().user(self.bytes("user"))
    }

    pub fn app(&self) -> Result<AppName, StoreError> {
        self.reader().app(Some(self.bytes("app")))
    }

    pub fn reason(&self) -> Result<EndReason, StoreError> {
        self.reader().parsed("reason of an end", Some(self.bytes("reason")))
    }

    pub fn number(&self, name: &'static str) -> Result<u32, StoreError> {
        self.reader().parsed(name, Some(self.bytes(name)))
    }

    pub fn time(&self, name: &'static str) -> Result<Timestamp, StoreError> {
        self.reader().parsed(name, Some(self.bytes(name))).map(Timestamp::from_millis)
    }

    pub fn optional_time(&self, name: &'static str) -> Result<Option<Timestamp>, StoreError> {
        let millis: Option<i64> = self.reader().optional(name, Some(self.bytes(name)))?;
        Ok(millis.map(Timestamp::from_millis))
    }

    fn reader(&self) -> Reader {
        Reader { id: self.session }
    }
}

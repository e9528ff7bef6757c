//! A place in a listing that is shown page by page, as the text a client brings back.

use std::{fmt, str::FromStr};

use super::{
    clock::Timestamp,
    ids::{InvalidId, SessionId},
};

/// Where a listing of sessions, the most recently active first, goes on: after this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Its last activity, as the listing had it.
    pub seen: Timestamp,
    /// Which one; of those of one moment, the listing has an order of its own.
    pub session: SessionId,
}

impl FromStr for Cursor {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let (millis, session) = text.split_once('.').ok_or(InvalidId("cursor"))?;
        let millis = millis.parse().map_err(|_| InvalidId("cursor"))?;
        let cursor = Self { seen: Timestamp::from_millis(millis), session: session.parse()? };
        // One text for one place: no plus sign, no leading zeros.
        if cursor.to_string() == text { Ok(cursor) } else { Err(InvalidId("cursor")) }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.seen.millis(), self.session)
    }
}

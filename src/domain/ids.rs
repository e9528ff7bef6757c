//! Names of things: each id has a type of its own, made in one way and read in one way.

use std::{fmt, str::FromStr};

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use super::{clock::Timestamp, random};

/// Text that is not an id of the wanted kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {0}")]
pub struct InvalidId(pub &'static str);

/// 16 random bytes, written as 22 characters of base64url. Canonical: one text for one id.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Random16([u8; 16]);

impl Random16 {
    fn new() -> Self {
        Self(random::bytes())
    }

    fn parse(text: &str, what: &'static str) -> Result<Self, InvalidId> {
        let mut bytes = [0; 16];
        // The engine refuses padding, other alphabets and non-zero trailing bits.
        match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
            Ok(16) if text.len() == 22 => Ok(Self(bytes)),
            _ => Err(InvalidId(what)),
        }
    }
}

impl fmt::Display for Random16 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 22];
        let written = URL_SAFE_NO_PAD.encode_slice(self.0, &mut text).unwrap_or(0);
        f.write_str(std::str::from_utf8(&text[..written]).unwrap_or_default())
    }
}

/// An id of 16 random bytes: how it is made, kept, written and read is the same for all.
macro_rules! random_id {
    ($(#[$doc:meta])* $id:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $id(Random16);

        impl $id {
            /// A new, unpredictable id.
            #[must_use]
            pub fn random() -> Self {
                Self(Random16::new())
            }

            /// From the 16 bytes that a token carries or a store holds.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Random16(bytes))
            }

            /// The 16 bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0.0
            }
        }

        impl FromStr for $id {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Random16::parse(text, $what).map(Self)
            }
        }

        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($id))
            }
        }
    };
}

random_id!(
    /// A session: one sign-in on one device.
    SessionId,
    "session id"
);
random_id!(
    /// The `jti` of one access token (RFC 7519 section 4.1.7).
    TokenId,
    "token id"
);
random_id!(
    /// A second factor of an account.
    FactorId,
    "factor id"
);

/// A key that seals data: 64 bits that follow from it, written as 11 characters of base64url.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SealingKeyId([u8; Self::BYTES]);

impl SealingKeyId {
    pub const BYTES: usize = 8;

    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl FromStr for SealingKeyId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        // The decoder wants room for a whole last group.
        let mut room = [0; 9];
        let decoded = URL_SAFE_NO_PAD.decode_slice(text, &mut room);
        match (decoded, room) {
            (Ok(Self::BYTES), [bytes @ .., _]) => Ok(Self(bytes)),
            _ => Err(InvalidId("sealing key id")),
        }
    }
}

impl fmt::Display for SealingKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for SealingKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKeyId({self})")
    }
}

/// An id that is a version 7 UUID (RFC 9562 section 5.7), so that ids sort by age: how it is kept, written and read is
/// the same for all.
macro_rules! uuid_id {
    ($(#[$doc:meta])* $id:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $id(Uuid);

        impl $id {
            /// From the UUID a database holds.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl std::str::FromStr for $id {
            type Err = $crate::domain::ids::InvalidId;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $crate::domain::ids::parse_uuid(text, $what).map(Self)
            }
        }

        impl std::fmt::Display for $id {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }
    };
}
pub(super) use uuid_id;

/// Of that moment, and told apart from others of it by the rest.
pub(super) fn uuid_at(at: Timestamp, rest: &[u8; 10]) -> Uuid {
    uuid::Builder::from_unix_timestamp_millis(u64::try_from(at.millis()).unwrap_or(0), rest).into_uuid()
}

/// The first that there can be of that moment.
pub(super) fn first_uuid_at(at: Timestamp) -> Uuid {
    let millis = u64::try_from(at.millis()).unwrap_or(0).min((1 << 48) - 1);
    Uuid::from_u128(u128::from(millis) << 80)
}

pub(super) fn parse_uuid(text: &str, what: &'static str) -> Result<Uuid, InvalidId> {
    let uuid = Uuid::try_parse(text).map_err(|_| InvalidId(what))?;
    // One text for one id: only the lower-case hyphenated form.
    if uuid.hyphenated().to_string() == text { Ok(uuid) } else { Err(InvalidId(what)) }
}

uuid_id!(
    /// A user.
    UserId,
    "user id"
);

impl UserId {
    /// A new id.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self(uuid_at(now, &random::bytes()))
    }

    /// The id of somebody who was brought along from elsewhere without one: always the same for the same `traits`,
    /// so that to bring them along once more makes nobody twice.
    #[must_use]
    pub fn derived(created_at: Timestamp, traits: &[&str]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(b"keyward imported user");
        for text in traits {
            // With its length, so that no two lists of traits are one text.
            context.update(&(text.len() as u64).to_be_bytes());
            context.update(text.as_bytes());
        }
        let mut chosen = [0; 10];
        chosen.copy_from_slice(&context.finish().as_ref()[..10]);
        Self(uuid_at(created_at, &chosen))
    }
}

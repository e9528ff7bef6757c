//! By what somebody may name themselves at a sign-in.

use super::user::InvalidName;

/// What an app takes of it: one at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identifiers {
    username: bool,
    email: bool,
}

const USERNAME: &str = "username";
const EMAIL: &str = "email";

impl Identifiers {
    pub const ALL: Self = Self { username: true, email: true };

    /// Whether a name will do.
    #[must_use]
    pub const fn take_username(self) -> bool {
        self.username
    }

    /// Whether a verified address will do.
    #[must_use]
    pub const fn take_email(self) -> bool {
        self.email
    }

    /// Reads one at least of the contract's words.
    ///
    /// # Errors
    /// When there is none, or another.
    pub fn named<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidName> {
        let with = |taken: Self, word| match word {
            USERNAME => Some(Self { username: true, ..taken }),
            EMAIL => Some(Self { email: true, ..taken }),
            _ => None,
        };
        let named = words.into_iter().try_fold(Self { username: false, email: false }, with);
        let named = named.filter(|taken| taken.username || taken.email);
        named.ok_or(InvalidName("takes one at least of username and email"))
    }

    /// The contract's words for them.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        let words = [(self.username, USERNAME), (self.email, EMAIL)];
        words.into_iter().filter_map(|(is_taken, word)| is_taken.then_some(word)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_read_back_as_they_are_named_and_none_is_no_choice() {
        for words in [&["username", "email"][..], &["username"], &["email"]] {
            let read = Identifiers::named(words.iter().copied()).expect("known words");
            assert_eq!(read.names(), words);
        }
        assert_eq!(Identifiers::named(["email", "username", "email"]), Ok(Identifiers::ALL));
        for words in [&[][..], &[""], &["email", "phone"], &["Email"]] {
            assert!(Identifiers::named(words.iter().copied()).is_err(), "{words:?}");
        }
    }
}

//! A list of users: which ones, in which order, and where it goes on. Each page costs the same, however many users
//! there are: it looks at a bounded number of them, in the order of an index.

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use unicode_normalization::UnicodeNormalization;

use super::{
    ids::{InvalidId, UserId},
    user::{EMAIL_MAX_CHARS, InvalidName, Role, User, UserStatus},
};

/// How many users a page looks at, at least, where few of them may be what is asked for.
const LOOKS: u32 = 500;
/// Sorts after whatever begins with the text before it.
const LAST: char = '\u{10ffff}';

/// What a user name or an e-mail address begins with, whatever its case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchPrefix {
    name: String,
    email: String,
}

/// Which users, and in which order.
#[derive(Debug, Clone, Default)]
pub struct UserQuery {
    /// In the order of what is found; without it, in that of age.
    pub search: Option<SearchPrefix>,
    pub role: Option<Role>,
    pub status: Option<UserStatus>,
    /// Without a search: the youngest account first.
    pub newest_first: bool,
}

/// Where a list goes on: after this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserPlace {
    Id(UserId),
    /// In a search: the name or address that was found, and of whom.
    Term(String, UserId),
}

/// A part of a list.
#[derive(Debug, Clone)]
pub struct UserPage {
    /// At most as many as asked for; fewer, or none, does not mean the end.
    pub users: Vec<User>,
    /// `None` = that was all.
    pub next: Option<UserPlace>,
}

/// A part of an index of texts: what comes after `from`, and before `end`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TermRange {
    /// Of one text, what comes after this id; `None` = all.
    pub from: (String, Option<UserId>),
    pub end: String,
}

impl SearchPrefix {
    /// Reads what somebody searches for.
    ///
    /// # Errors
    /// When it is empty, longer than anything that could be found, or holds a control character.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let is_control = text.chars().any(char::is_control);
        if text.is_empty() || text.chars().count() > EMAIL_MAX_CHARS || is_control {
            return Err(InvalidName("a search is for 1 to 254 characters, none of them a control character"));
        }
        let shown: String = text.nfkc().collect();
        Ok(Self { name: shown.to_lowercase().nfkc().collect(), email: text.to_ascii_lowercase() })
    }

    /// The name and the address of a user, as far as they are found.
    fn terms(&self, user: &User) -> impl Iterator<Item = String> {
        let name = Some(user.username.key().to_owned()).filter(|name| name.starts_with(&self.name));
        let email = user.email.as_ref().map(|email| email.as_str().to_ascii_lowercase());
        name.into_iter().chain(email.filter(|email| email.starts_with(&self.email)))
    }

    /// The parts of the index of names and of that of addresses (in lower-case ASCII) to look at.
    #[must_use]
    pub fn ranges(&self, after: Option<&UserPlace>) -> [TermRange; 2] {
        [&self.name, &self.email].map(|prefix| {
            let begin = (prefix.clone(), None);
            let from = match after {
                Some(UserPlace::Term(term, id)) => (term.clone(), Some(*id)).max(begin),
                Some(UserPlace::Id(_)) | None => begin,
            };
            TermRange { from, end: format!("{prefix}{LAST}") }
        })
    }
}

impl UserQuery {
    /// How many users a page of so many looks at.
    #[must_use]
    pub fn looks(&self, limit: u32) -> u32 {
        let one_more = limit.saturating_add(1);
        match (&self.search, &self.role, self.status) {
            (None, None, _) | (None, _, None) => one_more,
            // Each may be found twice.
            (Some(_), None, None) => one_more.saturating_add(limit),
            _ => one_more.max(LOOKS),
        }
    }

    /// Whether a list of this kind can go on there.
    #[must_use]
    pub fn fits(&self, place: &UserPlace) -> bool {
        matches!(place, UserPlace::Term(..)) == self.search.is_some()
    }

    /// The page, from the users that were looked at, each with the text that it was found by in a search.
    #[must_use]
    pub fn page(&self, found: Vec<(Option<String>, User)>, limit: u32) -> UserPage {
        let there_may_be_more = found.len() >= self.looks(limit) as usize;
        let (mut users, mut seen) = (Vec::new(), None);
        for (term, user) in found {
            if users.len() >= limit as usize {
                return UserPage { users, next: seen };
            }
            let takes = self.takes(term.as_deref(), &user);
            seen = Some(match term {
                Some(term) => UserPlace::Term(term, user.id),
                None => UserPlace::Id(user.id),
            });
            if takes {
                users.push(user);
            }
        }
        UserPage { users, next: seen.filter(|_| there_may_be_more) }
    }

    /// Who is found by name and address is shown where the first of the two stands.
    fn takes(&self, term: Option<&str>, user: &User) -> bool {
        let is_first = match (&self.search, term) {
            (Some(search), Some(term)) => search.terms(user).all(|other| *term <= *other),
            _ => true,
        };
        is_first
            && self.role.as_ref().is_none_or(|role| user.roles.contains(role))
            && self.status.is_none_or(|status| user.status == status)
    }
}

impl FromStr for UserPlace {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let Some((term, id)) = text.split_once('.') else { return text.parse().map(Self::Id) };
        let term = URL_SAFE_NO_PAD.decode(term).map_err(|_| InvalidId("cursor"))?;
        let term = String::from_utf8(term).map_err(|_| InvalidId("cursor"))?;
        // PostgreSQL takes no such text.
        if term.contains('\0') {
            return Err(InvalidId("cursor"));
        }
        Ok(Self::Term(term, id.parse()?))
    }
}

impl fmt::Display for UserPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Term(term, id) => write!(f, "{}.{id}", URL_SAFE_NO_PAD.encode(term)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::Timestamp;

    #[test]
    fn a_place_is_read_back_as_it_was_written() {
        let id = UserId::new(Timestamp::from_secs(1));
        for place in [UserPlace::Id(id), UserPlace::Term("zoë@example.com".to_owned(), id)] {
            assert_eq!(place.to_string().parse(), Ok(place));
        }
        for text in ["", ".", "x", "e.x", "=.", &format!("AA.{id}"), &format!("_w.{id}"), "1.2.3"] {
            assert!(text.parse::<UserPlace>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_search_goes_on_in_both_indexes_after_what_was_found() {
        let id = UserId::new(Timestamp::from_secs(1));
        let search = SearchPrefix::parse("Åb").expect("a search");
        let begin = search.ranges(None);
        assert_eq!(begin[0].from, ("åb".to_owned(), None));
        assert_eq!(begin[1].from, ("Åb".to_owned(), None));
        let place = UserPlace::Term("åbc".to_owned(), id);
        let [names, emails] = search.ranges(Some(&place));
        assert_eq!(names.from, ("åbc".to_owned(), Some(id)));
        assert!(emails.from.0 > emails.end, "there is nothing left");
    }
}

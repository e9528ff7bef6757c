//! A user: who may sign in. Names are compared without case, after NFKC.

use std::{fmt, time::Duration};

use unicode_normalization::UnicodeNormalization;

use super::{clock::Timestamp, ids::UserId, locale::Locale, secret::PasswordHash};

/// The longest user name, in Unicode scalar values after NFKC.
pub const USERNAME_MAX_CHARS: usize = 128;
/// The longest role name.
pub const ROLE_MAX_CHARS: usize = 48;
/// The most roles of one user: with them the headers of a check stay under 3 kB, which gateways need,
/// and an access token under 4 KiB.
pub const ROLES_MAX: usize = 16;
/// The longest e-mail address (RFC 5321 section 4.5.3.1.3, less the angle brackets).
pub const EMAIL_MAX_CHARS: usize = 254;
/// The longest part before the `@` (RFC 5321 section 4.5.3.1.1).
const EMAIL_LOCAL_MAX_BYTES: usize = 64;

/// Input that cannot be a name, role or address; the text says what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidName(pub &'static str);

const TOO_LONG: InvalidName = InvalidName("a user name has at most 128 characters");

/// A user name as shown, with the key it is compared by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username {
    shown: String,
    key: String,
}

impl Username {
    /// Reads a name that an account is to have: NFKC, no control or invisible characters, no white space
    /// at either end.
    ///
    /// # Errors
    /// When it is empty, longer than [`USERNAME_MAX_CHARS`] or holds a character no name has.
    pub fn parse(typed: &str) -> Result<Self, InvalidName> {
        // As it was typed: NFKC turns some of them into others.
        if typed.chars().any(is_invisible) {
            return Err(UNPRINTABLE);
        }
        Self::known(typed)
    }

    /// Reads the name of an account that may be there already, for signing in and looking up. Names with
    /// some invisible characters could once be chosen, and stay good.
    ///
    /// # Errors
    /// As [`Username::parse`], but for those.
    pub fn known(typed: &str) -> Result<Self, InvalidName> {
        Self::read(typed, USERNAME_MAX_CHARS)
    }

    /// Reads what somebody signs in by: the name of an account, or an address, which may be longer than a name.
    ///
    /// # Errors
    /// As [`Username::known`]; of an address with more than [`EMAIL_MAX_CHARS`].
    pub fn or_address(typed: &str) -> Result<Self, InvalidName> {
        Self::read(typed, if typed.contains('@') { EMAIL_MAX_CHARS } else { USERNAME_MAX_CHARS })
    }

    fn read(typed: &str, most: usize) -> Result<Self, InvalidName> {
        // Bounded before it is normalised: NFKC can make a text up to 18 times as long.
        if typed.chars().nth(most).is_some() {
            return Err(TOO_LONG);
        }
        let shown: String = typed.nfkc().collect();
        if shown.trim() != shown || shown.is_empty() {
            return Err(InvalidName("a user name must not be empty or begin or end with white space"));
        }
        if shown.chars().nth(most).is_some() {
            return Err(TOO_LONG);
        }
        if shown.chars().any(is_unprintable) {
            return Err(UNPRINTABLE);
        }
        // Lower-casing can leave a text that is no longer NFKC, so it is normalised again.
        let key = shown.to_lowercase().nfkc().collect();
        Ok(Self { shown, key })
    }

    /// As it was chosen, in NFKC.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// What names are compared and found by.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

const UNPRINTABLE: InvalidName = InvalidName("a user name must not hold control or invisible characters");

/// Characters that leave no mark, by which two different names look alike: `Default_Ignorable_Code_Point`
/// in DerivedCoreProperties.txt of Unicode 17, code points kept free for more of them included.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Control characters, and the format characters that no name was ever let have.
fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A role: visible ASCII without comma or quote, so that it stands in a header list as it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Role(String);

impl Role {
    /// May everything: see [`AdminRole`](super::admin::AdminRole).
    pub const ADMIN: &str = "admin";

    /// Reads a role name.
    ///
    /// # Errors
    /// When it is empty, too long, or holds anything but letters, digits and `-_.:/`.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.:/".contains(c);
        if text.is_empty() || text.len() > ROLE_MAX_CHARS || !text.chars().all(allowed) {
            return Err(InvalidName("a role is 1 to 48 letters, digits and -_.:/"));
        }
        Ok(Self(text.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What becomes of a user's roles.
#[derive(Debug, Clone, Default)]
pub struct RoleChange {
    /// Those the user has from then on.
    pub add: Vec<Role>,
    /// Those the user no longer has.
    pub remove: Vec<Role>,
    /// Whether all others are taken too.
    pub is_whole: bool,
}

impl RoleChange {
    /// Has a user have these, and no others.
    #[must_use]
    pub const fn to(roles: Vec<Role>) -> Self {
        Self { add: roles, remove: Vec::new(), is_whole: true }
    }

    /// The roles after it: sorted, each once.
    #[must_use]
    pub fn apply(&self, roles: &[Role]) -> Vec<Role> {
        let kept = roles.iter().filter(|role| !self.is_whole && !self.remove.contains(role));
        let mut roles: Vec<Role> = kept.chain(&self.add).cloned().collect();
        roles.sort();
        roles.dedup();
        roles
    }
}

/// An e-mail address: something, `@`, something; whether mail arrives is not known. Compared without case, as far as that
/// is ASCII: no letter that only looks like another one is taken for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Reads an address that an account is to have: the local part is a dot-string (RFC 5321 section 4.1.2, RFC 6531
    /// section 3.3) in NFC, the domain as the DNS has it, of which one name has one form (RFC 5890, A-labels).
    ///
    /// # Errors
    /// When it has no local part or domain, is too long, or holds what has no place in one: quotes, brackets, white
    /// space, control or invisible characters.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let invalid = InvalidName("not an e-mail address");
        // Bounded before it is normalised.
        if text.chars().count() > EMAIL_MAX_CHARS || text.chars().any(is_invisible) {
            return Err(invalid);
        }
        let (local, domain) = text.rsplit_once('@').ok_or_else(|| invalid.clone())?;
        let local: String = local.nfc().collect();
        let domain = idna::domain_to_ascii(domain).map_err(|_| invalid.clone())?;
        let is_host = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        let is_whole = |part: &str| part.split('.').all(|label| !label.is_empty());
        if local.len() > EMAIL_LOCAL_MAX_BYTES || !local.chars().all(is_of_local_part) || !is_whole(&local) {
            return Err(invalid);
        }
        if !domain.chars().all(is_host) || !is_whole(&domain) {
            return Err(invalid);
        }
        Self::known(&format!("{local}@{domain}"))
    }

    /// Reads an address that an account may have already, from when some invisible characters were let in.
    ///
    /// # Errors
    /// As [`Email::parse`], but for those.
    pub fn known(text: &str) -> Result<Self, InvalidName> {
        let invalid = InvalidName("not an e-mail address");
        if text.chars().count() > EMAIL_MAX_CHARS
            || text.chars().any(|c| c.is_whitespace() || is_unprintable(c))
        {
            return Err(invalid);
        }
        match text.rsplit_once('@') {
            Some((local, domain)) if !local.is_empty() && !domain.is_empty() => Ok(Self(text.to_owned())),
            _ => Err(invalid),
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `atext` of RFC 5322 section 3.2.3 and the dot between atoms, or beyond ASCII.
fn is_of_local_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c) || !c.is_ascii()
}

/// Whether a user may sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserStatus {
    Active,
    /// May not, and no token of theirs passes.
    Disabled,
}

/// A user, without the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The `sub` of their tokens.
    pub id: UserId,
    /// The name they sign in with.
    pub username: Username,
    /// Where they said they can be reached.
    pub email: Option<Email>,
    /// Whether that is known to be theirs.
    pub email_verified: bool,
    /// Sorted, each once.
    pub roles: Vec<Role>,
    /// From when on the roles are these, in whole seconds; 0 = since the account was made. Each change
    /// has a later one, and no token with the new roles an earlier `iat`.
    pub roles_at: Timestamp,
    /// Whether they may sign in.
    pub status: UserStatus,
    /// The language they are written to in, where it is known.
    pub locale: Option<Locale>,
    /// When the account was made.
    pub created_at: Timestamp,
}

/// A user with what proves them.
#[derive(Debug, Clone)]
pub struct Account {
    pub user: User,
    /// What their password is checked against.
    pub password_hash: PasswordHash,
    /// How often its failed sign-ins were forgiven: those before the last time no longer count.
    pub pardons: u32,
}

impl User {
    /// Whether they may operate the server, everything included.
    #[must_use]
    pub fn is_enabled_admin(&self) -> bool {
        self.status == UserStatus::Active && self.roles.iter().any(|role| role.as_str() == Role::ADMIN)
    }

    /// The same after a change of roles; `None` = they are so already. It counts from `since` on, or from
    /// the second after the last one where that is not over yet: no two have one date.
    #[must_use]
    pub fn with_roles(&self, change: &RoleChange, since: Timestamp) -> Option<Self> {
        let roles = change.apply(&self.roles);
        let roles_at = since.max(self.roles_at + Duration::from_secs(1));
        (roles != self.roles).then(|| Self { roles, roles_at, ..self.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_without_case_after_nfkc() {
        let key = |text| Username::parse(text).expect(text).key().to_owned();
        assert_eq!(key("Alice"), key("aLICE"));
        assert_eq!(key("ﬁona"), key("FIONA"));
        assert_eq!(key("Åse"), key("A\u{30a}se"));
        assert_ne!(key("alice"), key("al1ce"));
    }

    #[test]
    fn an_address_has_one_form() {
        for (typed, kept) in [
            ("Ada@Example.COM", "Ada@example.com"),
            ("ada+x@xn--bcher-kva.example", "ada+x@xn--bcher-kva.example"),
            ("ada@b\u{fc}cher.example", "ada@xn--bcher-kva.example"),
            ("ada@bu\u{308}cher.example", "ada@xn--bcher-kva.example"),
            ("jose\u{301}@example.com", "jos\u{e9}@example.com"),
        ] {
            assert_eq!(Email::parse(typed).expect(typed).as_str(), kept);
        }
        // A letter that looks like another is another.
        assert_ne!(Email::parse("\u{131}ra@example.com"), Email::parse("ira@example.com"));
    }

    #[test]
    fn what_could_be_more_than_one_address_is_none() {
        for text in [
            "a@b@c, x@y",
            "a b@example.com",
            "\"a b\"@example.com",
            "a@example.com>",
            "<a@example.com",
            "a@example.com\r\nBcc: b@example.com",
            "a\u{0}@example.com",
            "a,b@example.com",
            ".a@example.com",
            "a..b@example.com",
            "a@example..com",
            "a@[127.0.0.1]",
            "a@exa mple.com",
            "@example.com",
            "a@",
            &format!("{}@example.com", "a".repeat(65)),
            &format!("a@{}.com", "b".repeat(250)),
        ] {
            assert!(Email::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn names_no_person_has_are_refused() {
        for text in ["", " a", "a ", "a\0b", "a\nb", "a\u{200b}b", "a\u{202e}b", &"a".repeat(129)] {
            assert!(Username::parse(text).is_err(), "{text:?}");
        }
        // U+FDFA is one character that NFKC makes 18.
        assert!(Username::parse(&"\u{fdfa}".repeat(128)).is_err());
    }

    #[test]
    fn what_cannot_be_seen_is_in_no_new_name_and_stays_in_old_ones() {
        for c in ['\u{fe0f}', '\u{34f}', '\u{3164}', '\u{ffa0}', '\u{115f}', '\u{e0100}', '\u{180f}'] {
            let (name, address) = (format!("ad{c}a"), format!("ad{c}a@example.com"));
            assert!(Username::parse(&name).is_err() && Email::parse(&address).is_err(), "{c:?}");
            assert!(Username::known(&name).is_ok() && Email::known(&address).is_ok(), "{c:?}");
        }
        assert!(Email::parse("ad\u{61c}a@example.com").is_err(), "a mark of direction");
        assert!(Username::known("a\u{200b}b").is_err(), "never let in");
        assert!(Username::parse("Zoë 田中 ☂").is_ok());
    }
}

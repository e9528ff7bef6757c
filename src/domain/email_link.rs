//! What a link in a mail says once it is opened, as bytes that are sealed before they go out. Who made it, and that
//! nobody has changed it, is the seal's affair.

use std::time::Duration;

use aws_lc_rs::constant_time;
use uuid::Uuid;

use super::{
    app::AppName, clock::Timestamp, ids::UserId, refresh_token::RefreshSecret, secret::HashPrint, user::Email,
};

/// How long a link that sets a new password is good, from when it is sent.
pub const RESET_LIFE: Duration = Duration::from_hours(1);
/// How long a new address may be confirmed, from when it was asked for.
pub const CONFIRM_LIFE: Duration = Duration::from_hours(24);
/// How long the change of an address may be undone by who had the former one.
pub const UNDO_LIFE: Duration = Duration::from_hours(7 * 24);

const HEAD: usize = 16 + 8;
const CODE_LABEL: &[u8] = b"keyward email code";

/// Sets a new password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResetLink {
    pub user: UserId,
    pub expires_at: Timestamp,
    /// Of the password that is to be replaced.
    pub print: HashPrint,
    /// Whose page it leads to: that may ask for a passkey.
    pub app: AppName,
}

/// Does something with an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailLink {
    pub user: UserId,
    pub expires_at: Timestamp,
    /// Of the change that it is about.
    pub version: u32,
    /// Whose pages what follows from it leads to.
    pub app: AppName,
    /// The former address, which is to be theirs again; `None` = the pending one is to be theirs.
    pub undo: Option<Email>,
}

impl ResetLink {
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        [&head(self.user, self.expires_at)[..], self.print.as_bytes(), self.app.as_str().as_bytes()].concat()
    }

    /// Reads it back; `None` = nothing that was ever written.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (user, expires_at, rest) = read_head(bytes)?;
        let (print, app) = rest.split_first_chunk()?;
        // A link of before it named the app may still be in a mailbox.
        let app = match app {
            [] => AppName::default_app(),
            app => AppName::parse(std::str::from_utf8(app).ok()?).ok()?,
        };
        Some(Self { user, expires_at, print: HashPrint::from_bytes(*print), app })
    }
}

impl EmailLink {
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let (app, undo) = (self.app.as_str(), self.undo.as_ref().map_or("", Email::as_str));
        let head = head(self.user, self.expires_at);
        // No name of an app holds a NUL.
        [&head[..], &self.version.to_be_bytes(), app.as_bytes(), &[0], undo.as_bytes()].concat()
    }

    /// Reads it back; `None` = nothing that was ever written.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (user, expires_at, rest) = read_head(bytes)?;
        let (version, undo) = rest.split_first_chunk::<4>()?;
        let (app, undo) = std::str::from_utf8(undo).ok()?.split_once('\0')?;
        let app = AppName::parse(app).ok()?;
        let undo = if undo.is_empty() { None } else { Some(Email::known(undo).ok()?) };
        Some(Self { user, expires_at, version: u32::from_be_bytes(*version), app, undo })
    }
}

/// The 6 digits that do the same as the link of a pending address, for who is signed in. They follow from the change, so
/// that nothing is kept of them and a mail that is sent once more holds the same.
pub struct EmailCode(String);

impl EmailCode {
    #[must_use]
    pub fn of(user: UserId, version: u32, secret: &RefreshSecret) -> Self {
        let mac = secret.mac(&[CODE_LABEL, user.uuid().as_bytes(), &version.to_be_bytes()]);
        // Of 128 bits, so that no code is likelier than another.
        Self(format!("{:06}", u128::from_be_bytes(mac) % 1_000_000))
    }

    /// Whether that is the one, found out in constant time.
    #[must_use]
    pub fn is(&self, typed: &str) -> bool {
        constant_time::verify_slices_are_equal(self.0.as_bytes(), typed.as_bytes()).is_ok()
    }

    /// The digits, for the mail.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

fn head(user: UserId, expires_at: Timestamp) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    head[..16].copy_from_slice(user.uuid().as_bytes());
    head[16..].copy_from_slice(&expires_at.millis().to_be_bytes());
    head
}

fn read_head(bytes: &[u8]) -> Option<(UserId, Timestamp, &[u8])> {
    let (user, rest) = bytes.split_first_chunk::<16>()?;
    let (millis, rest) = rest.split_first_chunk::<8>()?;
    let user = UserId::from_uuid(Uuid::from_bytes(*user));
    Some((user, Timestamp::from_millis(i64::from_be_bytes(*millis)), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::secret::PasswordHash;

    #[test]
    fn links_are_read_back_as_they_were_written() {
        let (user, expires_at) = (UserId::new(Timestamp::from_secs(1)), Timestamp::from_millis(12_345));
        let print = HashPrint::of(&PasswordHash::from_phc("$argon2id$a".to_owned()));
        let reset = ResetLink { user, expires_at, print, app: AppName::default_app() };
        assert_eq!(ResetLink::read(&reset.bytes()), Some(reset.clone()));
        assert_eq!(
            ResetLink::read(&reset.bytes()[..HEAD + 16]),
            Some(reset),
            "as it was sent before it named the app"
        );
        assert_ne!(print, HashPrint::of(&PasswordHash::unset()));
        for undo in [None, Some(Email::parse("ada@example.com").expect("an address"))] {
            let link = EmailLink { user, expires_at, version: 7, app: AppName::default_app(), undo };
            assert_eq!(EmailLink::read(&link.bytes()), Some(link.clone()));
            assert_eq!(EmailLink::read(&link.bytes()[..27]), None);
        }
        assert_eq!(ResetLink::read(&[0; 39]), None);
    }

    #[test]
    fn a_code_is_of_one_change_of_one_user_on_one_installation() {
        let (one, other) = (UserId::new(Timestamp::from_secs(1)), UserId::new(Timestamp::from_secs(1)));
        let (ours, theirs) = (RefreshSecret::new(&[1; 32]), RefreshSecret::new(&[2; 32]));
        let code = EmailCode::of(one, 7, &ours);
        assert!(code.expose().len() == 6 && code.expose().bytes().all(|digit| digit.is_ascii_digit()));
        assert!(code.is(EmailCode::of(one, 7, &ours).expose()));
        let others =
            [EmailCode::of(other, 7, &ours), EmailCode::of(one, 8, &ours), EmailCode::of(one, 7, &theirs)];
        // One in a million is the same by chance.
        assert!(others.iter().filter(|other| code.is(other.expose())).count() < 2);
        assert!(!code.is("") && !code.is(&code.expose()[1..]));
    }
}

//! How, and how long ago, somebody signed in: what tokens say of it (RFC 9068 section 2.2.1), and what gateways ask of
//! it (RFC 9470).

use std::time::Duration;

use super::{
    clock::Timestamp,
    sign_in::{Method, Methods},
};

/// What a token says of the sign-in that it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthContext {
    /// `auth_time`, in whole seconds: when the last of it was proved. The epoch where a token does not say it.
    pub at: Timestamp,
    /// `amr`.
    pub amr: Amr,
}

/// What was proved, in words of RFC 8176.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amr(u8);

/// Those that are said and read; others say nothing.
const WORDS: [&str; 4] = ["pwd", "otp", "swk", MFA];
const MFA: &str = "mfa";

impl AuthContext {
    #[must_use]
    pub fn new(at: Timestamp, proved: Methods) -> Self {
        Self { at: Timestamp::from_secs(at.secs()), amr: Amr::of(proved) }
    }

    /// `acr`: `2` = two factors. What is not said counts as one.
    #[must_use]
    pub fn acr(&self) -> &'static str {
        if self.has_two_factors() { "2" } else { "1" }
    }

    fn has_two_factors(&self) -> bool {
        self.amr.words().any(|word| word == MFA)
    }
}

impl Amr {
    fn of(proved: Methods) -> Self {
        let together = proved.are_two_factors().then_some(MFA);
        Self::read(proved.iter().map(word).chain(together))
    }

    pub fn read<'a>(words: impl Iterator<Item = &'a str>) -> Self {
        let known = words.filter_map(|word| WORDS.iter().position(|known| *known == word));
        Self(known.fold(0, |all, place| all | (1 << place)))
    }

    pub fn words(self) -> impl Iterator<Item = &'static str> {
        let said = WORDS.into_iter().enumerate();
        said.filter(move |(place, _)| self.0 & (1 << place) != 0).map(|(_, word)| word)
    }
}

/// A recovery code is a password that is good once, as that of an authenticator app is. Of a passkey nobody knows
/// whether hardware holds it.
const fn word(method: Method) -> &'static str {
    match method {
        Method::Password => "pwd",
        Method::Totp | Method::RecoveryCode => "otp",
        Method::Passkey => "swk",
    }
}

/// How a gateway wants somebody to have signed in.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct WantedSignIn {
    two_factors: bool,
    /// How long ago it may be.
    max_age: Option<Duration>,
    /// In a way that no session can show.
    is_unknown: bool,
}

/// What a sign-in lacks of that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    SecondFactor,
    /// It is longer ago.
    Recency(Duration),
    /// Nothing would do.
    Anything,
}

impl WantedSignIn {
    /// Adds what a parameter, `acr` or `max_age`, asks for. One that cannot be read asks for what nobody can show.
    pub fn add(&mut self, parameter: &str, value: &str) {
        let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
        match (parameter, value, value.parse::<u32>()) {
            ("acr", "1", _) => {}
            ("acr", "2", _) => self.two_factors = true,
            ("max_age", _, Ok(secs)) if is_number => {
                let max_age = Duration::from_secs(secs.into());
                self.max_age = Some(self.max_age.map_or(max_age, |before| before.min(max_age)));
            }
            _ => self.is_unknown = true,
        }
    }

    /// What that sign-in lacks of it now; `None` = nothing.
    #[must_use]
    pub fn lacked_by(&self, shown: &AuthContext, now: Timestamp) -> Option<Lack> {
        if self.is_unknown {
            return Some(Lack::Anything);
        }
        if self.two_factors && !shown.has_two_factors() {
            return Some(Lack::SecondFactor);
        }
        self.max_age.filter(|max_age| shown.at + *max_age < now).map(Lack::Recency)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Method::{Passkey, Password, RecoveryCode, Totp},
        *,
    };

    const NOW: Timestamp = Timestamp::from_secs(2_000_000_000);

    fn shown(proved: &[Method], secs_ago: u64) -> AuthContext {
        AuthContext::new(NOW - Duration::from_secs(secs_ago), Methods::of(proved))
    }

    fn wanted(asked: &[(&str, &str)]) -> WantedSignIn {
        let mut wanted = WantedSignIn::default();
        for (parameter, value) in asked {
            wanted.add(parameter, value);
        }
        wanted
    }

    fn lack(asked: &[(&str, &str)], shown: AuthContext) -> Option<Lack> {
        wanted(asked).lacked_by(&shown, NOW)
    }

    #[test]
    fn what_was_proved_is_said_in_the_words_of_the_standard() {
        for (proved, words, acr) in [
            (&[Password][..], &["pwd"][..], "1"),
            (&[Password, Totp], &["pwd", "otp", "mfa"], "2"),
            (&[Password, RecoveryCode], &["pwd", "otp", "mfa"], "2"),
            (&[Passkey], &["swk", "mfa"], "2"),
        ] {
            let shown = shown(proved, 0);
            assert_eq!((shown.amr.words().collect::<Vec<_>>(), shown.acr()), (words.to_vec(), acr));
            assert_eq!(Amr::read(words.iter().copied()), shown.amr);
        }
        assert_eq!(Amr::read(["face", "MFA", ""].into_iter()), Amr::default());
    }

    #[test]
    fn what_is_asked_is_what_a_sign_in_must_show() {
        let (one, two) = (shown(&[Password], 60), shown(&[Password, Totp], 60));
        assert_eq!(lack(&[("acr", "1")], one), None);
        assert_eq!(lack(&[("acr", "2")], one), Some(Lack::SecondFactor));
        assert_eq!(lack(&[("acr", "2")], two), None);
        let too_old = Some(Lack::Recency(Duration::from_secs(59)));
        assert_eq!(lack(&[("max_age", "60")], one), None);
        assert_eq!(lack(&[("max_age", "59")], one), too_old);
        // The strictest of all counts, in whatever order they come.
        assert_eq!(lack(&[("max_age", "59"), ("max_age", "900")], two), too_old);
        assert_eq!(lack(&[("max_age", "900"), ("max_age", "59")], two), too_old);
        assert_eq!(lack(&[("acr", "2"), ("acr", "1")], one), Some(Lack::SecondFactor));
    }

    #[test]
    fn what_cannot_be_read_asks_for_what_nobody_can_show() {
        let best = shown(&[Passkey], 0);
        for value in ["", "0", "3", "02", "2 ", "two", "+2"] {
            assert_eq!(lack(&[("acr", value)], best), Some(Lack::Anything), "acr={value}");
        }
        for value in ["", "-1", "+1", "1s", " 1", "1.5", "4294967296"] {
            assert_eq!(lack(&[("max_age", value)], best), Some(Lack::Anything), "max_age={value}");
        }
        assert_eq!(lack(&[("max_age", "x"), ("max_age", "60")], best), Some(Lack::Anything));
    }

    #[test]
    fn a_token_that_says_nothing_shows_one_factor_of_long_ago() {
        let silent = AuthContext { at: Timestamp::from_secs(0), amr: Amr::default() };
        assert_eq!((lack(&[("acr", "1")], silent), silent.acr()), (None, "1"));
        assert_eq!(lack(&[("acr", "2")], silent), Some(Lack::SecondFactor));
        let max_age = Duration::from_hours(24);
        assert_eq!(lack(&[("max_age", "86400")], silent), Some(Lack::Recency(max_age)));
    }
}

//! A sign-in as a state machine: what has been proved so far, what the account has set up and what the app
//! asks for say whether it is done, or what is still to be proved. How a proof is checked is not known here.
//!
//! What an app does not take is neither offered nor accepted there, and makes no less of what is asked for: whoever has
//! a second factor that it does not take does not get in without one.

use super::user::InvalidName;

/// A way to prove who one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    Password,
    /// A code of an authenticator app (RFC 6238).
    Totp,
    /// One of the codes that stand in for a lost second factor.
    RecoveryCode,
    /// A `WebAuthn` credential with user verification: two factors by itself.
    Passkey,
}

/// A set of methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Methods(u8);

/// Whether an app asks for a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SecondFactor {
    /// Never, even of those who have set one up.
    Off,
    /// Of those who have set one up.
    #[default]
    Optional,
    /// Of everybody: who has set up none does not get in.
    Required,
}

/// What an app asks of a sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignInRules {
    pub second_factor: SecondFactor,
    /// What it takes.
    pub methods: Methods,
}

/// Where a sign-in stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextStep {
    /// Enough is proved, by these methods.
    Done(Methods),
    /// One of these is to be proved next. Empty where the account has set up nothing that would do, or that is taken.
    Needs(Methods),
}

/// That method was not asked for, or not any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this sign-in did not ask for that")]
pub struct NotAsked;

/// A sign-in under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignInState {
    set_up: Methods,
    rules: SignInRules,
    proved: Methods,
}

impl Method {
    pub const ALL: [Self; 4] = [Self::Password, Self::Totp, Self::RecoveryCode, Self::Passkey];

    const fn bit(self) -> u8 {
        1 << self as u8
    }

    /// The contract's word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Totp => "totp",
            Self::RecoveryCode => "recovery_code",
            Self::Passkey => "passkey",
        }
    }

    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == word)
    }
}

impl SecondFactor {
    const ALL: [Self; 3] = [Self::Off, Self::Optional, Self::Required];

    /// The contract's word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Optional => "optional",
            Self::Required => "required",
        }
    }

    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|asked| asked.as_str() == word)
    }
}

impl SignInRules {
    /// Whether there is an account that gets in.
    #[must_use]
    pub const fn can_be_met(self) -> bool {
        let password_is_enough = !matches!(self.second_factor, SecondFactor::Required)
            || !self.methods.and(Methods::SECOND).is_empty();
        self.methods.contains(Method::Passkey)
            || (self.methods.contains(Method::Password) && password_is_enough)
    }
}

impl Methods {
    pub const ALL: Self = Self::of(&Method::ALL);
    /// What may come first.
    const FIRST: Self = Self::of(&[Method::Password, Method::Passkey]);
    /// What may come after a password.
    const SECOND: Self = Self::of(&[Method::Totp, Method::RecoveryCode, Method::Passkey]);
    /// What makes an account one with a second factor. A recovery code stands in for another factor: codes
    /// that are left over when that one is gone ask for nothing.
    const OWN_FACTOR: Self = Self::of(&[Method::Totp, Method::Passkey]);

    #[must_use]
    pub const fn of(methods: &[Method]) -> Self {
        let (mut bits, mut place) = (0, 0);
        while place < methods.len() {
            bits |= methods[place].bit();
            place += 1;
        }
        Self(bits)
    }

    #[must_use]
    pub const fn contains(self, method: Method) -> bool {
        self.0 & method.bit() != 0
    }

    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// In the order in which they are offered.
    pub fn iter(self) -> impl Iterator<Item = Method> {
        Method::ALL.into_iter().filter(move |method| self.contains(*method))
    }

    /// Whether these are two factors: something known and something held, or a passkey, which is both.
    #[must_use]
    pub const fn are_two_factors(self) -> bool {
        self.contains(Method::Passkey)
            || (self.contains(Method::Password) && !self.and(Self::SECOND).is_empty())
    }

    /// Whether an account with these has a second factor.
    #[must_use]
    pub const fn has_own_factor(self) -> bool {
        !self.and(Self::OWN_FACTOR).is_empty()
    }

    /// As they are kept: their words, with a space between.
    #[must_use]
    pub fn words(self) -> String {
        self.names().join(" ")
    }

    /// Reads them back; `None` = nothing that was ever written.
    #[must_use]
    pub fn read(words: &str) -> Option<Self> {
        Self::named(words.split(' ')).ok()
    }

    /// Reads one at least of the contract's words.
    ///
    /// # Errors
    /// When there is none, or another.
    pub fn named<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidName> {
        let with = |methods: Self, word| Some(methods.with(Method::parse(word)?));
        let named = words.into_iter().try_fold(Self::default(), with);
        let named = named.filter(|methods| !methods.is_empty());
        named.ok_or(InvalidName("takes one at least of password, passkey, totp and recovery_code"))
    }

    /// The contract's words for them.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        self.iter().map(Method::as_str).collect()
    }

    #[must_use]
    pub const fn with(self, method: Method) -> Self {
        Self(self.0 | method.bit())
    }

    /// These and those.
    #[must_use]
    pub const fn and_also(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Whether they are all among those.
    #[must_use]
    pub const fn are_among(self, others: Self) -> bool {
        self.0 & !others.0 == 0
    }

    const fn and(self, others: Self) -> Self {
        Self(self.0 & others.0)
    }
}

impl SignInState {
    /// Nothing is proved yet. `set_up` is what the account can prove at all.
    #[must_use]
    pub const fn new(set_up: Methods, rules: SignInRules) -> Self {
        Self { set_up, rules, proved: Methods::of(&[]) }
    }

    /// Notes a proof, whose check has succeeded.
    pub const fn prove(self, method: Method) -> Result<Self, NotAsked> {
        match self.step() {
            NextStep::Needs(asked) if asked.contains(method) => {
                Ok(Self { proved: self.proved.with(method), ..self })
            }
            _ => Err(NotAsked),
        }
    }

    /// Where it stands.
    #[must_use]
    pub const fn step(self) -> NextStep {
        let offered = self.set_up.and(self.rules.methods);
        if self.proved.is_empty() {
            return NextStep::Needs(offered.and(Methods::FIRST));
        }
        let is_enough = match self.rules.second_factor {
            SecondFactor::Off => true,
            // Also where the app does not take it: else what it does not take would make it ask for less.
            SecondFactor::Optional => !self.set_up.has_own_factor(),
            SecondFactor::Required => false,
        };
        if is_enough || !self.proved.and(Methods::SECOND).is_empty() {
            NextStep::Done(self.proved)
        } else {
            NextStep::Needs(offered.and(Methods::SECOND))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Method::{Passkey, Password, RecoveryCode, Totp},
        *,
    };

    const POLICIES: [SecondFactor; 3] = [SecondFactor::Off, SecondFactor::Optional, SecondFactor::Required];

    const fn all_taken(second_factor: SecondFactor) -> SignInRules {
        SignInRules { second_factor, methods: Methods::ALL }
    }

    fn after(set_up: &[Method], policy: SecondFactor, proved: &[Method]) -> NextStep {
        after_at(all_taken(policy), set_up, proved)
    }

    fn after_at(rules: SignInRules, set_up: &[Method], proved: &[Method]) -> NextStep {
        let begun = SignInState::new(Methods::of(set_up), rules);
        proved.iter().fold(begun, |sign_in, method| sign_in.prove(*method).expect("asked for")).step()
    }

    #[test]
    fn a_password_is_enough_where_no_more_is_asked() {
        for policy in [SecondFactor::Off, SecondFactor::Optional] {
            let done = NextStep::Done(Methods::of(&[Password]));
            assert_eq!(after(&[Password], policy, &[Password]), done);
            assert_eq!(after(&[Password, RecoveryCode], policy, &[Password]), done, "left-over codes");
        }
        let done = NextStep::Done(Methods::of(&[Password]));
        assert_eq!(after(&[Password, Totp], SecondFactor::Off, &[Password]), done);
    }

    #[test]
    fn a_second_factor_is_asked_of_who_has_one_and_of_everybody_where_required() {
        let needs = NextStep::Needs(Methods::of(&[Totp, RecoveryCode]));
        for policy in [SecondFactor::Optional, SecondFactor::Required] {
            assert_eq!(after(&[Password, Totp, RecoveryCode], policy, &[Password]), needs);
        }
        let nothing = NextStep::Needs(Methods::default());
        assert_eq!(after(&[Password], SecondFactor::Required, &[Password]), nothing);
    }

    #[test]
    fn a_passkey_is_two_factors() {
        for policy in POLICIES {
            let done = NextStep::Done(Methods::of(&[Passkey]));
            assert_eq!(after(&[Password, Totp, Passkey], policy, &[Passkey]), done);
        }
    }

    #[test]
    fn what_is_not_asked_for_proves_nothing() {
        let begun = SignInState::new(Methods::of(&[Password, Totp]), all_taken(SecondFactor::Required));
        assert_eq!(begun.prove(Totp), Err(NotAsked), "a second factor comes second");
        assert_eq!(begun.prove(Passkey), Err(NotAsked), "there is none");
        let first = begun.prove(Password).expect("asked for");
        assert_eq!(first.prove(Password), Err(NotAsked), "once is enough");
        let done = first.prove(Totp).expect("asked for");
        assert_eq!(done.prove(Totp), Err(NotAsked), "it is done");
    }

    #[test]
    fn what_an_app_does_not_take_is_not_offered_and_makes_no_less_of_what_is_asked() {
        let takes = |methods: &[Method]| SignInRules {
            methods: Methods::of(methods),
            ..all_taken(SecondFactor::Optional)
        };
        let needs = |methods: &[Method]| NextStep::Needs(Methods::of(methods));
        let all = [Password, Totp, RecoveryCode, Passkey];
        assert_eq!(after_at(takes(&[Passkey]), &all, &[]), needs(&[Passkey]));
        assert_eq!(after_at(takes(&[Passkey]), &[Password], &[]), needs(&[]));
        assert_eq!(after_at(takes(&[Password, Totp]), &all, &[Password]), needs(&[Totp]));
        // Attack 18: an authenticator app that is not taken is not got around by the password alone.
        assert_eq!(after_at(takes(&[Password]), &[Password, Totp], &[Password]), needs(&[]));
        let done = NextStep::Done(Methods::of(&[Password]));
        assert_eq!(after_at(takes(&[Password]), &[Password], &[Password]), done);
    }

    #[test]
    fn what_was_never_written_is_not_read() {
        for text in ["", " ", "password ", "Password", "password,totp"] {
            assert_eq!(Methods::read(text), None, "{text:?}");
        }
    }

    /// Every account under every policy, and every order of proofs.
    #[test]
    fn nobody_is_done_without_what_the_policy_asks_for() {
        for taken in 0..16 {
            for second_factor in POLICIES {
                let rules = SignInRules { second_factor, methods: Methods(taken) };
                let gets_in = |account| explore(SignInState::new(Methods(account), rules));
                // Of all of them, since each account has its own sign-ins to be looked at.
                let got_in = (0..16).filter(|account| gets_in(*account)).count();
                assert_eq!(rules.can_be_met(), got_in > 0, "{rules:?}");
            }
        }
    }

    /// Whether some order of proofs gets in.
    fn explore(sign_in: SignInState) -> bool {
        let mut gets_in = false;
        if let NextStep::Done(proved) = sign_in.step() {
            gets_in = true;
            assert!(proved.are_among(sign_in.set_up), "{sign_in:?}: what was never set up");
            assert!(proved.are_among(sign_in.rules.methods), "{sign_in:?}: what is not taken");
            assert!(!proved.and(Methods::FIRST).is_empty(), "{sign_in:?}: no first factor");
            let has_second = proved.are_two_factors();
            assert_eq!(has_second, proved.contains(Passkey) || proved.iter().count() == 2);
            assert_eq!(Methods::read(&proved.words()), Some(proved));
            let owns = !sign_in.set_up.and(Methods::OWN_FACTOR).is_empty();
            let asked = match sign_in.rules.second_factor {
                SecondFactor::Off => false,
                SecondFactor::Optional => owns,
                SecondFactor::Required => true,
            };
            assert!(has_second || !asked, "{sign_in:?}: one factor");
        }
        for method in Method::ALL {
            if let Ok(next) = sign_in.prove(method) {
                assert_ne!(next, sign_in, "no proof counts twice");
                gets_in |= explore(next);
            }
        }
        gets_in
    }
}

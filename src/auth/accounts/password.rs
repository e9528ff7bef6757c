//! Passwords: what makes one good enough, and changing it.

use std::{io, sync::Arc};

use zxcvbn::{Score, zxcvbn};

use crate::{
    auth::{
        Auth,
        check::Caller,
        error::{AuthError, WeakPassword},
        events::by_caller,
        sign_in::{
            hasher::{Party, Permit},
            throttle::Attempt,
        },
    },
    domain::{
        event::EventKind,
        mail::MailKind,
        occasion::Occasion,
        secret::{Password, PasswordHash},
        session::EndReason,
        user::{Email, User, Username},
    },
    store::error::StoreError,
};

/// The list of known passwords, in errors.
const BREACH_LIST: &str = "breached passwords";

/// The estimator's time grows with the square of the length; what it has not guessed in so many
/// characters is not guessable.
const ESTIMATED_CHARS: usize = 64;
/// The shortest word of a name that is worth a guess.
const WORD_MIN_CHARS: usize = 4;

impl Auth {
    /// Changes the caller's password and ends their other sessions.
    pub async fn change_password(
        &self,
        caller: &Caller,
        current: &Password,
        new: &Password,
        occasion: &Occasion,
    ) -> Result<(), AuthError> {
        let claims = caller.claims();
        let account = self.stores.accounts.by_id(caller.user()).await?.ok_or(AuthError::TokenInvalid)?;
        let username = account.user.username.clone();
        // Whoever holds a session of the account is no stranger to it.
        let attempt = Attempt::new(&username, Some(&account), occasion.address, Some(claims.session.into()));
        let occasion = &by_caller(occasion, caller);
        let proof = self.prove_password(&username, Some(account), current, &attempt, occasion).await;
        let proof = proof.map_err(|error| match error {
            AuthError::InvalidCredentials => AuthError::WrongPassword,
            other => other,
        })?;
        let account = self.settle(proof, current, occasion).await?;
        let hash = self.accept_password(&account.user, new, attempt.party(&username)).await?;
        // Before, so that nobody goes on where this is cut short; and after, for who signed in meanwhile.
        self.end_others(caller, occasion).await?;
        let (accounts, user, expected) =
            (Arc::clone(&self.stores.accounts), caller.user(), account.password_hash);
        let event = self.event(EventKind::PasswordChanged, occasion).of_user(user).of_session(claims.session);
        let notice = self.notice(MailKind::PasswordChanged, &account.user);
        let changing =
            async move { accounts.set_password(user, Some(&expected), &hash, notice.as_ref()).await };
        if !self.change(changing, |is_set| *is_set, event).await? {
            // Somebody else changed it in this moment: what was typed is no longer the current one.
            return Err(AuthError::WrongPassword);
        }
        self.end_others(caller, occasion).await
    }

    async fn end_others(&self, caller: &Caller, occasion: &Occasion) -> Result<(), AuthError> {
        let (keep, reason) = (Some(caller.claims().session), EndReason::PasswordChanged);
        self.end_of_user(caller.user(), keep, reason, occasion).await.map(drop)
    }

    /// Hashes a new password, if it is good enough for this user.
    pub(in crate::auth) async fn accept_password(
        &self,
        user: &User,
        new: &Password,
        party: Party,
    ) -> Result<PasswordHash, AuthError> {
        let permit = self.hasher.permit(party).await?;
        let permit = self
            .require_strength(new, &user.username, user.email.as_ref().map(Email::as_str), permit)
            .await?;
        Ok(permit.hash(new).await?.0)
    }

    async fn require_strength(
        &self,
        password: &Password,
        username: &Username,
        email: Option<&str>,
        permit: Permit,
    ) -> Result<Permit, AuthError> {
        let least = self.policy().password_min_length;
        if password.expose().chars().count() < least {
            return Err(WeakPassword::TooShort { least }.into());
        }
        let (judged, list) = (password.clone(), self.breached.clone());
        let hints = hints(username, email, self.keys.issuer());
        // A file may make its reader wait: that too is for a thread of the hashers'.
        let judge = move || (strength(&judged, &hints), list.map_or(Ok(false), |list| list.has(&judged)));
        let ((score, is_breached), permit) = permit.compute(judge).await?;
        if score < Score::Three {
            return Err(WeakPassword::Guessable.into());
        }
        let unread = |error: io::Error| StoreError::Away { store: BREACH_LIST, source: error.into() };
        if is_breached.map_err(unread)? {
            return Err(WeakPassword::Breached.into());
        }
        Ok(permit)
    }
}

/// What somebody tries first who guesses the password of this user at this server: how the one and the other are
/// called, as a whole and word by word.
fn hints(username: &Username, email: Option<&str>, issuer: &str) -> Vec<String> {
    let names = [username.shown(), username.key(), "keyward"].into_iter().chain(email);
    let words = [username.key(), issuer].into_iter().chain(email).flat_map(|name| {
        let words = name.split(|c: char| !c.is_alphanumeric());
        words.filter(|word| word.chars().count() >= WORD_MIN_CHARS)
    });
    names.chain(words).map(str::to_owned).collect()
}

/// zxcvbn's estimate, with the hints among what a guesser tries first.
fn strength(password: &Password, hints: &[String]) -> Score {
    let text: String = password.expose().chars().take(ESTIMATED_CHARS).collect();
    let hints: Vec<&str> = hints.iter().map(String::as_str).collect();
    zxcvbn(&text, &hints).score()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guessable_password_scores_below_three() {
        let score = |text: &str| strength(&Password::parse(text).expect(text), &["margarethe".to_owned()]);
        for weak in ["password", "qwertyuiop", "margarethe1", "12345678901"] {
            assert!(score(weak) < Score::Three, "{weak}");
        }
        assert!(score("correct horse battery staple") >= Score::Three);
    }

    #[test]
    fn the_hints_are_the_names_of_the_user_and_the_server_and_the_words_in_them() {
        let username = Username::parse("Zoë Quist").expect("a name");
        let hints = hints(&username, Some("z.quist@fabrikam.example"), "https://id.contoso.com:8443/sso");
        for hint in ["Zoë Quist", "z.quist@fabrikam.example", "keyward", "quist", "fabrikam", "contoso"] {
            assert!(hints.iter().any(|it| it == hint), "{hint} of {hints:?}");
        }
        assert!(!hints.iter().any(|it| it == "id" || it == "com"), "{hints:?}");
    }
}

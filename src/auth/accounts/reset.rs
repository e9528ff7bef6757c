//! A forgotten password: whoever reads the mail of an account may set a new one. Nobody is signed in by that, and a
//! second factor is asked for as at the sign-in.

use std::sync::Arc;

use crate::{
    auth::{
        Auth, EmailPolicy,
        error::{AuthError, Invalid, Missing},
        mails::links::of_reset,
        sign_in::{
            answer::{ChallengeOffer, SecondProof},
            hasher::Party,
            open::UNREGISTERED_APP,
            throttle::{Attempt, network},
        },
    },
    domain::{
        app::AppName,
        email_link::ResetLink,
        event::EventKind,
        ids::UserId,
        mail::{Mail, MailKind, Recipient},
        occasion::Occasion,
        secret::{HashPrint, Password, PasswordHash},
        session::EndReason,
        sign_in::Method,
        user::{Account, UserStatus},
    },
};

impl Auth {
    /// Has a link sent to whoever is called so, if anybody is. Nobody is looked up here: the answer is the same, in the
    /// same time.
    pub async fn forgot_password(
        &self,
        identifier: &str,
        app: AppName,
        occasion: &Occasion,
    ) -> Result<(), AuthError> {
        if self.stores.apps.find(&app).await?.is_none() {
            return Err(UNREGISTERED_APP);
        }
        self.count_mail_from(occasion).await?;
        let is_one_too_many = !self.may_ask_under(&identifier.to_lowercase()).await?;
        if is_one_too_many || self.policy().email == EmailPolicy::Off {
            return Ok(());
        }
        let recipient = Recipient::Named(identifier.to_owned());
        self.post_mail(Mail::new(MailKind::ResetPassword, recipient, app, self.clock.now())).await
    }

    /// Has a link sent to a user, as an operator asks.
    pub async fn send_reset(&self, user: UserId, occasion: &Occasion) -> Result<(), AuthError> {
        if self.user_by_id(user).await?.is_none() {
            return Err(AuthError::NotFound(Missing::User));
        }
        let (recipient, app) = (Recipient::User(user), AppName::default_app());
        self.post_mail(Mail::new(MailKind::ResetPassword, recipient, app, self.clock.now())).await?;
        self.note_admin_action("reset_sent", &user.to_string(), occasion).await;
        Ok(())
    }

    /// What the holder of a link needs to prove a second factor by that method. It spends nothing.
    pub async fn reset_challenge(&self, token: &str, method: Method) -> Result<ChallengeOffer, AuthError> {
        let link = self.open_reset(token)?;
        let user = self.account_of_link(&link).await?.user.id;
        // Which is what was forgotten.
        if method == Method::Password {
            return Err(AuthError::Invalid(Invalid::NotSetUp));
        }
        self.offer(user, method, &spender(&link), &link.app).await
    }

    /// Sets the password of the account that a link is of, and ends all of its sessions. The link is spent by that, for
    /// it names the password that it replaces; what is refused before spends nothing.
    pub async fn reset_password(
        &self,
        token: &str,
        new: &Password,
        proof: Option<&SecondProof>,
        occasion: &Occasion,
    ) -> Result<(), AuthError> {
        let link = self.open_reset(token)?;
        let account = self.account_of_link(&link).await?;
        let has_factor = self.factors_of(account.user.id).await?.methods().has_own_factor();
        // Said before anything is hashed, so that a client may ask for it.
        if has_factor && proof.is_none() {
            return Err(AuthError::SecondFactorRequired);
        }
        let party = Party::of(account.user.username.key(), &network(occasion.address));
        let hash = self.accept_password(&account.user, new, party).await?;
        if let Some(proof) = proof.filter(|_| has_factor) {
            let tried = Attempt::new(&account.user.username, Some(&account), occasion.address, None);
            self.prove_factor(&account, proof, &spender(&link), &tried, occasion).await?;
        }
        self.spend_link(of_reset(&link)).await?;
        self.replace_password(account, hash, occasion).await
    }

    async fn replace_password(
        &self,
        account: Account,
        hash: PasswordHash,
        occasion: &Occasion,
    ) -> Result<(), AuthError> {
        let Account { user, password_hash: expected, .. } = account;
        // Before, so that nobody goes on where this is cut short; and after, for who signed in meanwhile.
        self.shut_out(user.id, occasion).await?;
        let (accounts, id) = (Arc::clone(&self.stores.accounts), user.id);
        let event = self.event(EventKind::PasswordReset, occasion).of_user(id).by_owner(id);
        let notice = self.notice(MailKind::PasswordChanged, &user);
        let changing =
            async move { accounts.set_password(id, Some(&expected), &hash, notice.as_ref()).await };
        if !self.change(changing, |is_set| *is_set, event).await? {
            return Err(AuthError::LinkSpent);
        }
        self.shut_out(user.id, occasion).await?;
        // Others may have locked its owner out.
        self.stores.accounts.pardon(user.id).await?;
        Ok(())
    }

    /// Whoever knew the former password may be signed in, or may have asked for another address.
    async fn shut_out(&self, user: UserId, occasion: &Occasion) -> Result<(), AuthError> {
        self.end_of_user(user, None, EndReason::PasswordReset, occasion).await?;
        Ok(self.stores.addresses.drop_pending(user).await?)
    }

    async fn account_of_link(&self, link: &ResetLink) -> Result<Account, AuthError> {
        let account = self.stores.accounts.by_id(link.user).await?.ok_or(AuthError::LinkSpent)?;
        if HashPrint::of(&account.password_hash) != link.print {
            return Err(AuthError::LinkSpent);
        }
        if account.user.status == UserStatus::Disabled {
            return Err(AuthError::AccountDisabled);
        }
        Ok(account)
    }
}

/// By whom a code or a challenge is spent: it is good for this link alone.
fn spender(link: &ResetLink) -> String {
    of_reset(link).key.encoded()
}

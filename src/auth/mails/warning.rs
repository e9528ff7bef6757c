//! The mail that tells users of a session that two clients seem to hold (docs/refresh-tokens.md).

use std::{sync::Arc, time::Duration};

use super::WAITING;
use crate::{
    auth::{Auth, EmailPolicy},
    domain::{
        app::AppName,
        clock::Timestamp,
        event::Event,
        mail::{Mail, MailKind, Recipient},
    },
    measures::table::MAILS,
    store::{
        counters::{Counter, CounterStore},
        outbox::{OutboxStore, Posted},
    },
};

/// What a warning needs, on its own: it is posted also where nobody waits for it any more.
pub(in crate::auth) struct Warner {
    outbox: Arc<dyn OutboxStore>,
    counters: Arc<dyn CounterStore>,
    window: Duration,
    is_on: bool,
    now: Timestamp,
}

impl Auth {
    pub(in crate::auth) fn warner(&self) -> Warner {
        let policy = self.policy();
        Warner {
            outbox: Arc::clone(&self.stores.outbox),
            counters: Arc::clone(&self.stores.counters),
            window: policy.mail_limit.window,
            is_on: policy.email != EmailPolicy::Off,
            now: self.clock.now(),
        }
    }
}

impl Warner {
    /// Once a window for each session, however often it is noticed. Where nothing can be written now there is the event
    /// alone: no refresh fails for want of a mail.
    pub(in crate::auth) async fn warn(&self, noticed: &Event) {
        let (Some(user), Some(session)) = (noticed.user, noticed.session) else { return };
        let counter = Counter::Mail(format!("contested:{session}"));
        if !self.is_on || self.is_again(&counter).await {
            return;
        }
        let app = noticed.app.clone().unwrap_or_else(AppName::default_app);
        let mail = Mail::new(MailKind::RefreshContested, Recipient::User(user), app, self.now);
        match self.outbox.post(&mail, WAITING).await {
            Ok(Posted::Taken) => {}
            Ok(Posted::Full) => MAILS.count(&["refused"]),
            Err(error) => tracing::warn!(session.id = %session, %error, "a warning by mail is not kept"),
        }
    }

    async fn is_again(&self, counter: &Counter) -> bool {
        self.counters.add(counter, self.window, self.now).await.is_ok_and(|count| count.value > 1)
    }
}

//! Whom the stream refuses: its entries, looked up by what is known of a credential.

use super::{by_claim::ByClaim, events::Entry};
use crate::identity::Ended;

/// What revocations are looked up by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    /// `jti`; a session cookie has none.
    pub token: Option<&'a str>,
    /// `sid`
    pub session: &'a str,
    /// `sub`
    pub user: &'a str,
    pub moment: Moment,
}

/// Which entries may concern a credential, by when it was made and looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// `iat`; `None` = a session cookie's, which no entry names by the time it was made.
    pub issued_at: Option<u64>,
    /// The check has looked after entries up to this one were heard.
    pub since: u64,
}

#[derive(Debug)]
pub(super) struct Refused {
    /// In seconds since the epoch; 0 = it is no longer refused.
    pub until: u64,
    before: u64,
    reason: Option<String>,
    is_outdated: bool,
    /// Its place among all that was heard.
    pub heard: u64,
}

impl ByClaim<Refused> {
    pub(super) fn put(&mut self, entry: Entry, heard: u64) {
        let Some(by) = self.of_mut(&entry.claim) else { return };
        let refused = Refused {
            until: entry.until,
            before: entry.issued_before.unwrap_or(u64::MAX),
            reason: entry.reason,
            is_outdated: entry.issued_before.is_some(),
            heard,
        };
        by.insert(entry.value, refused);
    }

    /// The session first: its reason is the one that came first.
    pub(super) fn refusal(&self, subject: &Subject<'_>, now: u64) -> Option<Ended> {
        let found = [
            self.sessions.get(subject.session),
            self.users.get(subject.user),
            subject.token.and_then(|token| self.tokens.get(token)),
        ];
        found.into_iter().flatten().find_map(|refused| refused.refuses(subject.moment, now))
    }

    /// Says of what was heard before that it was, and returns the latest place of what is not there any more.
    pub(super) fn take_over(&mut self, before: &Self) -> u64 {
        let mut forgotten = 0;
        for (claim, by) in before.claims() {
            for (value, old) in by {
                match self.of_mut(claim).and_then(|by| by.get_mut(value)) {
                    Some(new) if (new.until, new.before) == (old.until, old.before) => new.heard = old.heard,
                    Some(_) => {}
                    None => forgotten = forgotten.max(old.heard),
                }
            }
        }
        forgotten
    }

    /// Drops what has been over since then, and returns the latest place of it.
    pub(super) fn forget(&mut self, over_by: u64) -> u64 {
        let mut forgotten = 0;
        self.each(|by| {
            by.retain(|_, entry| {
                let is_kept = entry.until > over_by;
                forgotten = if is_kept { forgotten } else { forgotten.max(entry.heard) };
                is_kept
            });
        });
        forgotten
    }
}

impl Refused {
    /// `until` is when the last token is over; a session cookie is none, and what ends it is for good. With other roles
    /// a session goes on: whoever was looked at since has them.
    pub(super) fn refuses(&self, moment: Moment, now: u64) -> Option<Ended> {
        let is_news = self.heard > moment.since;
        let is_on = match moment.issued_at {
            Some(issued_at) => self.until > now && issued_at < self.before,
            None => self.until > now || (self.until > 0 && is_news),
        };
        (is_on && (is_news || !self.is_outdated)).then(|| {
            if self.is_outdated { Ended::Outdated } else { Ended::Session { reason: self.reason.clone() } }
        })
    }
}

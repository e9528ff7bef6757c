//! Who waits to hear that a session is over, and what they are told, once.

use std::sync::Weak;

use tokio::sync::watch;

use super::refused::{Moment, Refused};
use crate::identity::Ended;

/// The end of an identity, which may have come.
#[derive(Debug)]
pub(crate) struct End {
    outcome: watch::Sender<Option<Ended>>,
    moment: Moment,
}

impl End {
    pub(super) fn new(over: Option<Ended>, moment: Moment) -> Self {
        Self { outcome: watch::Sender::new(over), moment }
    }

    pub(crate) async fn wait(&self) -> Ended {
        let mut outcome = self.outcome.subscribe();
        let ended = outcome.wait_for(Option::is_some).await.ok().and_then(|ended| ended.clone());
        ended.unwrap_or(Ended::Unknown)
    }

    /// Whether it is of a session cookie.
    pub(super) const fn is_of_cookie(&self) -> bool {
        self.moment.issued_at.is_none()
    }

    /// The first end is the one that is told.
    pub(super) fn finish(&self, ended: &Ended) {
        self.outcome.send_if_modified(|outcome| {
            let is_first = outcome.is_none();
            outcome.get_or_insert_with(|| ended.clone());
            is_first
        });
    }
}

impl Refused {
    pub(super) fn end(&self, end: &Weak<End>, now: u64) {
        let Some(end) = end.upgrade() else { return };
        if let Some(ended) = self.refuses(end.moment, now) {
            end.finish(&ended);
        }
    }
}

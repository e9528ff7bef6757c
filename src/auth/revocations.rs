//! Revocations as they happen, for verifiers that check tokens by themselves: first all there is, or
//! what was missed, then each one, and every second for how long all that may be believed.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{Instant, Interval, MissedTickBehavior, interval_at, timeout},
};

use super::{Auth, Policy, error::AuthError};
use crate::{
    domain::{
        app::{AppKind, AppName},
        clock::Clock,
        session::EndReason,
    },
    store::{
        apps::AppStore,
        revocations::{Change, Revocation, Subject},
        revoked::{
            log::Position,
            set::{RevocationSet, SetSnapshot},
        },
    },
};

/// How often a verifier is told that it knows all there is.
pub const HEARTBEAT: Duration = Duration::from_secs(1);
/// The shortest silence in which a dead connection can be told from a late heartbeat.
const SHORTEST_TRUST: Duration = Duration::from_secs(3);
/// Verifiers that may watch at once.
pub const WATCHES: usize = 512;
/// Entries in one piece of news.
const PART: usize = 256;
/// Every so many heartbeats the app must still be there.
const APP_EVERY: u64 = 10;

/// What a verifier learns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A part of all there is; with the last of them, what was known before is forgotten.
    Snapshot {
        /// Whether it is the first part.
        first: bool,
        /// In the order in which they apply.
        entries: Vec<Notice>,
        /// On the last part: from where to go on.
        at: Option<String>,
    },
    Change {
        entry: Notice,
        /// From where to go on.
        at: String,
    },
    /// Everything up to now has been told, as far as it is known here.
    Status {
        /// Whether that is all there is.
        following: bool,
        /// For how long it may be believed.
        good_for: Duration,
    },
}

/// Tokens that are refused, or no longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The claim that names them.
    pub claim: &'static str,
    pub value: String,
    /// Until when they are refused, in seconds since the epoch; 0 = they are not.
    pub until: i64,
    pub reason: Option<EndReason>,
    /// Only those with an earlier `iat`, in seconds since the epoch.
    pub issued_before: Option<i64>,
}

/// Who watches, and whether they may go on.
pub(super) struct Watches {
    room: Arc<Semaphore>,
    over: watch::Sender<bool>,
}

impl Watches {
    pub(super) fn new() -> Self {
        Self { room: Arc::new(Semaphore::new(WATCHES)), over: watch::Sender::new(false) }
    }
}

impl Auth {
    /// Watches revocations on behalf of a confidential app. `after` is what the last news said of
    /// where to go on; where that is unknown here, or too long ago, all there is comes first.
    pub async fn watch_revocations(&self, app: AppName, after: Option<&str>) -> Result<Watch, AuthError> {
        let room = Arc::clone(&self.watches.room).try_acquire_owned();
        let room = room.map_err(|_| AuthError::Overloaded)?;
        let kind = self.stores.apps.find(&app).await?.ok_or(AuthError::InvalidCredentials)?.kind;
        let mut heartbeat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let after = after.and_then(|after| after.parse().ok());
        Ok(Watch {
            set: Arc::clone(&self.stores.revoked),
            clock: Arc::clone(&self.clock),
            policy: Arc::clone(&self.policy),
            apps: Arc::clone(&self.stores.apps),
            app: (app, kind),
            stage: after.map_or(Stage::Nowhere, Stage::Level),
            waiting: VecDeque::new(),
            news: self.stores.revoked.watch(),
            over: self.watches.over.subscribe(),
            heartbeat,
            beats: 0,
            said: None,
            _room: room,
        })
    }

    /// Ends all watches, for good: the server stops.
    pub fn end_watches(&self) {
        self.watches.over.send_replace(true);
    }
}

pub struct Watch {
    set: Arc<RevocationSet>,
    clock: Arc<dyn Clock>,
    policy: Arc<ArcSwap<Policy>>,
    apps: Arc<dyn AppStore>,
    app: (AppName, AppKind),
    stage: Stage,
    waiting: VecDeque<News>,
    news: watch::Receiver<()>,
    over: watch::Receiver<bool>,
    heartbeat: Interval,
    beats: u64,
    /// What was last said of whether the set is the truth; `None` = it must be said again.
    said: Option<bool>,
    _room: OwnedSemaphorePermit,
}

/// How far the verifier is.
enum Stage {
    /// It knows nothing that could be built on.
    Nowhere,
    /// It has had so much of a snapshot, and of the changes since.
    Catching { snapshot: Arc<SetSnapshot>, sent: usize, at: Position },
    /// It knows everything up to here.
    Level(Position),
}

impl Watch {
    /// The next piece of news, once there is one; `None` = the watch is over.
    pub async fn next(&mut self) -> Option<News> {
        loop {
            // Seen before the look: what comes after it wakes.
            self.news.borrow_and_update();
            if *self.over.borrow_and_update() {
                return None;
            }
            if let Some(news) = self.look() {
                return Some(news);
            }
            tokio::select! {
                biased;
                _ = self.over.changed() => return None,
                _ = self.heartbeat.tick() => {
                    self.said = None;
                    self.beats += 1;
                    if self.beats.is_multiple_of(APP_EVERY) && !self.is_app_there().await {
                        return None;
                    }
                }
                _ = self.news.changed() => {}
            }
        }
    }

    /// What there is to say now.
    fn look(&mut self) -> Option<News> {
        if let Some(news) = self.waiting.pop_front() {
            return Some(news);
        }
        // Before the changes: those that came with the truth are told before it is called so.
        let following = self.set.is_following();
        if let Stage::Level(at) = self.stage {
            match self.set.changes(at, PART) {
                Some(changes) => {
                    let at = self.queue(&changes, at);
                    self.stage = Stage::Level(at);
                }
                None => self.stage = Stage::Nowhere,
            }
        }
        if let Stage::Level(_) = self.stage {
            return self.waiting.pop_front().or_else(|| self.status(following));
        }
        Some(self.part())
    }

    fn queue(&mut self, changes: &[Change], mut at: Position) -> Position {
        for change in changes {
            at = at.next();
            self.waiting.push_back(News::Change { entry: Notice::of(change), at: at.to_string() });
        }
        at
    }

    /// The next part of a snapshot: what is in its list, then what has changed since, up to now.
    fn part(&mut self) -> News {
        let stage = std::mem::replace(&mut self.stage, Stage::Nowhere);
        let (snapshot, sent, at, first) = if let Stage::Catching { snapshot, sent, at } = stage {
            (snapshot, sent, at, false)
        } else {
            let snapshot = self.set.shared_snapshot(self.clock.now());
            let at = snapshot.at;
            (snapshot, 0, at, true)
        };
        let listed = snapshot.entries.iter().skip(sent).take(PART);
        let mut entries: Vec<_> = listed.map(Notice::of).collect();
        let sent = sent + entries.len();
        // Slower than the changes: it begins again, from a newer list.
        let Some(changes) = self.set.changes(at, PART - entries.len()) else { return self.part() };
        let at = changes.iter().fold(at, |at, _| at.next());
        entries.extend(changes.iter().map(Notice::of));
        if entries.len() == PART {
            self.stage = Stage::Catching { snapshot, sent, at };
            return News::Snapshot { first, entries, at: None };
        }
        self.stage = Stage::Level(at);
        News::Snapshot { first, entries, at: Some(at.to_string()) }
    }

    /// Said at each heartbeat, and as soon as it is another.
    fn status(&mut self, following: bool) -> Option<News> {
        if self.said == Some(following) {
            return None;
        }
        self.said = Some(following);
        let outage = self.policy.load().outage;
        let good_for = if following {
            outage.max(SHORTEST_TRUST)
        } else {
            outage.saturating_sub(self.set.unheard(self.clock.passed()))
        };
        Some(News::Status { following, good_for })
    }

    /// Whether the app is still there, with the same secret. Where nobody can say, it is.
    async fn is_app_there(&self) -> bool {
        let (name, kind) = &self.app;
        match timeout(HEARTBEAT, self.apps.find(name)).await {
            Ok(Ok(found)) => found.is_some_and(|app| app.kind == *kind),
            Ok(Err(_)) | Err(_) => true,
        }
    }
}

impl Notice {
    fn of(change: &Change) -> Self {
        match change {
            Change::Refused(Revocation { subject, reason, until }) => {
                Self { reason: Some(*reason), ..Self::about(*subject, until.secs()) }
            }
            Change::Outdated(outdated) => {
                let entry = Self::about(Subject::User(outdated.user), outdated.until().secs());
                Self { issued_before: Some(outdated.issued_before.secs()), ..entry }
            }
            Change::Admitted(user) => Self::about(Subject::User(*user), 0),
        }
    }

    fn about(subject: Subject, until: i64) -> Self {
        let (claim, value) = subject.claim();
        Self { claim, value, until, reason: None, issued_before: None }
    }
}

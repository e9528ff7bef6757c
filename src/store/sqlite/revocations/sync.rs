//! Keeps the revocation set at one with the file: this process's writes go in when they are
//! committed, those of another one (the command line beside a running server) soon after.

use std::{sync::Arc, time::Instant};

use rusqlite::Connection;

use crate::{
    domain::{
        causes::Causes,
        clock::{Clock, Timestamp},
    },
    store::{
        error::StoreError,
        revocations::{Change, Subject},
        revoked::set::RevocationSet,
        sqlite::revocations,
    },
};

pub(in crate::store::sqlite) struct RevocationSync {
    set: Arc<RevocationSet>,
    clock: Arc<dyn Clock>,
    /// SQLite's count of what others have committed, as of the last reload.
    seen: i64,
}

impl RevocationSync {
    /// Fills the set for the first time.
    pub(in crate::store::sqlite) fn start(
        connection: &Connection,
        set: Arc<RevocationSet>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        let mut sync = Self { set, clock, seen: -1 };
        sync.catch_up(connection)?;
        Ok(sync)
    }

    /// Takes in what this process has just committed.
    pub(in crate::store::sqlite) fn take_in(&self, changes: &[Change]) {
        for change in changes {
            match change {
                Change::Refused(revocation) => self.set.insert(revocation),
                Change::Outdated(outdated) => self.set.outdate(*outdated, self.now()),
                Change::Admitted(user) => self.set.lift(*user),
            }
        }
        self.set.heard(self.clock.passed());
    }

    /// Takes in what other processes have committed, and says whether the set can be trusted.
    pub(in crate::store::sqlite) fn check(&mut self, connection: &Connection) {
        if let Err(error) = self.catch_up(connection)
            && self.set.is_following()
        {
            tracing::error!(error = %Causes(&error), "revocations cannot be read");
            self.set.set_blind();
        }
    }

    fn catch_up(&mut self, connection: &Connection) -> Result<(), StoreError> {
        // Time and count are read first: what another process commits during the reload changes the count
        // again, and is read the next time.
        let (now, passed, asked_at) = (self.now(), self.clock.passed(), Instant::now());
        let version = connection.pragma_query_value(None, "data_version", |row| row.get(0))?;
        if version != self.seen {
            self.reload(connection, now)?;
            self.set.note_push(passed);
            self.seen = version;
        }
        self.set.set_following(passed);
        self.set.beat_of_feed(asked_at);
        Ok(())
    }

    fn reload(&self, connection: &Connection, now: Timestamp) -> Result<(), StoreError> {
        let living = revocations::living(connection, now)?;
        for revocation in &living {
            self.set.insert(revocation);
        }
        for outdated in revocations::outdated(connection, now)? {
            self.set.outdate(outdated, now);
        }
        let users = living.iter().filter_map(|revocation| match revocation.subject {
            Subject::User(user) => Some(user),
            _ => None,
        });
        self.set.lift_users_except(&users.collect::<Vec<_>>());
        Ok(())
    }

    pub(in crate::store::sqlite) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl Drop for RevocationSync {
    /// The set is kept up to date no longer, be it an orderly end or a defect.
    fn drop(&mut self) {
        self.set.set_blind();
    }
}

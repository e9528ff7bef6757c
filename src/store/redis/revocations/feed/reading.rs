//! What the feed reads of `blacklist:` keys, all or those that were named, and takes into the set.

use futures_util::future::try_join_all;
use redis::aio::MultiplexedConnection;

use super::{super::Found, CHUNK, Follower, Trouble};
use crate::{
    domain::{
        clock::Timestamp,
        ids::UserId,
        limits::{ACCESS_TTL_MAX, refused_until},
        session::EndReason,
    },
    store::revocations::{Revocation, Subject},
};

impl Follower {
    /// Takes in every revocation there is, and lifts those of users that are no more. Blind until it is
    /// done. Once more if a user was refused here meanwhile, for the scan may have missed that.
    pub(super) async fn rescan(&self, servers: &[MultiplexedConnection]) -> Result<(), Trouble> {
        loop {
            let changes = self.user_changes.count();
            let users = try_join_all(servers.iter().map(|server| self.scan(server))).await?.concat();
            if self.user_changes.take_in(changes, || self.revocations.lift_users_except(&users)) {
                return Ok(());
            }
        }
    }

    async fn scan(&self, server: &MultiplexedConnection) -> Result<Vec<UserId>, Trouble> {
        let pattern = format!("{}*", escaped(&self.keys.blacklist_prefix()));
        let (mut cursor, mut users) = ("0".to_owned(), Vec::new());
        loop {
            let mut command = redis::cmd("SCAN");
            command.arg(&cursor).arg("MATCH").arg(&pattern).arg("COUNT").arg(1000);
            let (next, names): (String, Vec<Vec<u8>>) = command.query_async(&mut server.clone()).await?;
            for names in names.chunks(CHUNK) {
                users.extend(self.read(server, names).await?);
            }
            cursor = next;
            if cursor == "0" {
                return Ok(users);
            }
        }
    }

    /// Reads keys and takes in what they say; returns the users that are refused.
    pub(super) async fn read(
        &self,
        server: &MultiplexedConnection,
        names: &[Vec<u8>],
    ) -> Result<Vec<UserId>, Trouble> {
        let known = names.iter().filter_map(|name| Some((name, self.keys.subject(name)?)));
        let known: Vec<_> = known.collect();
        let mut pipeline = redis::pipe();
        for (name, _) in &known {
            pipeline.get(name).pttl(name);
        }
        while !known.is_empty() {
            let (changes, now) = (self.user_changes.count(), self.clock.now());
            let values = server.clone().send_packed_commands(&pipeline, 0, pipeline.len()).await?;
            let found = known.iter().zip(values.chunks(2));
            let found: Vec<_> =
                found.map(|((_, subject), value)| Found::read(*subject, value, now)).collect();
            if self.user_changes.take_in(changes, || self.take_in(&found, now)) {
                let users = found.into_iter().filter_map(|found| match found {
                    Found { subject: Subject::User(user), revocation: Some(_), .. } => Some(user),
                    _ => None,
                });
                return Ok(users.collect());
            }
        }
        Ok(Vec::new())
    }

    /// A token or session whose key has expired needs nothing: its tokens are over too.
    fn take_in(&self, found: &[Found], now: Timestamp) {
        for found in found {
            found.keep(&self.revocations, now);
            if let (Subject::User(user), None) = (found.subject, found.revocation) {
                self.revocations.lift(user);
            }
        }
    }

    /// The names are known but cannot be read: they refuse, for as long as a token can live.
    pub(super) fn fail_closed(&self, names: &[Vec<u8>]) {
        let until = refused_until(self.clock.now() + ACCESS_TTL_MAX);
        for subject in names.iter().filter_map(|name| self.keys.subject(name)) {
            if !matches!(subject, Subject::User(_)) {
                self.revocations.insert(&Revocation { subject, reason: EndReason::Logout, until });
            }
        }
    }
}

/// A text that stands for itself in a pattern.
fn escaped(text: &str) -> String {
    let special = |c: char| matches!(c, '*' | '?' | '[' | ']' | '\\' | '^');
    text.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

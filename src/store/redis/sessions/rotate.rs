//! Rotation: what a refresh token gets.
//!
//! Where all keys are on one server, the record, its `refresh:` keys and its index entries are written in one
//! step and one trip, so that a failover forgets all or none of them, and a key that is not there was deleted by
//! an operator. In a Cluster a failover can lose the last writes of one shard alone, so that there a missing key
//! says nothing: it is written again. There it takes two trips, and this is what a crash leaves after each:
//!
//! 1. `session:` moves to generation n + 1, or notes the re-issue, or ends the session (one script).
//!    Left: the successor has no key. The client has no answer, so it presents the same token again,
//!    which is the parent now; it is answered with the same successor, and step 2 is done then.
//! 2. Side by side: the keys of the current token and its parent are written, those before them are deleted, and
//!    the indexes follow. Left: some of it; the client's retry does all of it again. The answer goes out after
//!    that.

use std::time::Duration;

use futures_util::future::try_join_all;
use redis::Value;

use super::{
    answer::ScriptAnswer,
    record::{Field, HashFields, Remains},
};
use crate::{
    domain::{
        clock::Timestamp,
        random,
        refresh_token::{Chain, RefreshToken},
        rotation::{Confirm, Contested, Reissue, ReusePolicy},
    },
    store::{
        error::StoreError,
        redis::{
            RedisStore,
            connection::error::away,
            millis,
            script::{Call, ROTATE},
        },
        sessions::{Issue, Living, Rotation},
    },
};

/// What decides by how late it is must be carried out as soon as this, or not at all: whoever asked has been
/// told by then that Redis is away.
const PATIENCE: Duration = Duration::from_millis(500);

/// What the script answers.
enum RotateReply {
    Granted(Grant),
    /// Ended now, and why.
    EndedNow(Rotation, Remains),
    /// It had ended before.
    Ended(Remains),
    Expired,
    Withdrawn,
    Forged,
    Unproved,
    /// The answer depends on how late the request is: this is the moment, by the server's clock.
    AskAgain(Timestamp),
    TooLate,
}

struct Grant {
    session: Living,
    generation: u32,
    reissue: Option<Reissue>,
    /// The hashes of the tokens that are to have a key: the current one and its parent.
    kept: Vec<Vec<u8>>,
    /// In a Cluster, of those that had one before.
    former: Vec<Vec<u8>>,
}

const NOW: Field = Field::of_answer("now");
const REISSUE: Field = Field::of_answer("reissue");
const FORMER: [Field; 2] = [Field::of_answer("former"), Field::of_answer("former_parent")];

impl RotateReply {
    fn read(answer: &ScriptAnswer) -> Result<Self, StoreError> {
        let fields = &answer.fields;
        Ok(match answer.word() {
            "granted" => Self::Granted(Grant::read(fields)?),
            "reused" => Self::EndedNow(Rotation::Reused, fields.remains()?),
            "contested" => Self::EndedNow(Rotation::Contested, fields.remains()?),
            "ended" => Self::Ended(fields.remains()?),
            "expired" => Self::Expired,
            "withdrawn" => Self::Withdrawn,
            "forged" => Self::Forged,
            "unproved" => Self::Unproved,
            "ask_again" => Self::AskAgain(fields.time(NOW)?),
            "too_late" => Self::TooLate,
            _ => return Err(answer.unknown()),
        })
    }
}

impl Grant {
    fn read(fields: &HashFields) -> Result<Self, StoreError> {
        let reissue = match fields.value(REISSUE) {
            None => None,
            Some(b"usual") => Some(Reissue::Usual),
            Some(b"late") => Some(Reissue::Late),
            Some(b"contested") => Some(Reissue::Contested),
            Some(_) => return Err(fields.unreadable(REISSUE)),
        };
        Ok(Self {
            session: fields.living()?,
            generation: fields.generation()?,
            reissue,
            kept: fields.token_hashes(),
            former: FORMER.iter().filter_map(|field| fields.value(*field)).map(<[u8]>::to_vec).collect(),
        })
    }
}

impl RedisStore {
    /// Asks the script, and where the answer depends on how late the request is, a second time: the first
    /// answer tells the server's clock, so that the second call can say when the request arrived by it, however
    /// long the first was under way, and after which moment nothing must be done any more.
    pub(in crate::store::redis) async fn rotate_session(
        &self,
        chain: &Chain,
        policy: &ReusePolicy,
        arrived_at: Timestamp,
    ) -> Result<Rotation, StoreError> {
        let (session, asked_at, begun) = (chain.presented.session(), self.clock.now(), self.clock.passed());
        // Read only now, it may have reached this machine while the process stood still. Other nodes went on meanwhile.
        let arrived_at = arrived_at - self.revocations.stood_still().unwrap_or_default();
        let call = || self.rotation(chain, policy, arrived_at, asked_at);
        let mut reply = self.ask_rotate(chain, call()).await?;
        if let RotateReply::AskAgain(carried_out_at) = reply {
            // The clock may have been set meanwhile.
            let waited = asked_at.since(arrived_at) + self.clock.passed().saturating_sub(begun);
            let arrived_at = carried_out_at - waited;
            let limits = [arrived_at, carried_out_at + PATIENCE].map(Timestamp::millis);
            reply = self.ask_rotate(chain, call().arg(&limits)).await?;
        }
        match reply {
            RotateReply::Granted(grant) => {
                self.grant(chain, grant, asked_at).await.map(|issue| Rotation::Granted(issue.into()))
            }
            RotateReply::EndedNow(why, remains) => {
                self.refuse_and_clean_up(chain, &remains, asked_at).await?;
                Ok(why)
            }
            RotateReply::Ended(remains) => {
                self.meet_end(session, &remains, asked_at).await.map(Rotation::Ended)
            }
            RotateReply::Withdrawn => Ok(Rotation::Withdrawn),
            RotateReply::Forged => Ok(Rotation::Forged),
            RotateReply::Unproved => Ok(Rotation::Unproved),
            RotateReply::Expired => Ok(Rotation::Expired),
            RotateReply::TooLate | RotateReply::AskAgain(_) => {
                Err(away("it was slower than a refresh can wait"))
            }
        }
    }

    fn rotation(
        &self,
        chain: &Chain,
        policy: &ReusePolicy,
        arrived_at: Timestamp,
        now: Timestamp,
    ) -> Call<'static> {
        let Chain { presented, successor, predecessor, proved_key } = chain;
        let lifetimes = &self.keeping.lifetimes;
        let tokens = [Some(presented), Some(successor), predecessor.as_ref()];
        let hashes = tokens.map(|token: Option<&RefreshToken>| {
            token.map(|token| self.keys.token_hash(token)).unwrap_or_default()
        });
        let known = hashes.iter().filter(|hash| self.is_one_server() && !hash.is_empty());
        let refresh_keys: Vec<_> = known.map(|hash| self.keys.refresh_of(hash)).collect();
        self.on_session(&ROTATE, presented.session(), now)
            .and_keys(refresh_keys)
            .arg(presented.generation())
            .arg(millis(now.since(arrived_at)))
            .arg(millis(policy.grace))
            .arg(u8::from(policy.confirm == Confirm::Timer))
            .arg(u8::from(policy.contested == Contested::End))
            .arg(millis(lifetimes.refresh))
            .arg(lifetimes.session_max_age.map_or(0, millis))
            .arg((now + lifetimes.access).millis())
            .arg(&hashes[..])
            .arg(&random::bytes::<8>())
            .arg(presented.nonce_hash().as_bytes())
            .arg(proved_key.as_ref().map_or(&[][..], |key| key.as_bytes().as_slice()))
    }

    async fn ask_rotate(&self, chain: &Chain, call: Call<'_>) -> Result<RotateReply, StoreError> {
        let values: Vec<Value> = self.durable.call_durably(&call).await?;
        RotateReply::read(&ScriptAnswer::read(chain.presented.session(), values)?)
    }

    async fn grant(&self, chain: &Chain, grant: Grant, now: Timestamp) -> Result<Issue, StoreError> {
        let (id, created_at) = (chain.presented.session(), grant.session.facts.created_at);
        // By this node's clock, as the tokens' times are.
        let life = now.until(self.keeping.lifetimes.session_expiry(created_at, now));
        if !self.is_one_server() {
            tokio::try_join!(
                self.write_refresh_keys(chain, &grant, life),
                self.reindex(id, &grant.session, now)
            )?;
        }
        let tokens_until = self.keeping.lifetimes.access_expiry(created_at, now);
        let Grant { session, generation, reissue, .. } = grant;
        Ok(Issue { session, generation, issued_at: now, life, tokens_until, reissue })
    }

    /// In a Cluster: the keys of the current token and its parent, and of none before them. Their order is no
    /// matter, for what is missing there is made anew.
    async fn write_refresh_keys(
        &self,
        chain: &Chain,
        grant: &Grant,
        life: Duration,
    ) -> Result<(), StoreError> {
        let session = chain.presented.session();
        let kept: Vec<_> = grant.kept.iter().map(|hash| self.keys.refresh_of(hash)).collect();
        let former = grant.former.iter().map(|hash| self.keys.refresh_of(hash));
        // The record of a retry does not know any more what the call before it may have left.
        let left = chain.predecessor.iter().map(|token| self.keys.refresh(token));
        let mut gone: Vec<_> = former.chain(left).filter(|key| !kept.contains(key)).collect();
        gone.dedup();
        let put = try_join_all(kept.iter().map(|key| self.put_refresh(key, session, life)));
        tokio::try_join!(put, self.delete(&gone)).map(|_| ())
    }

    /// A session was ended in the script: its tokens are refused, and then what leads to it is deleted.
    async fn refuse_and_clean_up(
        &self,
        chain: &Chain,
        remains: &Remains,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let session = chain.presented.session();
        self.refuse_session(session, remains.reason, remains.tokens_until, now).await?;
        // In a Cluster, whatever of the chain there may be besides what the hash knew.
        let chain = [Some(&chain.presented), Some(&chain.successor), chain.predecessor.as_ref()];
        let more = chain.into_iter().flatten().map(|token| self.keys.refresh(token));
        self.clean_up(session, remains, more).await
    }
}

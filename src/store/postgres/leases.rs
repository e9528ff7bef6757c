//! [`LeaseStore`] in PostgreSQL: a row of the table `leases`. By the nodes' clocks, as everything here is: the
//! server's own would be one more that can be wrong.

use std::time::Duration;

use async_trait::async_trait;

use super::{PostgresStore, StoreError};
use crate::{
    domain::clock::Timestamp,
    store::leases::{Holder, LeaseStore, Leased, impossible_end},
};

const TAKE: &str = "\
    INSERT INTO leases (work, holder, until) VALUES ($1, $2, $3) \
    ON CONFLICT (work) DO UPDATE SET holder = excluded.holder, until = excluded.until \
    WHERE leases.until <= $4 OR leases.until > $5 OR leases.holder = excluded.holder";

const RELEASE: &str = "DELETE FROM leases WHERE work = $1 AND holder = $2";

#[async_trait]
impl LeaseStore for PostgresStore {
    async fn take_lease(
        &self,
        work: &'static str,
        holder: &Holder,
        span: Duration,
        now: Timestamp,
    ) -> Result<Leased, StoreError> {
        let (until, now, impossible) =
            ((now + span).millis(), now.millis(), impossible_end(span, now).millis());
        let taken = self.pool.execute(TAKE, &[&work, &holder.as_str(), &until, &now, &impossible]).await?;
        Ok(if taken == 1 { Leased::Ours } else { Leased::Anothers })
    }

    async fn release_lease(&self, work: &'static str, holder: &Holder) -> Result<(), StoreError> {
        self.pool.execute(RELEASE, &[&work, &holder.as_str()]).await.map(drop)
    }
}

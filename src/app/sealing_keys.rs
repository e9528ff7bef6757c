//! Gives up a sealing key, in the keys folder and in the store that remembers which one is in use.

use std::sync::Arc;

use super::{BackEnds, StartError, migrate::expect_database, open_keys};
use crate::{
    config::Settings,
    domain::{clock::Clock, ids::SealingKeyId},
    keys::{error::KeyError, schedule::Retirement},
};

/// Retires a sealing key: what it sealed opens no more, on this node at once and on the others when they next
/// read the folder. Also one that is lost, which keeps the nodes from starting.
///
/// # Errors
/// When there is no such key, it still seals, or the stores or the keys folder cannot be used.
pub async fn retire_sealing_key(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
    id: SealingKeyId,
    how: Retirement,
) -> Result<(), StartError> {
    expect_database(settings).await?;
    let back_ends = BackEnds::open(settings, clock).await?;
    let keys = open_keys(settings, clock, settings.server.listen)?;
    let (sealer, installation) = (keys.sealer(), back_ends.installation());
    let is_known = installation.seals_with(id).await?;
    if !is_known && !sealer.holds(id) {
        let folder = settings.keys.dir.clone();
        return Err(StartError::Keys(KeyError::NoSuchKey { kid: id.to_string(), folder }));
    }
    // The file first: cut short here, the next start says which key it lacks, and this again completes it.
    sealer.retire(id, how).map_err(StartError::Keys)?;
    if let (true, Some(ours)) = (is_known, sealer.sealing()) {
        installation.give_up_sealing_key(id, ours).await?;
    }
    Ok(())
}

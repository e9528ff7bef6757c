//! A new secret behind refresh tokens, for all nodes.

use std::sync::Arc;

use super::{BackEnds, StartError, migrate::expect_database};
use crate::{
    config::Settings,
    domain::{clock::Clock, refresh_token::RefreshSecret},
    keys::folder::Folder,
};

/// Makes a new secret, and has the installation go by it from the next start of each node on.
///
/// # Errors
/// When the stores cannot be used, or the keys folder cannot be written to.
pub async fn new_secret(settings: &Settings, clock: &Arc<dyn Clock>) -> Result<(), StartError> {
    expect_database(settings).await?;
    let back_ends = BackEnds::open(settings, clock).await?;
    let made = || {
        let folder = Folder::make(&settings.keys.dir)?;
        let secret = folder.lock()?.make_secret()?;
        Ok(RefreshSecret::new(&secret))
    };
    // The file first: cut short here, the next start says that it is not the one in use.
    let secret = made().map_err(StartError::Keys)?;
    back_ends.installation().replace(&secret).await
}

//! `keyward migrate`

use super::{Context, error::CliError, output};
use crate::app;

pub(super) async fn run(context: &Context) -> Result<(), CliError> {
    let (settings, _) = context.settings()?;
    let taken = app::migrate(&settings).await?;
    for step in &taken {
        output::line(step)?;
    }
    output::line(if taken.is_empty() {
        "The database is up to date."
    } else {
        "The database is now up to date."
    })
}

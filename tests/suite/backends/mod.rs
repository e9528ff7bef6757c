//! What holds for one back end alone.

pub mod postgres;
pub mod redis;
mod sqlite;

use keyward::{domain::causes::Causes, store::error::StoreError};

/// An error with its causes, as it would be logged.
fn whole(error: &StoreError) -> String {
    Causes(error).to_string()
}

//! Counting what became of a verb.

use super::error::AuthError;
use crate::measures::{GRANTED, Measure};

/// Counts an outcome: granted, or the contract's code (2.3).
pub(in crate::auth) fn counted<T>(measure: &Measure, outcome: Result<T, AuthError>) -> Result<T, AuthError> {
    measure.count(&[outcome.as_ref().map_or_else(AuthError::code, |_| GRANTED)]);
    outcome
}

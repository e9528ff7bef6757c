//! The integration tests, one binary: the contracts of the stores, run on every back end, and what
//! holds for one of them alone.

mod backends;
mod contracts;

//! The way to the database: pooled connections with TLS, rows, errors, the schema.

pub(super) mod errors;
pub(super) mod pool;
pub(super) mod rows;
pub(super) mod schema;
pub(super) mod tls;

//! The file and the way to it: one thread that writes, connections that read, rows, errors, the schema.

pub(super) mod connection;
pub(super) mod errors;
pub(super) mod readers;
pub(super) mod rows;
pub(super) mod schema;
pub(super) mod writer;

//! postgres back end.

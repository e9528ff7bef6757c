//! memory back end.

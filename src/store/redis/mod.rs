//! redis back end.

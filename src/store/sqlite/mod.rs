//! sqlite back end.

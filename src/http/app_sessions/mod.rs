//! Sessions that other app servers keep here: in this server's own style, and in that of rest-sessions.

pub(super) mod native;
pub(super) mod rest;

//! Signing keys and their lives: what is in the folder, which key signs when, and what a token must
//! look like to be believed. Nothing in a token's header is ever fetched, trusted or used as a path.
//!
//! [`ring`] is the door, [`operate`] the operator's, [`sealer`] the one for data at rest. Behind them:
//! [`folder`] and [`key_file`] keep the keys, [`sealing`] those that seal,
//! `access` says who else could get at them, [`schedule`] says what
//! each may do at a moment, [`signing_key`] and [`public_key`] do the arithmetic, [`ed25519`] says which points
//! are no key, [`header`] and [`claims`] read what a token says. [`key_proof`] reads what clients sign with keys
//! of their own.

mod access;
pub mod claims;
pub mod ed25519;
pub mod error;
pub mod folder;
pub mod header;
pub mod key_file;
pub mod key_proof;
pub mod operate;
mod prepare;
pub mod public_key;
pub mod ring;
pub mod schedule;
pub mod sealer;
pub mod sealing;
pub mod settings;
pub mod signing_key;
mod snapshot;
mod weak;

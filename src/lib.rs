//! Keyward: sign in, refresh, sign out, and "may this token pass?".

pub mod answers;
pub mod app;
pub mod auth;
pub mod cli;
pub mod config;
pub mod domain;
pub mod gateway;
pub mod http;
pub mod keys;
pub mod mail;
pub mod measures;
pub mod store;
pub mod telemetry;

//! The commands and the settings they read.

mod apply;
mod cli;
mod config;
mod generated;
mod health;
mod import;
mod live_settings;

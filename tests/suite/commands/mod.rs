//! The commands and the settings they read.

mod apply;
mod cli;
mod config;
mod import;
mod live_settings;

//! The commands and the settings they read.

mod apply;
mod cli;
mod config;
mod live_settings;

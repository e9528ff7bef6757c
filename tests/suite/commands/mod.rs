//! The commands and the settings they read.

mod cli;
mod config;
mod import;

//! The server as a process, and those who talk to it: an installation, its users, an app beside it.

pub mod actor;
pub mod app_server;
pub mod ask;
pub mod disk;
pub mod documented;
pub mod install;
pub mod nodes;
pub mod raw;
pub mod resources;
pub mod secrets;

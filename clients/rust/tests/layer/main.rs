//! The layer as an app has it: axum over real HTTP, in front of a real Keyward, and of one that says what a test wants.

mod app;
mod attacks;
mod demands;
mod endings;
mod examples;
mod http;
mod outages;
mod scripted;
mod server;
mod service;
mod stream;
mod ways;

//! Gateways, from the operator's side: the configurations that put one in front of an app, an app
//! that tells what reached it, and attacks on a gateway that stands. It knows no store and no verb.

pub mod attacks;
pub mod configs;
mod connection;
pub mod echo;
mod echo_report;
mod error;
mod request;
mod target;
mod websocket;

pub use self::{error::GatewayError, target::Target};

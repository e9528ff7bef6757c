#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod body;
mod build;
mod check;
mod credential;
mod demands;
mod error;
#[cfg(feature = "axum")]
mod extract;
mod feed;
mod identity;
mod keyward;
mod layer;
mod local;
mod refusal;
mod transport;

pub use body::Body;
pub use build::{CheckBuilder, LocalBuilder};
pub use error::Error;
pub use identity::{Ended, Identity};
pub use keyward::Keyward;
pub use layer::{ClientAddress, KeywardLayer, KeywardService};

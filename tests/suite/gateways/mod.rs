//! Real gateways in front of an app that tells what reaches it: each in our own configuration, as
//! `keyward gateway init` writes it, and attacked by `keyward gateway test`.

mod command;
mod envoy;
pub mod gateway;
mod init;
mod matrix;
mod mistakes;
mod outages;
mod refusals;
mod site;
mod step_up;

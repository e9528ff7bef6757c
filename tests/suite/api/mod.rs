//! The server seen from outside: the real binary, its settings, what it prints and what it answers.
//! The tests follow the contract chapter by chapter and know nothing of the code.

mod admin;
mod app_rules;
mod app_sessions;
mod apps_at_once;
mod audit;
mod bad_input;
mod bound;
mod browser;
mod check;
mod check_doors;
mod connections;
mod cookies;
mod doctor;
mod doctor_mistakes;
mod ext_authz;
mod headers;
mod hung_nodes;
mod local_verifiers;
mod logs;
mod mails;
mod metrics;
mod moving_in;
mod oauth;
mod openapi;
mod operators;
mod passkey_judges;
mod passkey_resets;
mod passkeys;
mod passkeys_ed25519;
mod passwords;
mod process;
mod readiness;
mod redis;
mod refresh;
mod refusals;
mod reload;
mod rest_sessions;
mod revocations;
mod rolling_restart;
mod sealing_keys;
pub mod second_factor;
mod secret;
mod secrets_unsaid;
mod session_cookies;
mod side_by_side;
mod signing_in;
mod startup_mistakes;
mod step_up;
mod tokens;
#[cfg(feature = "otlp")]
mod traces;
mod two_nodes;
mod verifiers;

use crate::support::outside::{actor, app_server, disk, install, nodes, raw, resources, secrets};

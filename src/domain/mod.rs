//! What things are: ids, users, apps, sessions, tokens, time. No I/O and no async: every rule
//! here is a function of its arguments, so that each back end and each test can share it.

pub mod admin;
pub mod algorithm;
pub mod app;
pub mod app_policy;
pub mod app_session;
pub mod app_session_data;
pub mod auth_context;
pub mod causes;
pub mod claims;
pub mod clock;
pub mod cursor;
pub mod device_token;
pub mod event;
pub mod factor;
pub mod identity;
pub mod ids;
pub mod installation;
pub mod limits;
pub mod locale;
pub mod occasion;
pub mod random;
pub mod recovery_code;
pub mod refresh_token;
pub mod rotation;
pub mod secret;
pub mod session;
pub mod session_token;
pub mod sign_in;
pub mod totp_code;
pub mod trace_context;
pub mod user;
pub mod user_list;

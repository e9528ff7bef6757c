//! What is said: the JSON of each thing, written once, for the HTTP API and for the commands' `--json`.
//! Members come in the order in which they are sent; times are RFC 3339 in UTC, spans whole seconds.

mod account;
mod app;
mod app_session;
mod apply;
mod event;
mod key;
mod oauth;
mod problem;
mod readiness;
mod rest_session;
mod revocation;
mod session;
mod tokens;

pub use self::{
    account::{AccountStatus, DeletedUser, User, UserRecord},
    app::{App, AppKind, AppWithSecret, RemovedApp},
    app_session::{ActiveUsers, AppSession, AppSessions, CreatedAppSession},
    apply::{Applied, AppliedChange, ChangeKind},
    event::{Event, Events, OwnEvent, OwnEvents, Who},
    key::{BackedUp, Key, NewSecret, PublicKey, RetiredKey, RetiredSealingKey, SealingKey},
    oauth::{ActiveToken, Introspection, Metadata, OAuthProblem},
    problem::Problem,
    readiness::{Condition, Readiness, ReadinessParts},
    rest_session::{FoundRestSession, KilledRestSessions, RestActivity, RestRefusal, RestSession, RestToken},
    revocation::{FeedStatus, Revocation, RevocationSnapshot},
    session::{Ended, OwnSession, OwnSessions, Session, SessionRecord},
    tokens::{OpenedSession, SignedIn, Tokens},
};

//! What is said: the JSON of each thing, written once, for the HTTP API and for the commands' `--json`.
//! Members come in the order in which they are sent; times are RFC 3339 in UTC, spans whole seconds.

mod account;
mod app;
mod app_session;
mod apply;
mod event;
mod factor;
mod key;
mod mail;
mod oauth;
mod passkey;
mod problem;
mod readiness;
mod rest_session;
mod revocation;
mod session;
mod stats;
mod tokens;

pub use self::{
    account::{AccountStatus, DeletedUser, User, UserRecord, Users},
    app::{App, AppKind, AppWithSecret, Apps, RemovedApp},
    app_session::{ActiveUsers, AppSession, AppSessions, CreatedAppSession},
    apply::{Applied, AppliedChange, ChangeKind},
    event::{Event, Events, OwnEvent, OwnEvents, Who},
    factor::{Factor, Factors, MfaChallenge, MfaRequired, RecoveryCodes, RemovedFactors, TotpEnrolment},
    key::{BackedUp, Key, Keys, NewSecret, PublicKey, RetiredKey, RetiredSealingKey, SealingKey},
    mail::{Mail, MailState},
    oauth::{ActiveToken, InactiveToken, Introspection, Metadata, OAuthProblem},
    passkey::{PasskeyEnrolment, PasskeySignIn, RelatedOrigins, RequestOptions},
    problem::Problem,
    readiness::{Condition, Readiness, ReadinessParts},
    rest_session::{FoundRestSession, KilledRestSessions, RestActivity, RestRefusal, RestSession, RestToken},
    revocation::{FeedStatus, Revocation, RevocationSnapshot},
    session::{Ended, OwnSession, OwnSessions, Session, SessionRecord, Sessions},
    stats::{Stats, UserTotals},
    tokens::{OpenedSession, SignedIn, SteppedUpSession, Tokens},
};

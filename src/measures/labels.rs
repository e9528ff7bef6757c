//! The labels of metrics, and all that each of them may say.

use super::{LabelName, OTHER, Values};

/// What is answered over HTTP.
pub const STATUSES: &[&str] = &[
    "200", "201", "202", "204", "304", "400", "401", "403", "404", "405", "409", "410", "412", "413", "415",
    "422", "429", "500", "503", OTHER,
];
/// Those of `audit.reason` in the log, where `audit.kind` is `sign_in_failed`.
const REFUSAL_KINDS: &[&str] = &[
    "wrong_password",
    "unknown_user",
    "account_disabled",
    "email_unconfirmed",
    "locked_out",
    "address_locked_out",
    "account_locked_out",
    "device_locked_out",
    "wrong_code",
    "wrong_passkey",
    "factor_locked_out",
];
pub(super) const ROUTE: LabelName = LabelName {
    name: "route",
    values: Values::Fixed("a path of the contract, `ext_authz`, `metadata`, or `none` for an unknown one"),
};
pub(super) const STORE: LabelName =
    LabelName { name: "store", values: Values::Of(&["postgres", "redis", "sqlite"]) };
pub(super) const VERB: LabelName =
    LabelName { name: "verb", values: Values::Fixed("what it was asked, such as `sessions.rotate`") };
pub(super) const LISTENER: LabelName = LabelName {
    name: "listener",
    values: Values::Of(&["public", "management", "check", "ext_authz", "admin"]),
};

pub(super) const REFUSALS: LabelName = LabelName { name: "kind", values: Values::Of(REFUSAL_KINDS) };
pub(super) const ERROR: LabelName =
    LabelName { name: "error", values: Values::Of(&["away", "refused", "corrupt"]) };
pub(super) const USE: LabelName = LabelName { name: "use", values: Values::Of(&["signing", "sealing"]) };
pub(super) const STATE: LabelName =
    LabelName { name: "state", values: Values::Of(&["published", "signing", "verifying", "gone"]) };
pub(super) const DROP_REASON: LabelName =
    LabelName { name: "reason", values: Values::Of(&["queue_full", "not_taken"]) };
pub(super) const MAIL_OUTCOMES: LabelName =
    LabelName { name: "outcome", values: Values::Of(&["sent", "deferred", "dead", "dropped", "refused"]) };
pub(super) const MAIL_STATE: LabelName =
    LabelName { name: "state", values: Values::Of(&["waiting", "dead"]) };
pub(super) const STATUS: LabelName = LabelName { name: "status", values: Values::Of(STATUSES) };
pub(super) const VERSION: LabelName =
    LabelName { name: "version", values: Values::Fixed("that of the process") };
pub(super) const CHECK_OUTCOMES: LabelName = LabelName {
    name: "outcome",
    values: Values::Of(&[
        "granted",
        "token_missing",
        "token_invalid",
        "token_expired",
        "token_revoked",
        "token_outdated",
        "session_ended",
        "insufficient_role",
        "insufficient_user_authentication",
        "cross_site",
        "rate_limited",
        "store_unavailable",
        "internal",
        OTHER,
    ]),
};
pub(super) const SIGN_IN_OUTCOMES: LabelName = LabelName {
    name: "outcome",
    values: Values::Of(&[
        "granted",
        "invalid_credentials",
        "account_disabled",
        "email_unconfirmed",
        "mfa_required",
        "method_not_accepted",
        "wrong_code",
        "too_many_attempts",
        "overloaded",
        "store_unavailable",
        "internal",
        OTHER,
    ]),
};
pub(super) const STEP_UP_OUTCOMES: LabelName = LabelName {
    name: "outcome",
    values: Values::Of(&[
        "granted",
        "mfa_required",
        "method_not_accepted",
        "wrong_password",
        "wrong_code",
        "token_revoked",
        "session_ended",
        "too_many_attempts",
        "overloaded",
        "store_unavailable",
        "internal",
        OTHER,
    ]),
};
pub(super) const REFRESH_OUTCOMES: LabelName = LabelName {
    name: "outcome",
    values: Values::Of(&[
        "granted",
        "refresh_invalid",
        "refresh_expired",
        "refresh_reused",
        "session_ended",
        "store_unavailable",
        "internal",
        OTHER,
    ]),
};
pub(super) const SIGN_OUT_OUTCOMES: LabelName = LabelName {
    name: "outcome",
    values: Values::Of(&[
        "granted",
        "token_missing",
        "token_invalid",
        "refresh_invalid",
        "store_unavailable",
        "internal",
        OTHER,
    ]),
};

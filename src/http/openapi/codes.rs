//! The codes of errors (contract 2.3, and RFC 6749 section 5.2): which status each has, and what it means to a client.

/// A code, and the status that it comes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Code {
    pub status: u16,
    pub name: &'static str,
    pub meaning: &'static str,
}

const fn code(status: u16, name: &'static str, meaning: &'static str) -> Code {
    Code { status, name, meaning }
}

impl Code {
    /// The same with another status, as gateways are told.
    pub const fn at(self, status: u16) -> Self {
        Self { status, ..self }
    }
}

pub const INVALID_REQUEST: Code =
    code(400, "invalid_request", "what came was not understood: `detail` names the member or parameter");
pub const INVALID_CREDENTIALS: Code =
    code(401, "invalid_credentials", "the name or the password, or an app's name or secret, is wrong");
pub const TOKEN_MISSING: Code = code(401, "token_missing", "no credential came");
pub const TOKEN_INVALID: Code = code(401, "token_invalid", "the credential is not genuine");
pub const TOKEN_EXPIRED: Code = code(401, "token_expired", "the access token has expired: refresh");
pub const TOKEN_REVOKED: Code =
    code(401, "token_revoked", "the session of the token is over: `reason` says why");
pub const TOKEN_OUTDATED: Code =
    code(401, "token_outdated", "the roles were changed since the token was issued: refresh");
pub const REFRESH_INVALID: Code = code(
    401,
    "refresh_invalid",
    "the refresh token is not genuine, or with `reason` `proof` the session's key is not proved",
);
pub const REFRESH_EXPIRED: Code = code(401, "refresh_expired", "the refresh token has expired");
pub const REFRESH_REUSED: Code =
    code(401, "refresh_reused", "the refresh token had been replaced long ago: the session was ended");
pub const SESSION_ENDED: Code = code(401, "session_ended", "the session is over: `reason` says why");
pub const INSUFFICIENT_USER_AUTHENTICATION: Code =
    code(401, "insufficient_user_authentication", "a stronger or more recent sign-in is needed");
pub const ACCOUNT_DISABLED: Code =
    code(403, "account_disabled", "the password was right, and the account is disabled");
pub const EMAIL_UNCONFIRMED: Code = code(
    403,
    "email_unconfirmed",
    "the password was right, and the account's address is to be confirmed first",
);
pub const MFA_REQUIRED: Code =
    code(403, "mfa_required", "the password was right, and more is to be proved: answer with `mfa_token`");
/// The same where there is no sign-in to go on with.
pub const FACTOR_MISSING: Code = code(
    403,
    "mfa_required",
    "the link was right, and the account has a second factor, which is to be shown too",
);
/// The same where one factor alone is shown, of a session that has shown two.
pub const BOTH_FACTORS_NEEDED: Code = code(
    403,
    "mfa_required",
    "the session has shown two factors, longer ago than one counts with another: show both",
);
pub const METHOD_NOT_ACCEPTED: Code =
    code(403, "method_not_accepted", "the app does not take that proof: nobody was looked up for it");
pub const SIGNUP_CLOSED: Code = code(403, "signup_closed", "accounts are made by the operator here");
pub const INSUFFICIENT_ROLE: Code = code(403, "insufficient_role", "a role is missing");
pub const CROSS_SITE: Code =
    code(403, "cross_site", "it rides on a cookie or on a name of the host that is not from here");
pub const NOT_FOUND: Code = code(404, "not_found", "there is nothing here");
pub const USERNAME_TAKEN: Code = code(409, "username_taken", "somebody has that name");
pub const EMAIL_TAKEN: Code = code(409, "email_taken", "another account has that address, verified");
pub const CONFLICT: Code = code(409, "conflict", "it cannot be changed as it is now: `detail` says why");
pub const LINK_SPENT: Code =
    code(410, "link_spent", "the link was used, replaced, is over, or was never one");
pub const VERSION_MISMATCH: Code =
    code(412, "version_mismatch", "it was changed since, and is of the `version` that is told");
pub const PAYLOAD_TOO_LARGE: Code = code(413, "payload_too_large", "a body has at most 64 KiB");
pub const UNSUPPORTED_MEDIA_TYPE: Code = code(415, "unsupported_media_type", "the body must be JSON");
pub const WEAK_PASSWORD: Code = code(422, "weak_password", "the new password is too short or easily guessed");
pub const WRONG_PASSWORD: Code = code(422, "wrong_password", "the current password is wrong");
pub const WRONG_CODE: Code = code(
    422,
    "wrong_code",
    "the code or the passkey's answer is wrong or was used already, or nothing waits for one",
);
pub const RATE_LIMITED: Code = code(429, "rate_limited", "the session has used up its requests");
pub const TOO_MANY_ATTEMPTS: Code = code(429, "too_many_attempts", "too many of these; try again later");
pub const INTERNAL: Code = code(500, "internal", "a defect of the server");
pub const OVERLOADED: Code = code(503, "overloaded", "too much at once; try again soon");
pub const STORE_UNAVAILABLE: Code =
    code(503, "store_unavailable", "a store is away; nothing is said of the credential: try again soon");

/// Those of a token or cookie that does not pass.
pub const OF_OWNERS: [Code; 10] = [
    INVALID_REQUEST,
    TOKEN_MISSING,
    TOKEN_INVALID,
    TOKEN_EXPIRED,
    TOKEN_REVOKED,
    TOKEN_OUTDATED,
    SESSION_ENDED,
    CROSS_SITE,
    STORE_UNAVAILABLE,
    INTERNAL,
];

/// OAuth's own.
pub const OAUTH_INVALID_REQUEST: Code =
    code(400, "invalid_request", "a parameter is missing, repeated or malformed");
pub const OAUTH_TOO_LARGE: Code = code(413, "invalid_request", "a body has at most 64 KiB");
pub const OAUTH_INVALID_CLIENT: Code =
    code(401, "invalid_client", "the client is unknown, or did not show its secret as it should");
pub const OAUTH_INVALID_GRANT: Code =
    code(400, "invalid_grant", "the refresh token is unknown, over, replaced or another client's");
pub const OAUTH_INVALID_DPOP_PROOF: Code = code(
    400,
    "invalid_dpop_proof",
    "the session is bound to a key, and that is not proved: make a new proof",
);
pub const OAUTH_UNSUPPORTED_GRANT_TYPE: Code =
    code(400, "unsupported_grant_type", "the only grant type is `refresh_token`");
pub const OAUTH_INVALID_SCOPE: Code = code(400, "invalid_scope", "no scope was granted");
pub const OAUTH_SERVER_ERROR: Code = code(500, "server_error", "a defect of the server");
pub const OAUTH_TOO_MANY: Code = code(429, "temporarily_unavailable", "too many of these; try again later");
pub const OAUTH_UNAVAILABLE: Code =
    code(503, "temporarily_unavailable", "a store is away; nothing is said of the token: try again soon");

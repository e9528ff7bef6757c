//! Every metric, each once: `/metrics`, its help texts and the table in `docs/operating.md` are made from this. Names
//! and units are Prometheus' (seconds, bytes, `_total`).

use super::{
    Kind, Measure,
    labels::{
        CHECK_OUTCOMES, DROP_REASON, ERROR, LISTENER, MAIL_OUTCOMES, MAIL_STATE, REFRESH_OUTCOMES, REFUSALS,
        ROUTE, SIGN_IN_OUTCOMES, SIGN_OUT_OUTCOMES, STATE, STATUS, STEP_UP_OUTCOMES, STORE, USE, VERB,
        VERSION,
    },
};

/// From a check that asks nobody to a sign-in that waited, in seconds.
const OF_REQUESTS: &[f64] =
    &[0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];
/// From a look into a page of memory to a store that hangs.
const OF_STORES: &[f64] = &[0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0];

pub static HTTP_REQUESTS: Measure = Measure {
    name: "keyward_http_requests_total",
    kind: Kind::Counter,
    help: "Requests that were answered.",
    labels: &[ROUTE, STATUS],
};
pub static HTTP_DURATION: Measure = Measure {
    name: "keyward_http_request_duration_seconds",
    kind: Kind::Histogram(OF_REQUESTS),
    help: "Time from the head of a request to that of its answer, checks apart.",
    labels: &[ROUTE],
};
pub static CHECKS: Measure = Measure {
    name: "keyward_checks_total",
    kind: Kind::Counter,
    help: "Checks, by what became of them: granted, or the code of the refusal.",
    labels: &[CHECK_OUTCOMES],
};
pub static CHECK_DURATION: Measure = Measure {
    name: "keyward_check_duration_seconds",
    kind: Kind::Histogram(OF_REQUESTS),
    help: "Time that the verdict of a check takes, by HTTP or gRPC.",
    labels: &[],
};
pub static SIGN_INS: Measure = Measure {
    name: "keyward_sign_ins_total",
    kind: Kind::Counter,
    help: "Sign-ins, by what became of them: granted, or the code of the refusal.",
    labels: &[SIGN_IN_OUTCOMES],
};
pub static SIGN_IN_REFUSALS: Measure = Measure {
    name: "keyward_sign_in_refusals_total",
    kind: Kind::Counter,
    help: "Passwords that were refused, wrong current ones at a change among them; lock-outs are told apart.",
    labels: &[REFUSALS],
};
pub static STEP_UPS: Measure = Measure {
    name: "keyward_step_ups_total",
    kind: Kind::Counter,
    help: "Step-ups of sessions, by what became of them: granted, or the code of the refusal.",
    labels: &[STEP_UP_OUTCOMES],
};
pub static REFRESHES: Measure = Measure {
    name: "keyward_refreshes_total",
    kind: Kind::Counter,
    help: "Refreshes, by what became of them: granted, or the code of the refusal.",
    labels: &[REFRESH_OUTCOMES],
};
pub static REISSUED: Measure = Measure {
    name: "keyward_refresh_reissued_total",
    kind: Kind::Counter,
    help: "Refresh tokens that were issued again, late ones among them: tabs, retries and lost answers.",
    labels: &[],
};
pub static REISSUED_LATE: Measure = Measure {
    name: "keyward_refresh_reissued_late_total",
    kind: Kind::Counter,
    help: "Refresh tokens that were issued again late: a lost answer, or a second holder.",
    labels: &[],
};
pub static REUSED: Measure = Measure {
    name: "keyward_refresh_reused_total",
    kind: Kind::Counter,
    help: "Refresh tokens that came back after they had been replaced: each ended its session.",
    labels: &[],
};
pub static CONTESTED: Measure = Measure {
    name: "keyward_refresh_contested_total",
    kind: Kind::Counter,
    help: "Refreshes in which two clients seemed to hold one refresh token.",
    labels: &[],
};
pub static SIGN_OUTS: Measure = Measure {
    name: "keyward_sign_outs_total",
    kind: Kind::Counter,
    help: "Sign-outs, of one session or of all: granted, or the code of the refusal.",
    labels: &[SIGN_OUT_OUTCOMES],
};
pub static FORGED: Measure = Measure {
    name: "keyward_tokens_forged_total",
    kind: Kind::Counter,
    help: "Tokens that were made with refresh.secret by somebody to whom their session was never given.",
    labels: &[],
};
pub static HASH_WAIT: Measure = Measure {
    name: "keyward_hash_queue_wait_seconds",
    kind: Kind::Histogram(OF_REQUESTS),
    help: "Time that a sign-in waited for its turn to have its password hashed.",
    labels: &[],
};
pub static HASH_REFUSED: Measure = Measure {
    name: "keyward_hash_queue_refused_total",
    kind: Kind::Counter,
    help: "Sign-ins that lost their place, or found none, in the queue of passwords to be hashed.",
    labels: &[],
};
pub static HASH_WAITING: Measure = Measure {
    name: "keyward_hash_queue_length",
    kind: Kind::Gauge,
    help: "Sign-ins that wait for their password to be hashed.",
    labels: &[],
};
pub static HASH_PLACES: Measure = Measure {
    name: "keyward_hash_queue_places",
    kind: Kind::Gauge,
    help: "How many may wait there: login.queue.",
    labels: &[],
};
pub static HASH_PERMITS: Measure = Measure {
    name: "keyward_hash_permits",
    kind: Kind::Gauge,
    help: "Sign-ins whose turn it is: their password is hashed, or is about to be or has been.",
    labels: &[],
};
pub static REVOCATIONS: Measure = Measure {
    name: "keyward_revocations_held",
    kind: Kind::Gauge,
    help: "Tokens, sessions and users in memory that are refused.",
    labels: &[],
};
pub static FEED_FOLLOWING: Measure = Measure {
    name: "keyward_revocation_feed_following",
    kind: Kind::Gauge,
    help: "1 while all revocations are known in memory, 0 while they have to be asked for.",
    labels: &[],
};
pub static FEED_LAG: Measure = Measure {
    name: "keyward_revocation_feed_lag_seconds",
    kind: Kind::Gauge,
    help: "How long ago the store of revocations was last heard of: what was revoked since may be unknown here.",
    labels: &[],
};
pub static FEED_PUSHED: Measure = Measure {
    name: "keyward_revocation_last_push_age_seconds",
    kind: Kind::Gauge,
    help: "How long ago the store last told of a change; since the start where it has told of none.",
    labels: &[],
};
pub static FEED_BREAKS: Measure = Measure {
    name: "keyward_revocation_feed_breaks_total",
    kind: Kind::Counter,
    help: "How often the store of revocations could no longer be followed.",
    labels: &[],
};
pub static STORE_DURATION: Measure = Measure {
    name: "keyward_store_call_duration_seconds",
    kind: Kind::Histogram(OF_STORES),
    help: "Time that a store takes to do what it was asked, failures included.",
    labels: &[STORE, VERB],
};
pub static STORE_ERRORS: Measure = Measure {
    name: "keyward_store_errors_total",
    kind: Kind::Counter,
    help: "What a store could not do: it was away, refused, or holds what cannot be read.",
    labels: &[STORE, VERB, ERROR],
};
pub static STORE_AWAY: Measure = Measure {
    name: "keyward_store_away",
    kind: Kind::Gauge,
    help: "1 from the first call that finds a store away until none has for 5 seconds and one went well.",
    labels: &[STORE],
};
pub static CONNECTIONS: Measure = Measure {
    name: "keyward_connections",
    kind: Kind::Gauge,
    help: "Open connections of clients.",
    labels: &[LISTENER],
};
pub static CONNECTIONS_MAX: Measure = Measure {
    name: "keyward_connections_max",
    kind: Kind::Gauge,
    help: "The most there can be, by the limit of file descriptors.",
    labels: &[LISTENER],
};
pub static CONNECTIONS_REFUSED: Measure = Measure {
    name: "keyward_connections_refused_total",
    kind: Kind::Counter,
    help: "Connections that were closed at once, since all others were busy or one client had its share.",
    labels: &[],
};
pub static CONNECTIONS_CUT: Measure = Measure {
    name: "keyward_connections_cut_total",
    kind: Kind::Counter,
    help: "Idle connections that were closed to make room.",
    labels: &[],
};
pub static FORWARDED_IGNORED: Measure = Measure {
    name: "keyward_forwarded_ignored_total",
    kind: Kind::Counter,
    help: "Requests whose X-Forwarded-For or Forwarded came from a peer that is not in server.trusted_proxies.",
    labels: &[],
};
pub static KEY_AGE: Measure = Measure {
    name: "keyward_key_age_seconds",
    kind: Kind::Gauge,
    help: "How long ago the key in use was made.",
    labels: &[USE],
};
pub static KEYS: Measure = Measure {
    name: "keyward_signing_keys",
    kind: Kind::Gauge,
    help: "Signing keys in the folder, by what they do now.",
    labels: &[STATE],
};
pub static KEYS_UNREAD: Measure = Measure {
    name: "keyward_key_read_failures_total",
    kind: Kind::Counter,
    help: "How often the keys folder could not be read again; the keys read before stay in force.",
    labels: &[],
};
pub static EVENTS_LOST: Measure = Measure {
    name: "keyward_events_lost_total",
    kind: Kind::Counter,
    help: "Events that could not be kept: the database was away for too long.",
    labels: &[],
};
pub static MAILS: Measure = Measure {
    name: "keyward_mails_total",
    kind: Kind::Counter,
    help: "Mails, by what became of a try: sent, deferred, or dead; dropped since nobody is to have them; or refused \
           since too many wait.",
    labels: &[MAIL_OUTCOMES],
};
pub static MAILS_KEPT: Measure = Measure {
    name: "keyward_mails_kept",
    kind: Kind::Gauge,
    help: "Mails in the outbox: those that wait, and those that are given up until an operator says otherwise.",
    labels: &[MAIL_STATE],
};
pub static LOG_LINES_LOST: Measure = Measure {
    name: "keyward_log_lines_lost_total",
    kind: Kind::Counter,
    help: "Lines of the log that could not be written.",
    labels: &[],
};
pub static SPANS_DROPPED: Measure = Measure {
    name: "keyward_spans_dropped_total",
    kind: Kind::Counter,
    help: "Spans of traces that were not exported: the queue was full, or the receiver did not take them.",
    labels: &[DROP_REASON],
};
pub static BUILD_INFO: Measure = Measure {
    name: "keyward_build_info",
    kind: Kind::Gauge,
    help: "1, with the version that runs.",
    labels: &[VERSION],
};
pub static CPU: Measure = Measure {
    name: "process_cpu_seconds_total",
    kind: Kind::Counter,
    help: "User and system CPU time, in whole seconds.",
    labels: &[],
};
pub static RESIDENT: Measure = Measure {
    name: "process_resident_memory_bytes",
    kind: Kind::Gauge,
    help: "Resident memory.",
    labels: &[],
};
pub static VIRTUAL: Measure =
    Measure { name: "process_virtual_memory_bytes", kind: Kind::Gauge, help: "Virtual memory.", labels: &[] };
pub static OPEN_FDS: Measure =
    Measure { name: "process_open_fds", kind: Kind::Gauge, help: "Open file descriptors.", labels: &[] };
pub static MAX_FDS: Measure = Measure {
    name: "process_max_fds",
    kind: Kind::Gauge,
    help: "The most file descriptors that the process may have.",
    labels: &[],
};
pub static STARTED: Measure = Measure {
    name: "process_start_time_seconds",
    kind: Kind::Gauge,
    help: "When the process started, in seconds since 1970.",
    labels: &[],
};
pub static THREADS: Measure =
    Measure { name: "process_threads", kind: Kind::Gauge, help: "Threads of the process.", labels: &[] };

/// In the order in which they are documented.
pub static ALL: [&Measure; 48] = [
    &HTTP_REQUESTS,
    &HTTP_DURATION,
    &CHECKS,
    &CHECK_DURATION,
    &SIGN_INS,
    &SIGN_IN_REFUSALS,
    &STEP_UPS,
    &REFRESHES,
    &REISSUED,
    &REISSUED_LATE,
    &REUSED,
    &CONTESTED,
    &SIGN_OUTS,
    &FORGED,
    &HASH_WAIT,
    &HASH_REFUSED,
    &HASH_WAITING,
    &HASH_PLACES,
    &HASH_PERMITS,
    &REVOCATIONS,
    &FEED_FOLLOWING,
    &FEED_LAG,
    &FEED_PUSHED,
    &FEED_BREAKS,
    &STORE_DURATION,
    &STORE_ERRORS,
    &STORE_AWAY,
    &CONNECTIONS,
    &CONNECTIONS_MAX,
    &CONNECTIONS_REFUSED,
    &CONNECTIONS_CUT,
    &FORWARDED_IGNORED,
    &KEY_AGE,
    &KEYS,
    &KEYS_UNREAD,
    &EVENTS_LOST,
    &MAILS,
    &MAILS_KEPT,
    &LOG_LINES_LOST,
    &SPANS_DROPPED,
    &BUILD_INFO,
    &CPU,
    &RESIDENT,
    &VIRTUAL,
    &OPEN_FDS,
    &MAX_FDS,
    &STARTED,
    &THREADS,
];

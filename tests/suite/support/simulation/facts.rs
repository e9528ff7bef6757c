//! What the ledger is told, what it holds the answers to, and what it finds.

use std::time::Duration;

/// Since the run began.
pub type Moment = Duration;

/// What the answers are held to.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// `tokens.reuse_grace`.
    pub grace: Duration,
    /// How much later than that a replaced token must come to be theft for certain.
    pub slack: Duration,
    /// After so long no node lets in what was signed out at another.
    pub pushed: Duration,
    /// The same of a node that is cut off from the store, or hangs.
    pub cut_off: Duration,
    /// For so long after a trouble, a node may take what it reads for as old as that.
    pub aftermath: Duration,
    /// After a trouble, a check may let in for so long without that its sight is stored.
    pub unconfirmed: Duration,
}

/// Who shows a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Owner,
    Thief,
}

/// What a refresh brings.
#[derive(Debug, Clone, Copy)]
pub struct Shown {
    pub by: By,
    /// That of the refresh token.
    pub generation: u32,
    /// What names the proof that came with it.
    pub proof: Option<u64>,
}

/// What an access token says of its session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    pub auth_time: i64,
    pub amr: Vec<String>,
    pub acr: String,
    /// The thumbprint of the key that the session is bound to.
    pub key: Option<String>,
}

/// When a request was sent and answered, and by which node.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    pub sent: Moment,
    pub answered: Moment,
    pub node: usize,
}

/// What a refresh came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refreshed {
    /// The tokens of this generation: the refresh token, and what the access token says.
    Granted(u32, String, Said),
    /// 401, with its code and reason.
    Refused(String, Option<String>),
}

/// What a check came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    LetIn,
    /// 401, with its code.
    Refused(String),
}

/// What a step-up came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SteppedUp {
    /// The access token says so.
    Done(Said),
    /// Nothing was written: 401, with its code, or that the proof was no good.
    Refused(String),
    WrongProof,
    /// 503: it may be written all the same.
    Unknown,
}

/// What must not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wrong {
    /// An honest user was signed out, or refused.
    HonestOut,
    /// A token that was replaced for longer than the grace was answered, or a session that ended for theft went on.
    TheftMissed,
    /// An access token was let in after its session was over, beyond the bound.
    LetInLate,
    SignInLost,
    RefreshLost,
    SignOutLost,
    /// A bound session was refreshed without a new proof of its key, or a token of it does not name the key.
    Unproved,
    /// A token says less of how its owner signed in than was acknowledged before.
    StepUpLost,
    /// A generation was issued as two refresh tokens.
    Forked,
    /// A status that no client should see.
    Unexpected,
}

/// Something that must not happen, and did.
#[derive(Debug, Clone)]
pub struct Finding {
    pub wrong: Wrong,
    pub what: String,
    /// What was known of the session before.
    pub history: Vec<String>,
}

/// What was counted.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    pub signed_in: u64,
    pub refreshed: u64,
    pub checked: u64,
    pub signed_out: u64,
    pub unanswered: u64,
    /// Step-ups that were answered with a token.
    pub stepped_up: u64,
    /// Those of a bound session, without a proof of its key.
    pub keyless_refused: u64,
    /// Requests that the network brought twice, and whose proof was refused the second time.
    pub copies_refused: u64,
    /// Sessions of which a thief showed a token, and that are bound to no key.
    pub thefts: u64,
    /// Those that ended by it; how long after the thief's first use.
    pub caught: Vec<Duration>,
    /// Uses of a replaced token that had to be refused, and were.
    pub late_uses_refused: u64,
    /// How long after an end an access token was let in: at the node that had said so, at others, and at others that
    /// were in trouble.
    pub let_in_for: [Duration; 3],
    pub findings: Vec<Finding>,
}

//! What an answer says about the gateway. A refusal that has another form than it should is weak; what
//! reaches the app without a right, or under another's name, is open.

use std::io;

use super::{
    Verdict::{self, Holds, Open, Unseen, Weak},
    caller::Identity,
};
use crate::gateway::{
    request::Request,
    told::{Sum, Told},
    wire::Answer,
};

/// What a request should come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// 401 with the challenge.
    Unauthorized,
    /// This status, with what belongs to it.
    Denied(u16),
    /// The app never sees it.
    Refused,
    /// The app gets it as it was sent, and knows who sent it.
    Served,
    /// Where the app gets it, it knows who sent it.
    Known,
}

/// What there is to judge by.
pub struct Sight<'a> {
    /// What was asked.
    pub request: &'a Request,
    /// The path and query of it.
    pub path: &'a str,
    /// Who asked.
    pub identity: Option<&'a Identity>,
    /// Whether the app behind tells what reaches it.
    pub has_echo: bool,
}

impl Wanted {
    /// Whether the app must not see it.
    pub const fn is_refusal(self) -> bool {
        matches!(self, Self::Unauthorized | Self::Denied(_) | Self::Refused)
    }

    /// Whether it is tried with a token.
    pub const fn needs_caller(self) -> bool {
        !self.is_refusal()
    }
}

impl Sight<'_> {
    /// The verdict and what was seen.
    pub fn judge(&self, wanted: Wanted, answer: &io::Result<Answer>) -> (Verdict, String) {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if error.kind() != io::ErrorKind::TimedOut && !matches!(wanted, Wanted::Served) => {
                let is_enough = matches!(wanted, Wanted::Refused | Wanted::Known);
                return (if is_enough { Holds } else { Weak }, format!("hung up: {error}"));
            }
            Err(error) => return (Weak, format!("no answer: {error}")),
        };
        let status = answer.status;
        let reached = reached(answer, self.has_echo);
        match wanted {
            Wanted::Unauthorized => refusal(answer, reached, Some(401)),
            Wanted::Denied(status) => refusal(answer, reached, Some(status)),
            Wanted::Refused => refusal(answer, reached, None),
            Wanted::Known if !reached => (Holds, format!("refused with {status}")),
            Wanted::Served if !reached => (Weak, format!("refused with {status}")),
            Wanted::Known | Wanted::Served => self.service(wanted, answer),
        }
    }

    fn service(&self, wanted: Wanted, answer: &Answer) -> (Verdict, String) {
        let status = answer.status;
        if !self.has_echo {
            return (
                Unseen,
                format!("answered with {status}; `keyward gateway echo` behind it would tell more"),
            );
        }
        if self.request.method == "HEAD" {
            return (Holds, format!("answered with {status}, without a body"));
        }
        let Some(told) = answer.told() else { return (Weak, "what the app told was cut".to_owned()) };
        if let Some(wrong) = self.identity.and_then(|identity| identity.differs(&told)) {
            return (Open, wrong);
        }
        match self.changed(&told).filter(|_| wanted == Wanted::Served) {
            Some(changed) => (Weak, changed),
            None => (Holds, "the app knows who it is".to_owned()),
        }
    }

    /// What reached the app in another form than it was sent.
    fn changed(&self, told: &Told) -> Option<String> {
        if told.method != self.request.method {
            return Some(format!("the app got {} for {}", told.method, self.request.method));
        }
        if told.target != self.path {
            return Some(format!("the app got {} for {}", told.target, self.path));
        }
        let (bytes, sha256) = Sum::of(&self.request.body);
        if (told.bytes, &told.sha256) != (bytes, &sha256) {
            return Some(format!("the app got {} bytes for {bytes}, or others", told.bytes));
        }
        None
    }
}

/// Whether the app gave the answer. Where it does not mark its answers, every success counts as its.
pub fn reached(answer: &Answer, has_echo: bool) -> bool {
    answer.is_echo() || !has_echo && (answer.status < 300)
}

fn refusal(answer: &Answer, reached: bool, wanted: Option<u16>) -> (Verdict, String) {
    let status = answer.status;
    if reached {
        return (Open, format!("let in: the app answered with {status}"));
    }
    match wanted {
        None if status < 400 => (Weak, format!("answered with {status}, by nobody knows whom")),
        Some(wanted) if wanted != status => (Weak, format!("{status} in place of {wanted}")),
        Some(401) if !is_challenge(answer) => (Weak, "401 without one WWW-Authenticate: Bearer".to_owned()),
        Some(429 | 503) if answer.one("retry-after").is_none() => {
            (Weak, format!("{status} without Retry-After"))
        }
        _ => (Holds, format!("refused with {status}")),
    }
}

fn is_challenge(answer: &Answer) -> bool {
    answer.one("www-authenticate").is_some_and(|challenge| challenge.starts_with("Bearer "))
}

//! What an answer says about the gateway. A refusal that has another form than it should is weak; what
//! reaches the app without a right, or under another's name, is open.

use std::io;

use super::{
    Outcome::{self, Holds, Open, Unseen, Weak},
    user::ExpectedIdentity,
};
use crate::gateway::{
    connection::HttpAnswer,
    echo_report::{EchoReport, Sum},
    request::Request,
};

/// What a request should come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expectation {
    /// 401 with the challenge.
    Unauthorized,
    /// 401 with the challenge to show more (RFC 9470).
    Stronger,
    /// This status, with what belongs to it.
    Denied(u16),
    /// The app never sees it.
    Refused,
    /// The app gets it as it was sent, and knows who sent it.
    Served,
    /// Where the app gets it, it knows who sent it.
    Known,
}

/// A request, who sent it, and where to: what its answer is evaluated by.
pub struct Observation<'a> {
    pub request: &'a Request,
    /// The path and query of it.
    pub path: &'a str,
    pub identity: Option<&'a ExpectedIdentity>,
    /// Whether the app behind tells what reaches it.
    pub has_echo: bool,
}

impl Expectation {
    /// Whether the app must not see it.
    pub const fn is_refusal(self) -> bool {
        matches!(self, Self::Unauthorized | Self::Stronger | Self::Denied(_) | Self::Refused)
    }

    /// Whether it is tried with a token.
    pub const fn needs_user(self) -> bool {
        !self.is_refusal()
    }
}

impl Observation<'_> {
    /// The outcome and what was seen.
    pub fn evaluate(&self, expected: Expectation, answer: &io::Result<HttpAnswer>) -> (Outcome, String) {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error)
                if error.kind() != io::ErrorKind::TimedOut && !matches!(expected, Expectation::Served) =>
            {
                let is_enough = matches!(expected, Expectation::Refused | Expectation::Known);
                return (if is_enough { Holds } else { Weak }, format!("hung up: {error}"));
            }
            Err(error) => return (Weak, format!("no answer: {error}")),
        };
        let status = answer.status;
        let reached = reached(answer, self.has_echo);
        match expected {
            Expectation::Unauthorized => refusal(answer, reached, Some(401)),
            Expectation::Stronger => too_weak(answer, reached),
            Expectation::Denied(status) => refusal(answer, reached, Some(status)),
            Expectation::Refused => refusal(answer, reached, None),
            Expectation::Known if !reached => (Holds, format!("refused with {status}")),
            Expectation::Served if !reached => (Weak, format!("refused with {status}")),
            Expectation::Known | Expectation::Served => self.service(expected, answer),
        }
    }

    fn service(&self, expected: Expectation, answer: &HttpAnswer) -> (Outcome, String) {
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
        let Some(report) = answer.echo_report() else {
            return (Weak, "what the app told was cut".to_owned());
        };
        if let Some(wrong) = self.identity.and_then(|identity| identity.differs(&report)) {
            return (Open, wrong);
        }
        match self.changed(&report).filter(|_| expected == Expectation::Served) {
            Some(changed) => (Weak, changed),
            None => (Holds, "the app knows who it is".to_owned()),
        }
    }

    /// What reached the app in another form than it was sent.
    fn changed(&self, report: &EchoReport) -> Option<String> {
        if report.method != self.request.method {
            return Some(format!("the app got {} for {}", report.method, self.request.method));
        }
        if report.target != self.path {
            return Some(format!("the app got {} for {}", report.target, self.path));
        }
        let (bytes, sha256) = Sum::of(&self.request.body);
        if (report.bytes, &report.sha256) != (bytes, &sha256) {
            return Some(format!("the app got {} bytes for {bytes}, or others", report.bytes));
        }
        None
    }
}

/// Whether the app gave the answer. Where it does not mark its answers, every success counts as its.
pub fn reached(answer: &HttpAnswer, has_echo: bool) -> bool {
    answer.is_echo() || !has_echo && (answer.status < 300)
}

fn refusal(answer: &HttpAnswer, reached: bool, expected: Option<u16>) -> (Outcome, String) {
    let status = answer.status;
    if reached {
        return (Open, format!("let in: the app answered with {status}"));
    }
    match expected {
        None if status < 400 => (Weak, format!("answered with {status}; by whom cannot be told")),
        Some(expected) if expected != status => (Weak, format!("{status} in place of {expected}")),
        Some(401) if !is_challenge(answer) => (Weak, "401 without one WWW-Authenticate: Bearer".to_owned()),
        Some(429 | 503) if answer.one("retry-after").is_none() => {
            (Weak, format!("{status} without Retry-After"))
        }
        _ => (Holds, format!("refused with {status}")),
    }
}

/// As with no credential; and a client that is not told why would sign in anew, or give up.
fn too_weak(answer: &HttpAnswer, reached: bool) -> (Outcome, String) {
    let says_why = answer
        .one("www-authenticate")
        .is_some_and(|challenge| challenge.contains(r#"error="insufficient_user_authentication""#));
    match refusal(answer, reached, Some(401)) {
        (Holds, _) if !says_why => (Weak, "401 without insufficient_user_authentication".to_owned()),
        outcome => outcome,
    }
}

fn is_challenge(answer: &HttpAnswer) -> bool {
    answer.one("www-authenticate").is_some_and(|challenge| challenge.starts_with("Bearer "))
}

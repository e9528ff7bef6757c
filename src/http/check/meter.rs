//! What is counted of checks, with handles that are looked up once: a check is on every request of everybody's users.

use std::time::Instant;

use axum::http::StatusCode;
use metrics::{Counter, Histogram};

use super::verdict::Verdict;
use crate::measures::{
    GRANTED, OTHER, Values,
    table::{CHECK_DURATION, CHECKS, HTTP_REQUESTS},
};

/// What the verdicts on all doors are counted by.
pub struct CheckMeter {
    granted: Counter,
    refused: Vec<(&'static str, Counter)>,
    other: Counter,
    durations: Histogram,
    pub(super) ext_authz: CheckStatuses,
}

impl CheckMeter {
    #[must_use]
    pub fn new() -> Self {
        let refused = match CHECKS.labels {
            [label] => match label.values {
                Values::Of(codes) => codes.iter().map(|code| (*code, CHECKS.counter(&[code]))).collect(),
                Values::Fixed(_) => Vec::new(),
            },
            _ => Vec::new(),
        };
        let (granted, other) = (CHECKS.counter(&[GRANTED]), CHECKS.counter(&[OTHER]));
        Self {
            granted,
            refused,
            other,
            durations: CHECK_DURATION.histogram(&[]),
            ext_authz: CheckStatuses::of("ext_authz"),
        }
    }

    pub(super) fn note(&self, verdict: &Verdict, began: Instant) {
        let counter = match verdict {
            Verdict::LetIn { .. } => &self.granted,
            Verdict::Refused(refusal) => {
                let known = self.refused.iter().find(|(code, _)| *code == refusal.code);
                known.map_or(&self.other, |(_, counter)| counter)
            }
        };
        counter.increment(1);
        self.durations.record(began.elapsed());
    }
}

impl Default for CheckMeter {
    fn default() -> Self {
        Self::new()
    }
}

/// The check's part of `keyward_http_requests_total`.
pub(super) struct CheckStatuses([(StatusCode, Counter); 5]);

impl CheckStatuses {
    pub(super) fn of(route: &'static str) -> Self {
        let statuses = [
            (StatusCode::OK, "200"),
            (StatusCode::UNAUTHORIZED, "401"),
            (StatusCode::FORBIDDEN, "403"),
            (StatusCode::TOO_MANY_REQUESTS, "429"),
            (StatusCode::SERVICE_UNAVAILABLE, "503"),
        ];
        Self(statuses.map(|(status, text)| (status, HTTP_REQUESTS.counter(&[route, text]))))
    }

    pub(super) fn count(&self, status: StatusCode) {
        if let Some((_, counter)) = self.0.iter().find(|(counted, _)| *counted == status) {
            counter.increment(1);
        }
    }
}

//! `GET /v1/revocations`: Server-Sent Events (the HTML standard, section 9.2) for verifiers that
//! check tokens by themselves.

use axum::{
    extract::State,
    http::{HeaderMap, header},
    response::{
        IntoResponse, Response,
        sse::{Event, Sse},
    },
};
use futures_util::stream;
use serde::Serialize;
use serde_json::json;

use crate::{
    auth::revocations::{HEARTBEAT, News, Notice},
    domain::session::EndReason,
    http::{
        Shared,
        wire::{app_caller::AppCaller, problem::Problem},
    },
};

pub async fn follow(
    State(http): State<Shared>,
    AppCaller(app): AppCaller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let after = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let watch = http.auth.watch_revocations(app, after).await?;
    let events = stream::unfold(watch, async |mut watch| {
        let news = watch.next().await?;
        Some((event(&news), watch))
    });
    // nginx would keep events back otherwise.
    let headers = [(header::CACHE_CONTROL.as_str(), "no-store"), ("x-accel-buffering", "no")];
    Ok((headers, Sse::new(events)).into_response())
}

fn event(news: &News) -> Result<Event, axum::Error> {
    match news {
        News::Snapshot { first, entries, at } => {
            let entries = entries.iter().map(Shape::of).collect();
            let part = Part { first: *first, last: at.is_some(), entries };
            let event = Event::default().event("snapshot");
            at.iter().fold(event, Event::id).json_data(part)
        }
        News::Change { entry, at } => {
            let name = if entry.until == 0 { "restored" } else { "revoked" };
            Event::default().event(name).id(at).json_data(Shape::of(entry))
        }
        News::Status { following, good_for } => Event::default().event("status").json_data(json!({
            "following": following,
            "good_for": good_for.as_secs(),
            "heartbeat": HEARTBEAT.as_secs(),
        })),
    }
}

#[derive(Serialize)]
struct Part<'a> {
    first: bool,
    last: bool,
    entries: Vec<Shape<'a>>,
}

#[derive(Serialize)]
struct Shape<'a> {
    claim: &'a str,
    value: &'a str,
    until: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_before: Option<i64>,
}

impl<'a> Shape<'a> {
    fn of(entry: &'a Notice) -> Self {
        let Notice { claim, value, until, reason, issued_before } = entry;
        let reason = reason.map(EndReason::as_str);
        Self { claim, value, until: *until, reason, issued_before: *issued_before }
    }
}

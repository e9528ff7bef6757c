//! `GET /v1/revocations`: Server-Sent Events (the HTML standard, section 9.2) for verifiers that
//! check tokens by themselves.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, header},
    response::sse::{Event, Sse},
};
use futures_util::{Stream, stream};

use crate::{
    answers::{FeedStatus, Revocation, RevocationSnapshot},
    auth::revocations::{HEARTBEAT, News},
    http::{
        Shared,
        wire::{app_caller::AppCaller, problem::Problem},
    },
};

const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");

pub async fn follow(
    State(http): State<Shared>,
    AppCaller(app): AppCaller,
    headers: HeaderMap,
) -> Result<([(HeaderName, &'static str); 2], Sse<impl Stream<Item = Result<Event, axum::Error>>>), Problem> {
    let after = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let watch = http.auth.watch_revocations(app, after).await?;
    let events = stream::unfold(watch, async |mut watch| {
        let event = watch.next().await?;
        Some((sent(event), watch))
    });
    // nginx would keep events back otherwise.
    Ok(([(header::CACHE_CONTROL, "no-store"), (UNBUFFERED, "no")], Sse::new(events)))
}

fn sent(event: News) -> Result<Event, axum::Error> {
    match event {
        News::Snapshot { first, entries, at } => {
            let entries = entries.into_iter().map(Revocation::from).collect();
            let part = RevocationSnapshot { first, last: at.is_some(), entries };
            let event = Event::default().event("snapshot");
            at.iter().fold(event, Event::id).json_data(part)
        }
        News::Change { entry, at } => {
            let name = if entry.until == 0 { "restored" } else { "revoked" };
            Event::default().event(name).id(at).json_data(Revocation::from(entry))
        }
        News::Status { following, good_for } => Event::default().event("status").json_data(FeedStatus {
            following,
            good_for: good_for.as_secs(),
            heartbeat: HEARTBEAT.as_secs(),
        }),
    }
}

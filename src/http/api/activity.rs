//! What happened to one's own account.

use axum::extract::{Query, State, rejection::QueryRejection};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    answers::{OwnEvent, OwnEvents},
    domain::event::EventId,
    http::{
        Shared,
        wire::{body::Json, caller::SignedIn, problem::Problem},
    },
};

/// How many events a page has when the client does not say, and at most.
const USUAL: u32 = 100;
const MOST: u32 = 1000;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OwnEventsQuery {
    /// How many at most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

pub async fn list(
    State(http): State<Shared>,
    SignedIn(caller): SignedIn,
    query: Result<Query<OwnEventsQuery>, QueryRejection>,
) -> Result<Json<OwnEvents>, Problem> {
    let wanted = format!("limit is 1 to {MOST}, and cursor is what the page before said");
    let Query(query) = query.map_err(|_| Problem::invalid_request(wanted.as_str()))?;
    let limit = query.limit.unwrap_or(USUAL);
    let before = query.cursor.map(|cursor| cursor.parse::<EventId>()).transpose();
    let before = before.ok().filter(|_| (1..=MOST).contains(&limit));
    let before = before.ok_or_else(|| Problem::invalid_request(wanted.as_str()))?;
    let page = http.auth.own_events(&caller, before, limit).await?;
    let events = page.events.iter().map(|event| OwnEvent::new(event, caller.user())).collect();
    Ok(Json(OwnEvents { events, next_cursor: page.next.map(|next| next.to_string()) }))
}

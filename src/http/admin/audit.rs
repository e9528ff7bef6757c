//! What happened, the newest first.

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{caller::MayRead, page};
use crate::{
    answers::{Event, Events},
    domain::{
        clock::Timestamp,
        event::{EventFilter, EventId, EventKind},
        ids::{SessionId, UserId},
    },
    http::{
        Shared,
        wire::{
            body::{Json, member},
            problem::Problem,
            query::StrictQuery,
        },
    },
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct AuditQuery {
    /// An id.
    user: Option<String>,
    /// An id.
    session: Option<String>,
    kind: Option<String>,
    /// RFC 3339.
    #[param(format = DateTime)]
    since: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

impl AuditQuery {
    fn parse(&self) -> Result<EventFilter, Problem> {
        let since = self.since.as_deref().map(|text| Timestamp::parse_rfc3339(text).ok_or("takes RFC 3339"));
        Ok(EventFilter {
            user: member("user", self.user.as_deref().map(str::parse::<UserId>).transpose())?,
            session: member("session", self.session.as_deref().map(str::parse::<SessionId>).transpose())?,
            kind: member("kind", self.kind.as_deref().map(str::parse::<EventKind>).transpose())?,
            since: member("since", since.transpose())?,
        })
    }
}

pub async fn list(
    State(http): State<Shared>,
    _: MayRead,
    StrictQuery(asked): StrictQuery<AuditQuery>,
) -> Result<Json<Events>, Problem> {
    let (filter, limit) = (asked.parse()?, page::limit(asked.limit)?);
    let before = page::cursor::<EventId>(asked.cursor.as_deref())?;
    let page = http.auth.events(&filter, before, limit).await?;
    let names = http.auth.usernames(page.events.iter().filter_map(|event| event.user)).await?;
    let events = page.events.iter().map(|event| {
        let name = event.user.and_then(|user| names.get(&user).cloned());
        Event::new(event, name)
    });
    Ok(Json(Events { events: events.collect(), next_cursor: page.next.map(|next| next.to_string()) }))
}

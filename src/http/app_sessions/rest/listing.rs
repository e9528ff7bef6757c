//! A listing without an end in sight, as the interface has it: sent page by page, so that a million
//! sessions take no more memory than one page.

use std::{future::ready, mem, time::Duration};

use axum::{
    body::Body,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt, stream};

use super::shapes::SessionShape;
use crate::{
    auth::error::AuthError,
    domain::{app::AppName, app_session::AppUser, cursor::Cursor},
    http::{Shared, wire::problem::Problem},
};

/// How many sessions are read at once.
const PAGE: u32 = 500;

/// Which sessions of an app.
pub enum Listing {
    /// A user's.
    OfUser(AppUser),
    /// Those active within a span.
    ActiveWithin(Duration),
}

/// What is still to be read.
struct Reader {
    http: Shared,
    app: AppName,
    listing: Listing,
    after: Option<Cursor>,
    has_begun: bool,
    is_over: bool,
}

/// Answers with the whole listing. The first page is read before the answer begins, so that a store
/// that is away is still said in the status; a later failure cuts the answer off.
pub async fn stream(http: Shared, app: AppName, listing: Listing) -> Result<Response, Problem> {
    let mut reader = Reader { http, app, listing, after: None, has_begun: false, is_over: false };
    let opening = format!(r#"{{"sessions":[{}"#, reader.next().await?);
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    if reader.is_over {
        return Ok((headers, opening).into_response());
    }
    let first = stream::once(ready(Ok(opening)));
    let rest = stream::try_unfold(reader, async |mut reader: Reader| {
        if reader.is_over {
            return Ok::<_, AuthError>(None);
        }
        Ok(Some((reader.next().await?, reader)))
    });
    Ok((headers, Body::from_stream(first.chain(rest))).into_response())
}

impl Reader {
    /// The text of the next page, closed if it is the last.
    async fn next(&mut self) -> Result<String, AuthError> {
        let Self { http, app, listing, .. } = &*self;
        let after = self.after.as_ref();
        let page = match listing {
            Listing::OfUser(user) => http.auth.app_sessions_of_user(app, user, after, PAGE).await?,
            Listing::ActiveWithin(span) => http.auth.active_app_sessions(app, *span, after, PAGE).await?,
        };
        let now = http.auth.now();
        let mut text = String::new();
        for session in &page.sessions {
            if mem::replace(&mut self.has_begun, true) {
                text.push(',');
            }
            text += &serde_json::to_string(&SessionShape::of(session, now)).unwrap_or_default();
        }
        self.after = page.next;
        self.is_over = self.after.is_none();
        if self.is_over {
            text += "]}";
        }
        Ok(text)
    }
}

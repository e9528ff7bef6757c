//! A listing without an end in sight, as the interface has it: sent page by page, so that a million
//! sessions take no more memory than one page.

use std::{future::ready, mem};

use axum::{
    body::Body,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt, stream};

use crate::{
    answers::RestSession,
    auth::{app_sessions::Selection, error::AuthError},
    domain::{app::AppName, causes::Causes, cursor::Cursor},
    http::{Shared, wire::problem::Problem},
};

/// How many sessions are read at once.
const PAGE: u32 = 500;

/// What is still to be read and sent.
struct Unsent {
    http: Shared,
    app: AppName,
    which: Selection,
    after: Option<Cursor>,
    has_begun: bool,
    is_over: bool,
}

/// Answers with the whole listing. The first page is read before the answer begins, so that a store
/// that is away is still said in the status; a later failure cuts the answer off.
pub async fn stream(http: Shared, app: AppName, which: Selection) -> Result<Response, Problem> {
    let mut unsent = Unsent { http, app, which, after: None, has_begun: false, is_over: false };
    let opening = format!(r#"{{"sessions":[{}"#, unsent.next().await?);
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    if unsent.is_over {
        return Ok((headers, opening).into_response());
    }
    let first = stream::once(ready(Ok(opening)));
    let rest = stream::try_unfold(unsent, async |mut unsent: Unsent| {
        if unsent.is_over {
            return Ok::<_, AuthError>(None);
        }
        let text = unsent.next().await.inspect_err(|error| {
            tracing::warn!(error = %Causes(error), "a listing of sessions was cut off");
        })?;
        Ok(Some((text, unsent)))
    });
    Ok((headers, Body::from_stream(first.chain(rest))).into_response())
}

impl Unsent {
    /// The text of the next page, closed if it is the last.
    async fn next(&mut self) -> Result<String, AuthError> {
        let auth = &self.http.auth;
        let page = auth.app_sessions(&self.app, &self.which, self.after.as_ref(), PAGE).await?;
        let now = auth.now();
        let mut text = String::new();
        for session in &page.sessions {
            if mem::replace(&mut self.has_begun, true) {
                text.push(',');
            }
            text += &serde_json::to_string(&RestSession::of(session, now)).unwrap_or_default();
        }
        self.after = page.next;
        self.is_over = self.after.is_none();
        if self.is_over {
            text += "]}";
        }
        Ok(text)
    }
}

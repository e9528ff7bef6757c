//! By the check: Keyward is asked about each request (`/v1/check`), and its answer is the answer.

use std::{net::IpAddr, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, Uri, header, request::Parts};
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use crate::{
    credential::{self, Credential},
    feed::Feed,
    identity::{Facts, Identity, now},
    layer::client_address,
    refusal::Refusal,
    transport::Http,
};

const METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");
const CLIENT: HeaderName = HeaderName::from_static("x-forwarded-for");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// What of the request is the check's business. A method that changes something counts with a session cookie only from
/// pages of the app, which browsers say in these.
const HANDED_ON: [HeaderName; 3] = [header::AUTHORIZATION, header::ORIGIN, SEC_FETCH_SITE];

/// A Keyward that is asked.
#[derive(Debug)]
pub(crate) struct Check {
    pub http: Http,
    pub uri: Uri,
    pub patience: Duration,
    /// Tells of ends between two requests.
    pub feed: Option<Arc<Feed>>,
}

/// What the check has verified, and does not say again.
#[derive(Deserialize)]
struct Verified {
    jti: String,
    iat: u64,
    exp: u64,
}

impl Check {
    /// `uri` is the check's, with the route's demands.
    pub(crate) async fn judge(&self, request: &Parts, uri: &Uri) -> Result<Identity, Refusal> {
        let asked_at = now();
        let answer = self.http.get_whole(uri, &question(request), self.patience).await.map_err(|error| {
            tracing::warn!(%error, "Keyward's check does not answer");
            Refusal::away()
        })?;
        if answer.status() != 200 {
            return Err(Refusal::of_check(answer));
        }
        let facts = facts(&answer, &request.headers, asked_at).ok_or_else(|| {
            tracing::warn!("what answers 200 is not Keyward's check");
            Refusal::away()
        })?;
        Ok(Identity::new(Arc::new(facts), self.feed.as_ref(), now()))
    }
}

/// The headers of the question.
fn question(request: &Parts) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    for name in HANDED_ON {
        for value in request.headers.get_all(&name) {
            headers.append(&name, value.clone());
        }
    }
    if let Some(cookies) = credential::session_cookies(&request.headers) {
        headers.insert(header::COOKIE, cookies);
    }
    // In place of what the client says of it: only a `GET` of a gateway's own may report another method.
    let method = HeaderValue::try_from(request.method.as_str());
    headers.insert(METHOD, method.unwrap_or(HeaderValue::from_static("POST")));
    if let Some(client) = client_address(&request.extensions).map(|address: IpAddr| address.to_string())
        && let Ok(client) = HeaderValue::try_from(client)
    {
        headers.insert(CLIENT, client);
    }
    headers
}

/// Who the check says it is; `None` = it says nobody, as anything does that answers 200 to everything.
fn facts(answer: &Response<Bytes>, asked: &HeaderMap, asked_at: u64) -> Option<Facts> {
    let said = |name: &str| {
        let mut values = answer.headers().get_all(name).iter();
        let (value, None) = (values.next()?.to_str().ok()?, values.next()) else { return None };
        percent_decode_str(value).decode_utf8().ok().map(String::from)
    };
    let verified = match Credential::of(asked) {
        Credential::Bearer(token) => Some(Verified::of(token)?),
        _ => None,
    };
    Some(Facts {
        user: said("x-auth-user").filter(|user| !user.is_empty())?,
        username: said("x-auth-username")?,
        session: said("x-auth-session").filter(|session| !session.is_empty())?,
        app: said("x-auth-app")?,
        roles: said("x-auth-roles")?.split(',').filter(|role| !role.is_empty()).map(str::to_owned).collect(),
        issued_at: verified.as_ref().map_or(asked_at, |token| token.iat),
        expires_at: verified.as_ref().map(|token| token.exp),
        token: verified.map(|token| token.jti),
    })
}

impl Verified {
    fn of(token: &str) -> Option<Self> {
        let payload = token.split('.').nth(1)?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use http::{Method, Request};

    use super::*;
    use crate::layer::ClientAddress;

    fn asked(request: http::request::Builder) -> HeaderMap {
        question(&request.body(()).expect("a request").into_parts().0)
    }

    #[test]
    fn what_a_client_says_of_itself_is_not_handed_on() {
        let request = Request::builder().method(Method::DELETE);
        let forged = request.header("X-Forwarded-Method", "GET").header("X-Forwarded-For", "203.0.113.9");
        let forged = forged.header("X-Auth-User", "root").header("Cookie", "theme=dark");
        let headers =
            asked(forged.header("Authorization", "Bearer a").header("Forwarded", "for=203.0.113.9"));
        let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["authorization", "x-forwarded-method"]);
        assert_eq!(headers["x-forwarded-method"], "DELETE");
    }

    #[test]
    fn two_tokens_are_handed_on_as_two() {
        let request =
            Request::builder().header("Authorization", "Bearer a").header("Authorization", "Bearer b");
        assert_eq!(asked(request).get_all("authorization").iter().count(), 2);
    }

    #[test]
    fn the_client_address_is_the_connections_or_the_apps() {
        let address = "2001:db8::1".parse().expect("an address");
        assert_eq!(
            asked(Request::builder().extension(ClientAddress(address)))["x-forwarded-for"],
            "2001:db8::1"
        );
        assert!(!asked(Request::builder()).contains_key("x-forwarded-for"));
    }

    #[test]
    fn who_says_200_to_everything_is_not_believed() {
        let answer = |user: &str| {
            let answer =
                Response::builder().header("x-auth-user", user).header("x-auth-username", "Zo%C3%AB");
            let answer = answer.header("x-auth-session", "s").header("x-auth-app", "default");
            answer.header("x-auth-roles", "a,b").body(Bytes::new()).expect("an answer")
        };
        let known = facts(&answer("u"), &HeaderMap::new(), 7).expect("facts");
        assert_eq!(
            (&*known.username, known.roles, known.issued_at),
            ("Zoë", vec!["a".into(), "b".into()], 7)
        );
        assert!(facts(&answer(""), &HeaderMap::new(), 7).is_none());
        assert!(facts(&Response::new(Bytes::new()), &HeaderMap::new(), 7).is_none());
    }
}

//! By the check: Keyward is asked about each request (`/v1/check`), and its answer is the answer.

use std::{net::IpAddr, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, Uri, header, request::Parts};
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use crate::{
    credential::{self, Credential},
    feed::Feed,
    identity::{Admitted, Facts, Token},
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
    sub: String,
    sid: String,
    jti: String,
    iat: u64,
    exp: u64,
    acr: Option<String>,
    #[serde(default)]
    amr: Vec<String>,
    #[serde(default)]
    auth_time: u64,
}

impl Check {
    /// `uri` is the check's, with the route's demands.
    pub(crate) async fn judge(&self, request: &Parts, uri: &Uri) -> Result<Admitted, Refusal> {
        // What is heard from now on is news; what was heard before, the check knows.
        let since = self.feed.as_ref().map_or(0, |feed| feed.known().heard());
        let answer = self.http.get_whole(uri, &question(request), self.patience).await.map_err(|error| {
            tracing::warn!(%error, check = %self.uri, "Keyward's check does not answer");
            Refusal::away()
        })?;
        let facts = match answer.status().as_u16() {
            200 => facts(&answer, &request.headers),
            // Headers that Keyward does not even read are no credential.
            431 => return Err(Refusal::malformed()),
            _ => return Refusal::of_check(answer).map_or_else(|other| Err(self.is_not_it(other)), Err),
        };
        let facts = facts.ok_or_else(|| self.is_not_it(200))?;
        Ok(Admitted { facts: Arc::new(facts), feed: self.feed.clone(), since })
    }

    fn is_not_it(&self, status: u16) -> Refusal {
        tracing::warn!(status, check = %self.uri, "what answers at that address is not Keyward's check");
        Refusal::away()
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
    // In place of what the client says of it: only a `GET` of a gateway's own may report another method. Who has opened
    // a WebSocket may do anything with it, so a foreign page must not: it counts by its method in HTTP/2 (RFC 8441).
    let is_socket = credential::asks_for_socket(&request.headers);
    let method = if is_socket { Method::CONNECT } else { request.method.clone() };
    let method = HeaderValue::try_from(method.as_str());
    headers.insert(METHOD, method.unwrap_or(HeaderValue::from_static("POST")));
    if let Some(client) = client_address(&request.extensions).map(|address: IpAddr| address.to_string())
        && let Ok(client) = HeaderValue::try_from(client)
    {
        headers.insert(CLIENT, client);
    }
    headers
}

/// Who the check says it is; `None` = it says nobody, as anything does that answers 200 to everything, or somebody else
/// than the token.
fn facts(answer: &Response<Bytes>, asked: &HeaderMap) -> Option<Facts> {
    let said = |name: &str| {
        let mut values = answer.headers().get_all(name).iter();
        let (value, None) = (values.next()?.to_str().ok()?, values.next()) else { return None };
        percent_decode_str(value).decode_utf8().ok().map(String::from)
    };
    let user = said("x-auth-user").filter(|user| !user.is_empty())?;
    let session = said("x-auth-session").filter(|session| !session.is_empty())?;
    let token = match Credential::of(asked) {
        Credential::Bearer(token) => Some(Verified::of(token)?.of_whom(&user, &session)?),
        _ => None,
    };
    Some(Facts {
        username: said("x-auth-username")?,
        app: said("x-auth-app")?,
        roles: said("x-auth-roles")?.split(',').filter(|role| !role.is_empty()).map(str::to_owned).collect(),
        user,
        session,
        token,
    })
}

impl Verified {
    fn of(token: &str) -> Option<Self> {
        let payload = token.split('.').nth(1)?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
    }

    fn of_whom(self, user: &str, session: &str) -> Option<Token> {
        (self.sub == user && self.sid == session).then(|| Token {
            id: self.jti,
            issued_at: self.iat,
            expires_at: self.exp,
            acr: self.acr.unwrap_or_else(|| "1".to_owned()),
            amr: self.amr,
            auth_time: self.auth_time,
        })
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

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
    fn a_web_socket_may_do_anything() {
        let asked = |protocol: &str| {
            asked(Request::builder().header("Upgrade", protocol))["x-forwarded-method"].clone()
        };
        for protocol in ["websocket", "WebSocket", "h2c, websocket"] {
            assert_eq!(asked(protocol), "CONNECT", "{protocol}");
        }
        assert_eq!(asked("h2c"), "GET");
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
        let known = facts(&answer("u"), &HeaderMap::new()).expect("facts");
        assert_eq!((&*known.username, known.roles), ("Zoë", vec!["a".into(), "b".into()]));
        assert!(facts(&answer(""), &HeaderMap::new()).is_none());
        assert!(facts(&Response::new(Bytes::new()), &HeaderMap::new()).is_none());
        // A cache in between, say, that gives one user's answer to another.
        let by_token = |sub: &str| {
            let claims =
                URL_SAFE_NO_PAD.encode(format!(r#"{{"sub":"{sub}","sid":"s","jti":"j","iat":1,"exp":2}}"#));
            let bearer = HeaderValue::try_from(format!("Bearer e30.{claims}.sig")).expect("a header");
            facts(&answer("u"), &HeaderMap::from_iter([(header::AUTHORIZATION, bearer)]))
        };
        assert!(by_token("u").is_some_and(|facts| facts.token.is_some()));
        assert!(by_token("another").is_none());
    }
}

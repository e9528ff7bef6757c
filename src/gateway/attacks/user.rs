//! Somebody whom Keyward knows: signs in, says who that is, and signs out again.

use std::fmt;

use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::{
    domain::secret::Password,
    gateway::{
        connection::HttpAnswer, echo_report::EchoReport, error::GatewayError, request::Request,
        target::Target,
    },
};

/// The headers by which an app knows who asks (contract 2.2).
pub const IDENTITY: [&str; 5] =
    ["X-Auth-User", "X-Auth-Username", "X-Auth-Session", "X-Auth-App", "X-Auth-Roles"];

/// What the app must be told, in the order of [`IDENTITY`].
#[derive(Debug)]
pub struct ExpectedIdentity([String; 5]);

/// A user with an access token.
pub struct TestUser {
    keyward: Target,
    token: Zeroizing<String>,
    cookie: Result<Zeroizing<String>, String>,
    identity: ExpectedIdentity,
    limit: u32,
}

impl TestUser {
    pub async fn sign_in(keyward: Target, username: &str, password: &Password) -> Result<Self, GatewayError> {
        let answer = login(&keyward, username, password, "body").await?;
        let refused =
            || GatewayError::Refused(format!("Keyward does not sign {username} in: {}", why(&answer)));
        let body: Value = serde_json::from_slice(&answer.body).map_err(|_| refused())?;
        let token = body["access_token"].as_str().ok_or_else(refused)?.to_owned();
        let cookie = login(&keyward, username, password, "session").await?;
        let mut pairs = cookie.all("set-cookie").filter_map(|line| line.split(';').next());
        let pair = pairs.find(|pair| pair.contains("keyward-session="));
        let pair = pair.map(|pair| Zeroizing::new(pair.to_owned())).ok_or_else(|| why(&cookie));
        Self::known(keyward, token, pair).await
    }

    /// Somebody who has signed in already.
    pub async fn with_token(keyward: Target, token: &str) -> Result<Self, GatewayError> {
        let cookie = Err("only with a user name and a password".to_owned());
        Self::known(keyward, token.to_owned(), cookie).await
    }

    async fn known(
        keyward: Target,
        token: String,
        cookie: Result<Zeroizing<String>, String>,
    ) -> Result<Self, GatewayError> {
        let answer = ask(&keyward, &Request::new("GET", "/v1/check").bearer(&token)).await?;
        if answer.status != 200 {
            return Err(GatewayError::Refused(format!("Keyward does not take the token: {}", why(&answer))));
        }
        let identity = ExpectedIdentity(IDENTITY.map(|name| answer.one(name).unwrap_or("").to_owned()));
        let policy = answer.one("ratelimit-policy").unwrap_or("");
        let limit = policy.split(";q=").nth(1).and_then(|rest| rest.split(';').next());
        let limit = limit.and_then(|limit| limit.parse().ok()).unwrap_or(u32::MAX);
        Ok(Self { keyward, token: Zeroizing::new(token), cookie, identity, limit })
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// A session cookie, as a browser sends it; or why there is none.
    pub(super) fn cookie(&self) -> Result<&str, &str> {
        self.cookie.as_ref().map(|cookie| cookie.as_str()).map_err(String::as_str)
    }

    pub(super) const fn identity(&self) -> &ExpectedIdentity {
        &self.identity
    }

    /// How many checks the session has in one window.
    pub(super) const fn limit(&self) -> u32 {
        self.limit
    }

    /// Asks the check itself, and says whether that was once too often.
    pub(super) async fn is_over_the_limit(&self) -> Result<bool, GatewayError> {
        let answer = ask(&self.keyward, &Request::new("GET", "/v1/check").bearer(&self.token)).await?;
        Ok(answer.status == 429)
    }

    pub(super) async fn sign_out(&self) -> Result<(), GatewayError> {
        let mut requests = vec![Request::new("POST", "/v1/logout").bearer(&self.token)];
        if let Ok(cookie) = self.cookie() {
            let request = Request::new("POST", "/v1/logout").line("Sec-Fetch-Site: same-origin");
            requests.push(request.line(format!("Cookie: {cookie}")));
        }
        for request in requests {
            let answer = ask(&self.keyward, &request).await?;
            if answer.status != 204 {
                return Err(GatewayError::Refused(format!("Keyward does not sign out: {}", why(&answer))));
            }
        }
        Ok(())
    }
}

impl ExpectedIdentity {
    /// Of a request that is let in without a credential.
    pub fn nobody() -> Self {
        Self([const { String::new() }; 5])
    }

    /// What the app was told that is not so. Two spellings of a name are one where an app reads its
    /// headers from an environment, as with CGI.
    pub fn differs(&self, report: &EchoReport) -> Option<String> {
        IDENTITY.iter().zip(&self.0).find_map(|(name, value)| {
            let is_it = |header: &str| header.replace('_', "-").eq_ignore_ascii_case(name);
            let values =
                report.headers.iter().filter(|(header, _)| is_it(header)).map(|(_, value)| value.as_str());
            let values: Vec<&str> = values.collect();
            let is_right = values == [value] || value.is_empty() && values.is_empty();
            (!is_right).then(|| format!("the app is told {name}: {values:?}, and it is {value:?}"))
        })
    }
}

impl fmt::Debug for TestUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestUser").field("identity", &self.identity).finish_non_exhaustive()
    }
}

async fn login(
    keyward: &Target,
    username: &str,
    password: &Password,
    transport: &str,
) -> Result<HttpAnswer, GatewayError> {
    let body = json!({
        "username": username, "password": password.expose(), "transport": transport,
        "device": "keyward gateway test",
    });
    let request = Request::new("POST", "/v1/login").line("Content-Type: application/json");
    let request = request.line("Sec-Fetch-Site: same-origin").body(body.to_string());
    ask(keyward, &request).await
}

async fn ask(keyward: &Target, request: &Request) -> Result<HttpAnswer, GatewayError> {
    keyward.ask(request).await.map_err(|error| GatewayError::Away(keyward.origin.clone(), error))
}

/// What Keyward said, in one line.
fn why(answer: &HttpAnswer) -> String {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    body["detail"].as_str().map_or_else(|| format!("it answers {}", answer.status), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forged_name_is_seen_in_every_spelling() {
        let identity = ExpectedIdentity(["u", "anna", "s", "default", ""].map(str::to_owned));
        let report = |more: &[(&str, &str)]| {
            let right = [("x-auth-user", "u"), ("x-auth-username", "anna"), ("x-auth-session", "s")];
            let headers = right.iter().chain(&[("x-auth-app", "default")]).chain(more);
            let headers = headers.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let none = String::new;
            let (method, target, version, sha256) = (none(), none(), none(), none());
            EchoReport { method, target, version, headers, bytes: 0, sha256, probes: Vec::new() }
        };
        for good in [&[][..], &[("x-auth-roles", "")], &[("x-other", "forged")]] {
            assert_eq!(identity.differs(&report(good)), None);
        }
        for name in ["x-auth-roles", "x-auth-user", "x_auth_user", "x-auth_app", "x_auth_roles"] {
            assert!(identity.differs(&report(&[(name, "forged")])).is_some(), "{name}");
        }
        let nobody = ExpectedIdentity(["", "", "", "", ""].map(str::to_owned));
        assert!(nobody.differs(&report(&[])).is_some());
    }
}

//! The accounts that people sign in to: several have one, and each has a passkey.

use serde_json::{Value, json};

use crate::support::authenticator::Authenticator;

/// Whoever signs in is one of these.
pub const USERS: [&str; 4] = ["anna", "bert", "cleo", "dora"];
pub const PASSWORD: &str = "seven words make a fine passphrase indeed";

/// Has each of them set one up, at a node that is well.
pub async fn with_passkeys(url: &str) -> Vec<Authenticator> {
    let mut passkeys = Vec::new();
    for user in USERS {
        let login = json!({ "username": user, "password": PASSWORD });
        let tokens = post(url, "/v1/login", "", &login).await;
        let access = tokens["access_token"].as_str().expect("a token");
        let options = post(url, "/v1/factors/passkeys", access, &json!({})).await;
        let domain = options["public_key"]["rp"]["id"].as_str().expect("a domain");
        let mut passkey = Authenticator::es256(domain, url);
        let made = json!({ "passkey": passkey.create(&options["public_key"]) });
        post(url, "/v1/factors/passkeys/confirm", access, &made).await;
        passkeys.push(passkey);
    }
    passkeys
}

async fn post(url: &str, path: &str, access: &str, body: &Value) -> Value {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let asked = client.post(format!("{url}{path}")).bearer_auth(access).json(body);
    let answer = asked.send().await.expect("an answer");
    assert!(answer.status().is_success(), "{path}: {answer:?}");
    answer.json().await.expect("JSON")
}

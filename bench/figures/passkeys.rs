//! What a sign-in by a passkey alone takes: the question, the answer and the session, and no password's hash.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::{
    authenticator::Authenticator,
    common::figure::Figure,
    server::{PASSWORD, Server},
};

const DOMAIN: &str = "example.com";
const ORIGIN: &str = "https://auth.example.com";
const TIME: Duration = Duration::from_secs(4);
const AT_ONCE: usize = 8;
const CPU: &str = "process_cpu_seconds_total";

pub async fn measure() -> Vec<Figure> {
    let home = tempfile::tempdir().expect("a folder");
    let settings = [("KEYWARD_SERVER_PUBLIC_URL", ORIGIN), ("KEYWARD_ACCOUNTS_PASSKEY_RP_ID", DOMAIN)];
    let server = Server::start(home.path(), &settings);
    let asks = async |client: &reqwest::Client| {
        let answer = client.get(server.url("/healthz")).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
    };
    let (a_second, micros) = rate(&server, asks).await;
    let mut figures = figures("requests that do nothing", a_second, micros);
    for (algorithm, make) in [
        ("ES256", Authenticator::es256 as fn(&str, &str) -> Authenticator),
        ("EdDSA", Authenticator::ed25519),
        ("RS256", Authenticator::rs256),
    ] {
        let mut key = make(DOMAIN, ORIGIN);
        enrol(&server, algorithm, &mut key).await;
        let (a_second, micros) = rate(&server, async |client| sign_in(&server, client, &key).await).await;
        figures.extend(self::figures(&format!("sign-ins by a passkey of {algorithm}"), a_second, micros));
    }
    figures
}

fn figures(what: &str, a_second: f64, micros: f64) -> Vec<Figure> {
    vec![
        Figure::new(format!("{what}, a second, {AT_ONCE} at once"), format!("{a_second:.0}")),
        Figure::new(format!("{what}, CPU of the server for one"), format!("{micros:.0} µs")),
    ]
}

async fn enrol(server: &Server, name: &str, key: &mut Authenticator) {
    server.add(name);
    let client = reqwest::Client::new();
    let tokens: Value = server.login(&client, name, PASSWORD).await.json().await.expect("tokens");
    let access = tokens["access_token"].as_str().expect("a token");
    let post = async |path: &str, body: Value| {
        let asked = client.post(server.url(path)).bearer_auth(access).json(&body);
        asked.send().await.expect("an answer").error_for_status().expect("a 200")
    };
    let asked: Value = post("/v1/factors/passkeys", json!({})).await.json().await.expect("options");
    let made = key.create(&asked["public_key"]);
    post("/v1/factors/passkeys/confirm", json!({ "passkey": made })).await;
}

async fn sign_in(server: &Server, client: &reqwest::Client, key: &Authenticator) {
    let begun = client.post(server.url("/v1/login/passkey")).json(&json!({})).send().await;
    let begun: Value = begun.expect("an answer").json().await.expect("options");
    let shown = key.get(&begun["public_key"]);
    let body = json!({ "mfa_token": begun["mfa_token"], "passkey": shown });
    let answered = client.post(server.url("/v1/login/answer")).json(&body).send().await;
    let answered = answered.expect("an answer");
    assert_eq!(answered.status(), 200);
    answered.bytes().await.expect("tokens");
}

/// How often that is done in a second by callers who do it one time after the other, and the microseconds of the
/// server's processor time for once.
async fn rate(server: &Server, one: impl AsyncFn(&reqwest::Client)) -> (f64, f64) {
    let (before, begun) = (server.metric(CPU).await, Instant::now());
    let one = &one;
    let caller = async || {
        let (client, mut done) = (reqwest::Client::new(), 0_u32);
        while begun.elapsed() < TIME {
            one(&client).await;
            done += 1;
        }
        done
    };
    let done: u32 = join_all((0..AT_ONCE).map(|_| caller())).await.into_iter().sum();
    let (done, took) = (f64::from(done), begun.elapsed().as_secs_f64());
    (done / took, (server.metric(CPU).await - before) / done * 1e6)
}

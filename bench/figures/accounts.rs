//! What it costs that accounts look after themselves: a second factor, and mail.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use totp_rs::{Builder, Secret, Totp};

use crate::{
    common::{
        figure::Figure,
        goals::{Compared, Measured},
        statistics::median,
    },
    millis,
    server::{PASSWORD, Server},
};

const ADDRESS: &str = "bench@example.com";
/// Users with an authenticator app, each of whom signs in once: a code is good once.
const OWNERS: u64 = 100;
const MAILS: u32 = 1_000;

pub async fn measure() -> Vec<Figure> {
    let mut figures = Vec::from(unknown_addresses().await);
    figures.extend(second_factor().await);
    figures.push(mails().await);
    figures
}

async fn unknown_addresses() -> [Figure; 3] {
    let home = tempfile::tempdir().expect("a folder");
    let server = Server::start(home.path(), &[("KEYWARD_RATE_LIMIT_MAILS", "1000000")]);
    server.add_user();
    server.run(&["user", "email", "bench", ADDRESS, "--verified"]);
    let client = reqwest::Client::new();
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for _ in 0..2000 {
        for (address, times) in [(ADDRESS, &mut known), ("nobody@example.com", &mut unknown)] {
            let body = json!({ "identifier": address });
            let asked = client.post(server.url("/v1/password/forgot")).json(&body);
            let begun = Instant::now();
            let answer = asked.send().await.expect("an answer");
            times.push(millis(begun.elapsed()));
            assert_eq!(answer.status(), 202);
        }
    }
    let (known, unknown) = (median(known), median(unknown));
    let ratio = (known / unknown).max(unknown / known);
    let held =
        Measured::new("forgotten password, known and unknown address", Compared::SlowerToFaster, ratio);
    [
        Figure::new("forgotten password, known address, median of 2000", format!("{known:.3} ms")),
        Figure::new("forgotten password, unknown address, median of 2000", format!("{unknown:.3} ms")),
        Figure::held(format!("{:.1} %", (ratio - 1.0) * 100.0), held),
    ]
}

/// Somebody who has signed in, with what an authenticator app of theirs was given.
async fn owner(server: &Server, client: &reqwest::Client, name: &str) -> Totp {
    server.add(name);
    let tokens: Value = server.login(client, name, PASSWORD).await.json().await.expect("tokens");
    let access = tokens["access_token"].as_str().expect("a token");
    let post = async |path: &str, body: Value| {
        let asked = client.post(server.url(path)).bearer_auth(access).json(&body);
        asked.send().await.expect("an answer").error_for_status().expect("a 200")
    };
    let begun: Value = post("/v1/factors/totp", json!({})).await.json().await.expect("a secret");
    let secret = Secret::try_from_base32(begun["secret"].as_str().expect("a secret")).expect("base 32");
    let app = Builder::new().with_secret(secret).build_noncompliant();
    post("/v1/factors/totp/confirm", json!({ "totp": code(&app, -1) })).await;
    app
}

/// The code of now, or so many steps later.
fn code(app: &Totp, steps: i64) -> String {
    let now = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_secs();
    app.generate(now.saturating_add_signed(30 * steps)).to_string()
}

async fn second_factor() -> [Figure; 3] {
    let home = tempfile::tempdir().expect("a folder");
    let server = Server::start(home.path(), &[]);
    server.add_user();
    let client = reqwest::Client::new();
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for number in 0..OWNERS {
        let name = format!("owner{number}");
        let app = owner(&server, &client, &name).await;
        let begun = Instant::now();
        assert_eq!(server.login(&client, "bench", PASSWORD).await.status(), 200);
        without.push(millis(begun.elapsed()));
        let begun = Instant::now();
        let asked: Value = server.login(&client, &name, PASSWORD).await.json().await.expect("a problem");
        let answer = json!({ "mfa_token": asked["mfa_token"], "totp": code(&app, 0) });
        let answered = client.post(server.url("/v1/login/answer")).json(&answer).send().await;
        assert_eq!(answered.expect("an answer").status(), 200);
        with.push(millis(begun.elapsed()));
    }
    let (without, with) = (median(without), median(with));
    [
        Figure::new(format!("sign-in, median of {OWNERS}"), format!("{without:.2} ms")),
        Figure::new(format!("sign-in with TOTP, median of {OWNERS}"), format!("{with:.2} ms")),
        Figure::new("sign-in with TOTP ÷ without", format!("{:.2}", with / without)),
    ]
}

/// From the first question to the last file.
async fn mails() -> Figure {
    let home = tempfile::tempdir().expect("a folder");
    let server = Server::start(home.path(), &[("KEYWARD_RATE_LIMIT_MAILS", "1000000")]);
    server.add_user();
    server.run(&["user", "email", "bench", ADDRESS, "--verified"]);
    let client = reqwest::Client::new();
    let begun = Instant::now();
    for _ in 0..MAILS {
        let asked = client.post(server.url("/v1/password/forgot")).json(&json!({ "identifier": ADDRESS }));
        assert_eq!(asked.send().await.expect("an answer").status(), 202);
    }
    while server.metric(r#"keyward_mails_total{outcome="sent"}"#).await < f64::from(MAILS) {
        assert!(begun.elapsed() < Duration::from_mins(5), "mails are stuck");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let a_second = f64::from(MAILS) / begun.elapsed().as_secs_f64();
    Figure::new(format!("mails a second through the outbox into files, {MAILS}"), format!("{a_second:.0}"))
}

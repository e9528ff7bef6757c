//! Contract 5.3 at the gateways: a part that asks for two factors, as each configuration shows it in a comment.

use std::{fs, path::Path};

use reqwest::Client;
use rstest_reuse::apply;
use serde_json::json;

use super::{
    gateway::{Gateway, Kind, every_gateway},
    site::{Line, Site},
};
use crate::{api::second_factor::enrol, support::outside::actor::Actor};

/// How the words end that stand before the example, and before another one.
const HEADS: [&str; 3] = ["comes back:", "go to both:", "payments above ask:"];
const OTHER: &str = "open to everybody:";

/// Has the example count that the configuration has as a comment.
fn uncomment_example(folder: &Path) {
    let mut count = 0;
    for file in fs::read_dir(folder).expect("a folder") {
        let path = file.expect("an entry").path();
        let (mut is_example, mut text) = (false, String::new());
        for line in fs::read_to_string(&path).expect("UTF-8").lines() {
            is_example &= line.trim_start().starts_with('#') && !line.ends_with(OTHER);
            let line = if is_example { line.replacen("# ", "", 1) } else { line.to_owned() };
            count += usize::from(is_example);
            is_example |= HEADS.iter().any(|head| line.ends_with(head));
            text.extend([&line, "\n"]);
        }
        fs::write(&path, text).expect("written");
    }
    assert!(count > 1, "there is none");
}

/// The status of an answer of the gateway, and the challenge in it.
async fn ask(gateway: &Gateway, path: &str, actor: &Actor) -> (u16, String) {
    let client = Client::builder().no_proxy().build().expect("a client");
    let request = client.get(format!("{}{path}", gateway.url)).bearer_auth(&actor.access);
    let answer = request.send().await.expect("an answer");
    let challenge = answer.headers().get("www-authenticate").map(|line| line.to_str().expect("a text"));
    (answer.status().as_u16(), challenge.unwrap_or_default().to_owned())
}

#[apply(every_gateway)]
#[tokio::test]
async fn a_part_that_asks_for_two_factors_opens_by_a_step_up_alone(kind: Kind) {
    let site = Site::start().await;
    let gateway = Gateway::start_edited(&site.install, kind, site.app.address, uncomment_example);
    let (_, lines) = site.attack(&gateway, &["--forbidden", "/admin/", "--step-up", "/payments/"]);
    let is_known = |line: &&Line| kind == Kind::Traefik && line.attack == "Keyward's own cookies";
    let loose: Vec<_> =
        lines.iter().filter(|line| line.verdict != "holds").filter(|line| !is_known(line)).collect();
    assert!(loose.is_empty(), "{loose:#?}\n{}", gateway.log());
    assert!(lines.iter().any(|line| line.attack == "a path that asks for two factors"), "{lines:#?}");

    let user = site.user().await;
    let (_, codes) = enrol(&user).await;
    let (status, challenge) = ask(&gateway, "/payments/7", &user).await;
    assert_eq!(status, 401, "{challenge}");
    assert!(challenge.contains(r#"acr_values="2""#), "{challenge}");
    let answer = user.post_authorized("/v1/step-up", &json!({ "recovery_code": codes[0] })).await;
    let strong = user.with_access(answer.json()["access_token"].as_str().expect("a token"));
    for (path, status) in [("/payments/7", 200), ("/", 200), ("/admin/", 403)] {
        assert_eq!(ask(&gateway, path, &strong).await.0, status, "{path}");
    }
    assert_eq!(ask(&gateway, "/payments", &user).await.0, 401, "the token of before");
}

/// As it comes, where the operator believes that it does, and where the client is not told how to go on.
#[tokio::test]
async fn a_part_that_asks_for_less_than_it_should_is_found() {
    let site = Site::start().await;
    let verdict = |gateway: &Gateway| {
        let (outcome, lines) = site.attack(gateway, &["--step-up", "/payments/"]);
        let line = lines.into_iter().find(|line| line.attack == "a path that asks for two factors");
        (line.expect("a line").verdict, outcome.code)
    };
    assert_eq!(verdict(&site.gateway(Kind::Nginx)), ("open".to_owned(), Some(1)));
    let mute = "location / { proxy_pass http://app; } location /payments/ { return 401; }
        location /of-nobody {";
    let (verdict, _) = verdict(&site.gateway_with(Kind::Nginx, &[("location / {", mute)]));
    assert_eq!(verdict, "weak");
}

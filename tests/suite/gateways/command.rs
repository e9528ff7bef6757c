//! `keyward gateway test` as a command: with whatever credentials there are, in front of whatever app.

use serde_json::Value;

use super::{
    gateway::{Gateway, Kind},
    site::{PASSWORD, Site, USER},
};
use crate::support::{
    outside::install::{Install, Outcome, free_addresses},
    servers::certificates::Certificates,
};

/// How many lines have each verdict, of those that hold, are weak, open and unseen.
fn verdicts(outcome: &Outcome) -> [usize; 4] {
    let lines: Vec<Value> = serde_json::from_str(&outcome.stdout).unwrap_or_else(|_| panic!("{outcome:?}"));
    ["holds", "weak", "open", "unseen"]
        .map(|verdict| lines.iter().filter(|line| line["verdict"] == verdict).count())
}

fn test(install: &Install, gateway: &Gateway, more: &[&str], input: &str) -> Outcome {
    install.run_with_input(&[&["gateway", "test", &gateway.url, "--json"], more].concat(), input)
}

#[tokio::test]
async fn it_tries_what_it_can_with_the_credentials_it_has() {
    let site = Site::start().await;
    let gateway = site.gateway(Kind::Nginx);
    let stranger = test(&site.install, &gateway, &[], "");
    let [hold, weak, open, unseen] = verdicts(&stranger);
    assert!(hold > 30 && unseen > 30 && (weak, open) == (0, 0), "{stranger:?}");

    let user = site.user().await;
    let by_token = test(&site.install, &gateway, &["--token-stdin"], &user.access);
    let [hold, weak, open, unseen] = verdicts(&by_token);
    // A cookie, and a path that asks for a role.
    assert!(hold > 90 && (weak, open, unseen) == (0, 0, 2), "{by_token:?}");
    user.check().await.refused(401, "token_revoked");
}

#[tokio::test]
async fn before_an_app_that_tells_nothing_it_judges_by_the_answers() {
    let site = Site::start().await;
    let app = site.install.management;
    let credentials = ["--username", USER, "--password-stdin"];
    let closed = Gateway::start(&site.install, Kind::Nginx, app, &[]);
    let [_, _, open, _] = verdicts(&test(&site.install, &closed, &credentials, PASSWORD));
    assert_eq!(open, 0);
    let mistake = ("    auth_request /_keyward;", "");
    let opened = Gateway::start(&site.install, Kind::Nginx, app, &[mistake]);
    let outcome = test(&site.install, &opened, &credentials, PASSWORD);
    assert!(verdicts(&outcome)[2] > 0 && outcome.code == Some(1), "{outcome:?}");
}

/// Below it, what is protected is tested like a whole site.
#[tokio::test]
async fn a_site_whose_root_is_public_is_one_finding() {
    let site = Site::start().await;
    let public = "location /api { proxy_pass http://app; } location / { auth_request off;";
    let mut gateway = site.gateway_with(Kind::Nginx, &[("location / {", public)]);
    let credentials = ["--username", USER, "--password-stdin"];
    let outcome = test(&site.install, &gateway, &credentials, PASSWORD);
    assert_eq!((verdicts(&outcome), outcome.code), ([0, 0, 1, 0], Some(1)), "{outcome:?}");
    assert!(outcome.stdout.contains("open to everybody"), "{outcome:?}");
    assert!(site.user().await.sessions().await.len() == 1, "it has signed out");
    gateway.url.push_str("/api");
    let outcome = test(&site.install, &gateway, &credentials, PASSWORD);
    let [hold, weak, open, _] = verdicts(&outcome);
    assert!(hold > 80 && (weak, open) == (0, 0) && outcome.code == Some(0), "{outcome:?}");
}

#[tokio::test]
async fn it_speaks_tls_and_trusts_no_stranger() {
    let site = Site::start().await;
    let [address] = free_addresses();
    let certificates = Certificates::of(&address.ip().to_string());
    let file = |name| certificates.file(name).display().to_string();
    let on =
        format!("ssl on; ssl_certificate {}; ssl_certificate_key {};", file("cert.pem"), file("key.pem"));
    let changes = [("underscores_in_headers off;", &*format!("underscores_in_headers off; {on}"))];
    let mut gateway = site.gateway_with(Kind::Nginx, &changes);
    gateway.url = gateway.url.replace("http://", "https://");
    let credentials = ["--username", USER, "--password-stdin", "--forbidden", "/admin/"];
    let trusting = Install::beside(&site.install).with("SSL_CERT_FILE", file("ca.pem"));
    let outcome = test(&trusting, &gateway, &credentials, PASSWORD);
    assert_eq!(verdicts(&outcome)[1..], [0, 0, 0], "{outcome:?}");
    let outcome = test(&site.install, &gateway, &credentials, PASSWORD);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""), "{outcome:?}");
    assert!(outcome.stderr.contains("does not answer"), "{outcome:?}");
}

#[tokio::test]
async fn what_it_cannot_begin_with_is_an_error() {
    let site = Site::start().await;
    let [nobody] = free_addresses();
    let nobody = format!("http://{nobody}");
    let user = ["--username", USER, "--password-stdin"];
    for (url, more, input, said) in [
        (nobody.as_str(), &[][..], "", "does not answer"),
        ("localhost", &[], "", "is no address"),
        (&nobody, &user, "wrong password", "Keyward does not sign plain in"),
        (&nobody, &["--token-stdin"], "nonsense", "Keyward does not take the token"),
        (&nobody, &["--token-stdin"], "two\nlines", "what is on standard input is no token"),
        (&nobody, &[&user[..], &["--keyward", &nobody]].concat(), PASSWORD, "does not answer"),
    ] {
        let outcome = site.install.run_with_input(&[&["gateway", "test", url], more].concat(), input);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""), "{outcome:?}");
        assert!(outcome.stderr.contains(said) && outcome.stderr.lines().count() == 1, "{outcome:?}");
    }
}

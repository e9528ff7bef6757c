//! Real clients, as their users have them: openid-client with jose, Authlib with `PyJWT`. Each finds the
//! server by its metadata alone, and is told step by step what to do.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
};

use serde_json::{Value, json};

use super::Stage;
use crate::support::outside::install::{Install, PATIENCE};

struct Client {
    child: Child,
    answers: Receiver<String>,
}

impl Client {
    fn of_node() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let program = std::fs::read_to_string(root.join("tests/node/oauth-client.mjs")).expect("the program");
        let mut command = Command::new("node");
        command.args(["--input-type=module", "--eval", &program]);
        Self::run(command, &root.join("target/node"))
    }

    fn of_python() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let packages = root.join("target/python");
        let mut command = Command::new("python3");
        command.arg(root.join("tests/python/oauth_client.py")).env("PYTHONPATH", &packages);
        Self::run(command, &packages)
    }

    fn run(mut command: Command, packages: &Path) -> Self {
        assert!(packages.join("installed").exists(), "tests/run installs the packages");
        command.current_dir(packages).env("NO_PROXY", "*").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the client");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let (sender, answers) = channel();
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, answers }
    }

    fn ask(&mut self, what: &Value) -> Value {
        writeln!(self.child.stdin.as_mut().expect("piped"), "{what}").expect("written");
        let answer = self.answers.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no answer to {what}"));
        serde_json::from_str(&answer).unwrap_or_else(|_| panic!("no JSON: {answer}"))
    }

    /// The same where it must succeed.
    fn good(&mut self, what: &Value) -> Value {
        let answer = self.ask(what);
        assert!(answer.get("error").is_none(), "{what}: {}", answer["error"]);
        answer
    }

    fn discover(&mut self, issuer: &str, algorithm: &str, more: &Value) {
        let mut what = json!({ "verb": "discover", "issuer": issuer, "algorithm": algorithm });
        what.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        assert_eq!(self.good(&what)["issuer"], issuer);
    }

    /// Refreshes, and returns the access token and the refresh token.
    fn refresh(&mut self, token: &str) -> (String, String) {
        let tokens = self.good(&json!({ "verb": "refresh", "token": token }));
        let text = |name: &str| tokens[name].as_str().expect(name).to_owned();
        assert_eq!(
            (text("token_type").to_lowercase().as_str(), &tokens["expires_in"]),
            ("bearer", &json!(900))
        );
        (text("access_token"), text("refresh_token"))
    }

    fn revoke(&mut self, token: &str, hint: &str) {
        self.good(&json!({ "verb": "revoke", "token": token, "hint": hint }));
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Another key signs from now on; the old one verifies what it signed.
fn rotate(stage: &Stage) {
    let listed = stage.install.good(&["key", "list", "--json"]);
    let listed: Value = serde_json::from_str(&listed).expect("JSON");
    stage.install.good(&["key", "rotate"]);
    stage.install.good(&["key", "retire", listed[0]["kid"].as_str().expect("a kid")]);
    stage.server.hang_up();
}

async fn a_confidential_app_does_it_all(mut client: Client) {
    let stage = Stage::new().await;
    let user = stage.signed_in_to("shop").await;
    let app = |way: &str| json!({ "app": "shop", "way": way, "secret": stage.shop.secret });
    client.discover(&stage.server.url, "oidc", &app("client_secret_basic"));
    let (access, refresh) = client.refresh(&user.refresh);
    let verify = |token: &str| json!({ "verb": "verify", "token": token });
    let before = client.good(&verify(&access));
    assert_eq!(before["claims"]["client_id"], "shop");

    rotate(&stage);
    let mut tokens = (access.clone(), refresh);
    let after = loop {
        tokens = client.refresh(&tokens.1);
        let verified = client.good(&verify(&tokens.0));
        // The server reads its keys again a moment after it is asked to.
        if verified["kid"] != before["kid"] {
            break verified;
        }
    };
    assert_eq!(after["claims"]["sid"], before["claims"]["sid"]);
    assert_eq!(client.good(&verify(&access))["kid"], before["kid"], "what was signed before stays good");

    let introspect = |token: &str| json!({ "verb": "introspect", "token": token });
    let told = client.good(&introspect(&tokens.0));
    assert_eq!((&told["active"], &told["jti"]), (&json!(true), &after["claims"]["jti"]));
    client.discover(&stage.server.url, "oauth2", &app("client_secret_post"));
    client.revoke(&tokens.0, "access_token");
    assert_eq!(client.good(&introspect(&tokens.0)), json!({ "active": false }));
    let (access, refresh) = client.refresh(&tokens.1);
    client.revoke(&refresh, "refresh_token");
    user.with_access(&access).check().await.refused(401, "token_revoked");
    assert_eq!(client.ask(&json!({ "verb": "refresh", "token": refresh }))["error"], "invalid_grant");
    let wrong = json!({ "app": "shop", "way": "client_secret_post", "secret": "wrong" });
    client.discover(&stage.server.url, "oauth2", &wrong);
    assert_eq!(client.ask(&json!({ "verb": "refresh", "token": refresh }))["error"], "invalid_client");
}

async fn a_public_app_does_what_it_may(mut client: Client) {
    let stage = Stage::new().await;
    let user = stage.signed_in_to("phone").await;
    for algorithm in ["oidc", "oauth2"] {
        client.discover(&stage.server.url, algorithm, &json!({ "app": "phone", "way": "none" }));
    }
    let (access, refresh) = client.refresh(&user.refresh);
    assert_eq!(user.with_access(&access).check().await.status, 200);
    client.revoke(&refresh, "refresh_token");
    user.with_access(&access).check().await.refused(401, "token_revoked");
    assert_eq!(client.ask(&json!({ "verb": "refresh", "token": refresh }))["error"], "invalid_grant");
}

async fn an_issuer_with_a_path_is_found(mut client: Client) {
    let install = Install::new();
    let issuer = format!("http://{}/tenant/one", install.listen);
    let _server = install.with("KEYWARD_SERVER_PUBLIC_URL", &issuer).start().await;
    for algorithm in ["oidc", "oauth2"] {
        client.discover(&issuer, algorithm, &json!({ "app": "phone", "way": "none" }));
    }
}

#[tokio::test]
async fn openid_client_and_jose_refresh_verify_introspect_and_revoke() {
    a_confidential_app_does_it_all(Client::of_node()).await;
}

#[tokio::test]
async fn openid_client_refreshes_and_revokes_for_a_public_app() {
    a_public_app_does_what_it_may(Client::of_node()).await;
}

#[tokio::test]
async fn openid_client_finds_an_issuer_with_a_path() {
    an_issuer_with_a_path_is_found(Client::of_node()).await;
}

#[tokio::test]
async fn authlib_and_pyjwt_refresh_verify_introspect_and_revoke() {
    a_confidential_app_does_it_all(Client::of_python()).await;
}

#[tokio::test]
async fn authlib_refreshes_and_revokes_for_a_public_app() {
    a_public_app_does_what_it_may(Client::of_python()).await;
}

#[tokio::test]
async fn authlib_finds_an_issuer_with_a_path() {
    an_issuer_with_a_path_is_found(Client::of_python()).await;
}

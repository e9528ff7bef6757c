//! Contract 2.4 for gateways that verify access tokens by themselves: Envoy's `jwt_authn` by our key set
//! and `HAProxy`'s `jwt_verify` by our public keys, through a rotation.

use std::{
    fs::{self, File},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    actor::Actor,
    install::{GUARD, Install, PATIENCE, Server, free_addresses, wait_for},
};
use crate::support::servers::envoy::Envoy;

/// What the gateway says to a token.
async fn status(gateway: &str, actor: &Actor) -> u16 {
    let request = actor.at(gateway).authorized("GET", "/");
    request.send().await.expect("an answer").status().as_u16()
}

/// A token passes, and nothing that was made of it does.
async fn only_the_token_itself_passes(gateway: &str, actor: &Actor) {
    assert_eq!(status(gateway, actor).await, 200);
    let parts: Vec<&str> = actor.access.split('.').collect();
    let [header, claims, signature] = parts[..] else { panic!("three parts") };
    let flipped: String = signature.chars().map(|c| if c == 'A' { 'B' } else { 'A' }).collect();
    for token in [
        format!("{header}.{claims}.{flipped}"),
        format!("{header}.{claims}."),
        format!("{header}.{}.{signature}", claims.replace('J', "K")),
        "a.b.c".to_owned(),
        String::new(),
    ] {
        assert_eq!(status(gateway, &actor.with_access(&token)).await, 401, "{token}");
    }
}

fn kids(install: &Install) -> Vec<String> {
    let listed: Value = serde_json::from_str(&install.good(&["key", "list", "--json"])).expect("JSON");
    let kid = |key: &Value| key["kid"].as_str().expect("a kid").to_owned();
    listed.as_array().expect("an array").iter().map(kid).collect()
}

fn kid(actor: &Actor) -> String {
    let header = jsonwebtoken::decode_header(&actor.access).expect("a header");
    header.kid.expect("a kid")
}

/// Makes all keys older, so that the one made last signs by now.
fn a_lead_passes(install: &Install) {
    for kid in kids(install) {
        let file = install.path("keys").join(format!("{kid}.pem"));
        let text = fs::read_to_string(&file).expect("a key");
        let born = text.lines().find_map(|line| line.strip_prefix("born: ")).expect("a birth");
        let moment = OffsetDateTime::parse(born, &Rfc3339).expect("a time") - Duration::from_mins(16);
        let older = moment.format(&Rfc3339).expect("a time");
        fs::write(&file, text.replace(born, &older)).expect("written");
    }
}

/// The actor once it has a token by that key.
async fn signed_by(server: &Server, mut actor: Actor, wanted: &str) -> Actor {
    server.hang_up();
    let deadline = Instant::now() + PATIENCE;
    loop {
        actor = actor.refreshed().await;
        if kid(&actor) == wanted {
            return actor;
        }
        assert!(Instant::now() < deadline, "{wanted} never signs");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// How often Envoy has fetched the key set.
async fn fetches(admin: SocketAddr) -> u64 {
    let answer = reqwest::get(format!("http://{admin}/stats?filter=jwks_fetch_success")).await;
    let text = answer.expect("an answer").text().await.expect("a body");
    text.trim().rsplit(": ").next().and_then(|count| count.parse().ok()).unwrap_or(0)
}

#[tokio::test]
async fn envoy_verifies_by_the_key_set_through_a_rotation() {
    let install = Install::new();
    let server = install.start().await;
    let admin = server.admin().await;
    let [listen, console] = free_addresses();
    let config = include_str!("envoy.yaml").replace("ISSUER", &server.url);
    let envoy = Envoy::start(&config, &[(8000, listen), (9901, console), (8080, install.listen)]);
    only_the_token_itself_passes(&envoy.url, &admin).await;

    install.good(&["key", "rotate"]);
    server.hang_up();
    let new = kids(&install).pop().expect("a key");
    let deadline = Instant::now() + PATIENCE;
    while !admin.get("/.well-known/jwks.json").await.text.contains(&new) {
        assert!(Instant::now() < deadline, "{new} is not published");
    }
    let seen = fetches(console).await;
    while fetches(console).await == seen {
        assert_eq!(status(&envoy.url, &admin).await, 200, "while only the key set changes");
        assert!(Instant::now() < deadline, "Envoy does not fetch it again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    a_lead_passes(&install);
    let renewed = signed_by(&server, admin.clone(), &new).await;
    only_the_token_itself_passes(&envoy.url, &renewed).await;
    assert_eq!(status(&envoy.url, &admin).await, 200, "the old key's tokens go on to their end");
}

/// An `HAProxy` that dies with this value.
struct Haproxy {
    url: String,
    _folder: TempDir,
    guard: Child,
}

impl Haproxy {
    /// With the keys there are now.
    fn start(install: &Install, issuer: &str) -> Self {
        let [listen]: [SocketAddr; 1] = free_addresses();
        let folder = tempfile::tempdir().expect("a folder");
        let lines = kids(install).into_iter().map(|kid| {
            let file = folder.path().join(format!("{kid}.pub"));
            fs::write(&file, install.good(&["key", "public", &kid])).expect("written");
            let (verify, file) = ("var(txn.token),jwt_verify(txn.alg", file.display());
            format!(
                "http-request set-var(txn.good) {verify},\"{file}\") if {{ var(txn.kid) -m str -- {kid} }}"
            )
        });
        let config = include_str!("haproxy.cfg")
            .replace("LISTEN", &listen.to_string())
            .replace("ISSUER", issuer)
            .replace("    KEYS", &format!("    {}", lines.collect::<Vec<_>>().join("\n    ")));
        let [file, log, pid] = ["haproxy.cfg", "log", "pid"].map(|name| folder.path().join(name));
        fs::write(&file, config).expect("written");
        let mut command = Command::new("sh");
        command.args(["-c", GUARD, "sh"]).arg(&pid).args(["haproxy", "-db", "-f"]).arg(file);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(File::create(&log).expect("a file"));
        let guard = command.spawn().expect("sh");
        let haproxy = Self { url: format!("http://{listen}"), _folder: folder, guard };
        let ready = wait_for(|| TcpStream::connect(listen).ok());
        let said = fs::read_to_string(log).unwrap_or_default();
        assert!(ready.is_some(), "haproxy, which the tests need, does not start: {said}");
        haproxy
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

#[tokio::test]
async fn haproxy_verifies_by_public_keys_through_a_rotation() {
    let install = Install::new();
    let server = install.start().await;
    let admin = server.admin().await;
    only_the_token_itself_passes(&Haproxy::start(&install, &server.url).url, &admin).await;
    let elsewhere = Haproxy::start(&install, "https://elsewhere.example.com");
    assert_eq!(status(&elsewhere.url, &admin).await, 401, "of another issuer");

    install.good(&["key", "rotate"]);
    let new = kids(&install).pop().expect("a key");
    let haproxy = Haproxy::start(&install, &server.url);
    assert_eq!(status(&haproxy.url, &admin).await, 200);
    a_lead_passes(&install);
    let renewed = signed_by(&server, admin.clone(), &new).await;
    only_the_token_itself_passes(&haproxy.url, &renewed).await;
    assert_eq!(status(&haproxy.url, &admin).await, 200, "the old key's tokens go on to their end");
}

#[tokio::test]
async fn a_key_that_is_not_there_has_no_public_half() {
    let install = Install::new();
    install.start().await;
    let outcome = install.run(&["key", "public", "nobody"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stdout.is_empty() && outcome.stderr.contains("nobody"), "{outcome:?}");
}

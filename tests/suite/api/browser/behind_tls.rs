//! The cookies where TLS ends in front of the server, as it does in production.

use std::path::Path;

use serde_json::json;

use super::{
    PASSWORD,
    chromium::{Chromium, Guarded},
    cookie, cookies,
};
use crate::{support::outside::install::Install, support::servers::certificates::Certificates};

#[tokio::test]
async fn over_tls_a_browser_keeps_the_cookies_that_are_bound_to_the_host() {
    let install = Install::new();
    install.add_user("alice", PASSWORD, &[]);
    let host = install.listen.ip().to_string();
    let certificates = Certificates::of(&host);
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/node/tls-front.mjs");
    let [program, cert, key] = [program, certificates.file("cert.pem"), certificates.file("key.pem")]
        .map(|it| it.display().to_string());
    let folder = tempfile::tempdir().expect("a folder");
    let behind = format!("http://{}", install.listen);
    let front = Guarded::start("node", &[&program, &cert, &key, &host, &behind], folder.path());
    let url = format!("https://{host}:{}", front.port(&folder.path().join("node"), "on port ", "."));
    let install = install.with("KEYWARD_SERVER_PUBLIC_URL", &url);
    let _server = install.start().await;

    let chromium = Chromium::start().await;
    let tab = chromium.open(&format!("{url}/v1/me")).await;
    let post = |path: &str, more: &str| {
        format!("fetch('{path}', {{ method: 'POST', {more} }}).then(it => it.status)")
    };
    for (transport, name, use_it) in [
        ("cookie", "__Host-keyward-refresh", "/v1/refresh"),
        ("session", "__Host-keyward-session", "/v1/check"),
    ] {
        let body = json!({ "username": "alice", "password": PASSWORD, "transport": transport });
        let sent = format!("headers: {{ 'Content-Type': 'application/json' }}, body: JSON.stringify({body})");
        assert_eq!(tab.eval(&post("/v1/login", &sent)).await, 200, "{transport}");
        let kept = cookie(&tab, name).await;
        assert_eq!((&kept["secure"], &kept["httpOnly"]), (&true.into(), &true.into()), "{kept}");
        assert_eq!((&kept["path"], &kept["domain"]), (&"/".into(), &host.clone().into()), "{kept}");
        assert_eq!(kept["sameSite"], "Strict", "{kept}");
        tab.reload().await;
        assert_eq!(tab.eval(&post(use_it, "")).await, 200, "{transport}");
        assert_eq!(tab.eval(&post("/v1/logout", "")).await, 204, "{transport}");
        assert!(cookies(&tab).await.is_empty(), "{transport}");
        assert_eq!(tab.eval(&post(use_it, "")).await, 401, "{transport}");
    }
}

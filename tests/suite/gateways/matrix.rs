//! All that `keyward gateway test` tries, on every gateway.

use std::time::{Duration, Instant};

use rstest::rstest;
use rstest_reuse::apply;

use super::{
    gateway::{Kind, every_gateway},
    site::{Line, PASSWORD, Site, USER},
};
use crate::support::outside::install::{Install, PATIENCE};

/// A token of a server whose tokens live for a second; this server would take it but for its age.
async fn expired_token(install: &Install) -> String {
    let hasty = Install::beside(install).with("KEYWARD_TOKENS_ACCESS_TTL", "1s");
    let server = hasty.start().await;
    let user = server.client().signed_in(USER, PASSWORD).await;
    // Not at the check, which would count.
    let deadline = Instant::now() + PATIENCE;
    while user.get("/v1/me").await.status == 200 {
        assert!(Instant::now() < deadline, "a token of one second lives on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    user.check().await.refused(401, "token_expired");
    server.terminate();
    user.access
}

#[apply(every_gateway)]
#[tokio::test]
async fn every_attack_is_held_off(kind: Kind) {
    let install = Install::new();
    install.add_user(USER, PASSWORD, &[]);
    let expired = expired_token(&install).await;
    let site = Site::start_in(install).await;
    let gateway = site.gateway(kind);
    let (outcome, lines) = site.attack(&gateway, &["--forbidden", "/admin/", "--expired", &expired]);
    let loose = lines.iter().filter(|line| line.verdict != "holds");
    let loose: Vec<_> = loose.map(|line| (line.attack.as_str(), line.verdict.as_str())).collect();
    // What the page says of Traefik.
    let known: &[_] = if kind == Kind::Traefik { &[("Keyward's own cookies", "weak")] } else { &[] };
    assert_eq!(loose, known, "{}", gateway.log());
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(lines.len() > 100, "{lines:#?}");
}

/// What a route of Envoy asks for by gRPC.
const ENVOY_ROUTE: (&str, &str) = (
    "- match: { prefix: / }",
    "- match: { prefix: / }
                typed_per_filter_config:
                  envoy.filters.http.ext_authz:
                    \"@type\": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute
                    check_settings: { context_extensions: { preflight: allow } }",
);

/// Preflights then pass, and nothing else that did not. By HTTP that is asked of the public listener: on the
/// other one a path might be the client's.
#[rstest]
#[case::caddy(Kind::Caddy, ("import keyward \"\"", "import keyward preflight=allow"))]
#[case::envoy_grpc(Kind::EnvoyGrpc, ENVOY_ROUTE)]
#[case::envoy_http(Kind::EnvoyHttp, ("_override: /v1/check\n", "_override: /v1/check?preflight=allow\n"))]
#[case::haproxy(Kind::Haproxy, ("lua.keyward", "set-var(txn.keyward_asks) str(preflight=allow)\n http-request lua.keyward"))]
#[case::nginx(Kind::Nginx, ("location / {", "location / { set $keyward_asks ?preflight=allow;"))]
#[case::traefik(Kind::Traefik, ("/v1/check\"", "/v1/check?preflight=allow\""))]
#[tokio::test]
async fn preflights_pass_where_the_gateway_asks_for_it(#[case] kind: Kind, #[case] change: (&str, &str)) {
    let site = Site::start().await;
    let (check, public) = (site.install.check.port().to_string(), site.install.listen.port().to_string());
    let there = (&*check, &*public);
    let changes = if kind == Kind::EnvoyGrpc { vec![change] } else { vec![change, there] };
    let gateway = site.gateway_with(kind, &changes);
    let preflight = site.server.client().at(&gateway.url).request("OPTIONS", "/");
    let preflight = preflight.header("origin", "https://app.example.com");
    let answer = preflight.header("access-control-request-method", "POST").send().await.expect("an answer");
    assert_eq!((answer.status().as_u16(), answer.headers().contains_key("x-keyward-echo")), (200, true));
    let (_, lines) = site.attack(&gateway, &[]);
    let is_loose = |line: &&Line| !["holds", "unseen"].contains(&line.verdict.as_str());
    let is_known = |line: &&Line| kind == Kind::Traefik && line.attack == "Keyward's own cookies";
    let loose: Vec<_> = lines.iter().filter(is_loose).filter(|line| !is_known(line)).collect();
    assert!(loose.is_empty(), "{loose:#?}\n{}", gateway.log());
}

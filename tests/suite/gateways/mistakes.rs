//! Gateways that are set up wrongly, each in one way that is seen in practice: `keyward gateway test`
//! finds who gets in by it.

use super::{
    gateway::Kind::{self, Caddy, EnvoyGrpc, EnvoyHttp, Haproxy, Nginx, Traefik},
    site::Site,
};

/// What stands in our configuration, what in its place, and the attack that then succeeds.
type Mistake = (&'static str, &'static str, &'static str);

/// Makes each mistake in turn.
async fn are_found(kind: Kind, mistakes: &[Mistake]) {
    let site = Site::start().await;
    for (from, to, attack) in mistakes {
        let to = to.replace("PUBLIC", site.server.url.trim_start_matches("http://"));
        let gateway = site.gateway_with(kind, &[(from, &to)]);
        let (outcome, lines) = site.attack(&gateway, &["--forbidden", "/admin/"]);
        let line = lines.iter().find(|line| line.attack == *attack).expect(attack);
        assert_eq!(line.verdict, "open", "{from:?} -> {to:?}: {line:?}\n{}", gateway.log());
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        let said = "keyward: somebody gets in who should not, see above";
        assert_eq!(outcome.stderr.trim_end(), said);
    }
}

#[tokio::test]
async fn mistakes_with_nginx_are_found() {
    are_found(
        Nginx,
        &[
            ("    auth_request /_keyward;", "", "no token"),
            ("location / {", "location / { auth_request off;", "no token"),
            ("proxy_set_header X-Auth-User     $auth_user;", "", "identity headers"),
            ("proxy_set_header X-Auth-Roles    $auth_roles;", "", "identity headers in small letters"),
            ("underscores_in_headers off", "underscores_in_headers on", "identity headers with underscores"),
            ("default      \"\";\n", "default $http_upgrade;\n", "a switch to HTTP/2 in the clear"),
            ("http://keyward/v1/check$keyward_asks", "http://PUBLIC$request_uri", "/healthz without a token"),
            (
                "http://keyward/v1/check$keyward_asks",
                "http://PUBLIC$request_uri",
                "OPTIONS at the check's own path",
            ),
            (
                "proxy_set_header X-Forwarded-Method $request_method;",
                "",
                "POST with the session cookie, from a page of others",
            ),
            ("\"?role=admin\";", "\"\";", "a path that asks for a role"),
            ("location ~* \"^/admin(?:[/;]|$)\"", "location /admin/", "/ADMIN/ for /admin/"),
        ],
    )
    .await;
}

#[tokio::test]
async fn mistakes_with_caddy_are_found() {
    are_found(
        Caddy,
        &[
            ("\t\t\timport keyward \"\"\n", "", "no token"),
            ("respond @takes_out 400", "", "identity headers that Connection names"),
            ("request_header -X_auth*", "", "identity headers with underscores"),
            ("copy_headers X-Auth-User ", "copy_headers ", "a good token"),
        ],
    )
    .await;
}

/// Envoy asks nobody.
const OFF: Mistake =
    ("failure_mode_allow: false", "filter_enabled: { default_value: { numerator: 0 } }", "no token");
const UNDERSCORES: Mistake = (
    "headers_with_underscores_action: DROP_HEADER",
    "headers_with_underscores_action: ALLOW",
    "identity headers with underscores",
);
const SMALL_LETTERS: Mistake = ("(?i)/+admin", "/+admin", "/ADMIN/ for /admin/");

#[tokio::test]
async fn mistakes_with_envoy_by_grpc_are_found() {
    are_found(
        EnvoyGrpc,
        &[
            OFF,
            UNDERSCORES,
            SMALL_LETTERS,
            ("context_extensions: { role: admin }", "context_extensions: {}", "a path that asks for a role"),
        ],
    )
    .await;
}

#[tokio::test]
async fn mistakes_with_envoy_by_http_are_found() {
    are_found(
        EnvoyHttp,
        &[
            OFF,
            UNDERSCORES,
            SMALL_LETTERS,
            ("                            - exact: x-auth-user\n", "", "a good token"),
            (
                "path_override: /v1/check?role=admin",
                "path_override: /v1/check",
                "a path that asks for a role",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn mistakes_with_haproxy_are_found() {
    are_found(
        Haproxy,
        &[
            ("http-request lua.keyward", "http-request set-var(txn.keyward_status) int(200)", "no token"),
            (
                "del-header ^x[-_]auth[-_] -m reg",
                "del-header x-auth- -m beg",
                "identity headers with underscores",
            ),
            (
                "http-request deny deny_status 400 if {",
                "http-request deny deny_status 400 if FALSE {",
                "/x/../admin/ for /admin/",
            ),
            (
                "is_admin path,url_dec -m reg -i ^/+admin([/;]|$)",
                "is_admin path_beg /admin/",
                "//admin/ for /admin/",
            ),
            ("{ txn.sf:method() }", "{ \"GET\" }", "POST with the session cookie, from a page of others"),
        ],
    )
    .await;
}

#[tokio::test]
async fn mistakes_with_traefik_are_found() {
    are_found(
        Traefik,
        &[
            ("middlewares: [clean, keyward]", "middlewares: [clean]", "no token"),
            (
                r#"authResponseHeadersRegex: "(?i)^x[-_]auth[-_]""#,
                "authResponseHeaders: [X-Auth-User, X-Auth-Username, X-Auth-Session, X-Auth-App, X-Auth-Roles]",
                "identity headers with underscores",
            ),
            (r#"authResponseHeadersRegex: "(?i)^x[-_]auth[-_]""#, "authResponseHeaders: [X-Auth-User]", "identity headers"),
            (r"(/|%2F)+admin([/;]|%2F|%3B|$)", "/admin/", "/admin;x=1/y for /admin/"),
        ],
    )
    .await;
}

/// Preflights are allowed, and what a client says of its method is believed.
#[tokio::test]
async fn a_method_that_the_client_reports_itself_is_found() {
    let site = Site::start().await;
    let public = site.server.url.trim_start_matches("http://");
    let asks = format!("http://{public}/v1/check?preflight=allow");
    let gateway = site.gateway_with(
        Nginx,
        &[
            ("http://keyward/v1/check$keyward_asks", &asks),
            ("X-Forwarded-Method $request_method;", "X-Forwarded-Method $http_x_forwarded_method;"),
        ],
    );
    let (outcome, lines) = site.attack(&gateway, &[]);
    for attack in ["GET", "POST", "DELETE"].map(|method| format!("{method} that says it is a preflight")) {
        let line = lines.iter().find(|line| line.attack == attack).expect("tried");
        assert_eq!(line.verdict, "open", "{line:?}\n{}", gateway.log());
    }
    let posts = lines.iter().filter(|line| line.attack.starts_with("POST with the session cookie"));
    assert_eq!(
        posts.filter(|line| line.verdict == "open").count(),
        3,
        "unless it is another method: {lines:?}"
    );
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
}

/// The client's query comes to the public listener, which takes it for the gateway's.
#[tokio::test]
async fn a_query_that_the_client_writes_is_found() {
    let site = Site::start().await;
    let (check, public) = (site.install.check.port().to_string(), site.install.listen.port().to_string());
    let changes = [("location / {", "location / { set $keyward_asks ?$args;"), (&*check, &*public)];
    let gateway = site.gateway_with(Nginx, &changes);
    let (outcome, lines) = site.attack(&gateway, &[]);
    let line = lines.iter().find(|line| line.attack == "a preflight that asks to be let in").expect("tried");
    assert_eq!((line.verdict.as_str(), outcome.code), ("open", Some(1)), "{line:?}\n{}", gateway.log());
}

/// The client's path or query comes to the check as it is, or a parameter lost its value.
#[tokio::test]
async fn what_might_be_a_clients_word_opens_nothing() {
    let site = Site::start().await;
    for (kind, from, to) in [
        (Nginx, "http://keyward/v1/check$keyward_asks", "http://keyward$request_uri"),
        (Nginx, "location / {", "location / { set $keyward_asks ?$args;"),
        (Nginx, "\"?role=admin\";", "\"?role\";"),
        (Caddy, "check?{args.0}", "check"),
        (Caddy, "keyward role=admin", "keyward role"),
        (EnvoyHttp, "path_override: /v1/check?role=admin", "path_override: /v1/check?role"),
        (EnvoyGrpc, "{ role: admin }", "{ role: \"\" }"),
    ] {
        let gateway = site.gateway_with(kind, &[(from, to)]);
        let forbidden = ["--forbidden", "/admin/"];
        let forbidden = if to.contains("role") { &forbidden[..] } else { &[] };
        let (outcome, lines) = site.attack(&gateway, forbidden);
        let open: Vec<_> = lines.iter().filter(|line| line.verdict == "open").collect();
        assert!(open.is_empty() && lines.len() > 90, "{from:?} -> {to:?}: {open:?}\n{}", gateway.log());
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
    }
}

/// What lets nobody in, and tells a client something wrong.
#[tokio::test]
async fn what_a_client_is_told_wrongly_is_found_too() {
    let site = Site::start().await;
    for (kind, from, to, attack) in [
        (Nginx, "error_page 500 = @keyward_refused;", "", "a session over its rate"),
        (Nginx, "proxy_set_header X-Original-URI     \"\";", "", "forwarding headers"),
        (Nginx, "proxy_set_header Cookie          $app_cookies;", "", "Keyward's own cookies"),
        (Nginx, "client_max_body_size 0", "client_max_body_size 1k", "POST of 1 MiB"),
        (Nginx, "proxy_set_header Upgrade    $app_upgrade;", "", "WebSocket"),
        (Haproxy, "hdr WWW-Authenticate \"%[var(txn.keyward_challenge)]\"", "", "no token"),
    ] {
        let gateway = site.gateway_with(kind, &[(from, to)]);
        let (outcome, lines) = site.attack(&gateway, &[]);
        let line = lines.iter().find(|line| line.attack == attack).expect(attack);
        assert_eq!(line.verdict, "weak", "{from:?}: {line:?}\n{}", gateway.log());
        assert_eq!(outcome.code, Some(0), "nobody gets in: {outcome:?}");
    }
}

/// An answer of the check that a gateway keeps outlives the session. Keyward says `no-store`, which a
/// cache heeds unless it is told not to.
#[tokio::test]
async fn a_cache_of_checks_lets_in_who_has_signed_out_only_where_it_is_told_to() {
    let site = Site::start().await;
    let zone = ("# Keyward's server.check_listen.", "proxy_cache_path cache keys_zone=checks:1m;");
    let cache = "proxy_cache checks; proxy_cache_key $http_authorization; proxy_cache_valid 200 1m;";
    let heeding = format!("{cache} internal;\n        auth_request off;\n\n        proxy_pass http");
    let deaf = format!("proxy_ignore_headers Cache-Control; {heeding}");
    for (cached, verdict) in [(heeding, "holds"), (deaf, "open")] {
        let change = ("internal;\n        auth_request off;\n\n        proxy_pass http", &*cached);
        let gateway = site.gateway_with(Nginx, &[zone, change]);
        let (_, lines) = site.attack(&gateway, &[]);
        let line = lines.iter().find(|line| line.attack == "a token after signing out").expect("tried");
        assert_eq!(line.verdict, verdict, "{line:?}\n{}", gateway.log());
    }
}

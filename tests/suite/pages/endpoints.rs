//! The table of endpoints is true: each asks for what it says, nothing else is answered at their paths,
//! and the pages list them all.

use std::{collections::BTreeSet, fs, path::Path};

use keyward::http::endpoints::{ENDPOINTS, Endpoint, HttpMethod, MayCall, Surface};

use crate::support::outside::{
    actor::{Actor, Answer, send},
    install::{Install, Server},
};

/// What any endpoint of OAuth takes.
const FORM: &str = "grant_type=refresh_token&refresh_token=kwr_A&token=kwr_A";
const METHODS: [&str; 5] = ["DELETE", "GET", "PATCH", "POST", "PUT"];

/// A path that fits, where names stand for parts.
fn filled(path: &str) -> String {
    path.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect::<Vec<_>>().join("/")
}

fn is_oauth(endpoint: &Endpoint) -> bool {
    matches!(endpoint.surface, Surface::OAuth | Surface::OAuthOfServers)
}

fn client(server: &Server, surface: Surface) -> Actor {
    let url = match surface {
        Surface::Management => &server.management_url,
        Surface::Admin => &server.admin_url,
        _ => &server.url,
    };
    server.client().at(url)
}

/// Asks without any credential.
async fn asked(server: &Server, endpoint: &Endpoint) -> Answer {
    let method = if endpoint.method == HttpMethod::Any { "GET" } else { endpoint.method.as_str() };
    let request = client(server, endpoint.surface).request(method, &filled(endpoint.path));
    if is_oauth(endpoint) {
        let form = "application/x-www-form-urlencoded";
        return send(request.header("content-type", form).body(FORM)).await;
    }
    send(request).await
}

/// The endpoints that are answered over HTTP/1.
fn endpoints() -> impl Iterator<Item = &'static Endpoint> {
    ENDPOINTS.iter().filter(|endpoint| endpoint.surface != Surface::ExtAuthz)
}

#[tokio::test]
async fn each_asks_for_what_the_table_says() {
    let install = Install::new().with_admin();
    let server = install.start().await;
    for endpoint in endpoints() {
        let answer = asked(&server, endpoint).await;
        let listed = format!("{} {}: {answer:?}", endpoint.method.as_str(), endpoint.path);
        match endpoint.caller {
            MayCall::Anyone => {
                assert!(![401, 404, 405].contains(&answer.status) && answer.status < 500, "{listed}");
            }
            MayCall::Gateway => answer.refused(401, "token_missing"),
            MayCall::Owner | MayCall::Holder | MayCall::Admin(_) => {
                drop(answer.problem(401, "token_missing"));
            }
            MayCall::Client | MayCall::App if is_oauth(endpoint) => {
                assert_eq!(
                    (answer.status, &answer.json()["error"]),
                    (401, &"invalid_client".into()),
                    "{listed}"
                );
            }
            MayCall::Client | MayCall::App => {
                answer.problem(401, "invalid_credentials");
                assert!(answer.header("www-authenticate").starts_with("Basic "), "{listed}");
            }
        }
    }
}

#[tokio::test]
async fn another_method_is_refused() {
    let install = Install::new().with_admin();
    let server = install.start().await;
    for endpoint in endpoints().filter(|endpoint| endpoint.method != HttpMethod::Any) {
        let path = filled(endpoint.path);
        let known: Vec<&str> = endpoints()
            .filter(|other| filled(other.path) == path)
            .map(|other| other.method.as_str())
            .collect();
        for method in METHODS.into_iter().filter(|method| !known.contains(method)) {
            let answer = send(client(&server, endpoint.surface).request(method, &path)).await;
            assert_eq!(answer.status, 405, "{method} {path}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn the_management_listener_answers_only_what_is_its_own() {
    let install = Install::new();
    let server = install.start().await;
    for endpoint in endpoints().filter(|endpoint| endpoint.method == HttpMethod::Get) {
        let path = filled(endpoint.path);
        let [public, management] = [&server.url, &server.management_url].map(|url| server.client().at(url));
        let is_there = [public.get(&path).await.status != 404, management.get(&path).await.status != 404];
        let should_be = match endpoint.surface {
            Surface::Management => [false, true],
            Surface::Probe => [true, true],
            Surface::Admin => [false, false],
            _ => [true, false],
        };
        assert_eq!(is_there, should_be, "{path}");
    }
}

fn page(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect(name)
}

/// What stands in backticks in the first cell of each row, below the heading of a table.
fn first_cells(table: &str) -> Vec<String> {
    let rows = table.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    let rows = rows.take_while(|line| line.starts_with('|'));
    let cells = rows.map(|row| row.split('|').nth(1).expect("a cell"));
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

/// The endpoints that the pages list, as `METHOD /path`.
fn listed() -> BTreeSet<String> {
    let readme = page("README.md");
    let readme = first_cells(readme.split("## Endpoints").nth(1).expect("the table"));
    // The check takes any method, and is listed without one.
    let with_method = |text: String| if text.starts_with('/') { format!("any {text}") } else { text };
    let mut listed: BTreeSet<String> = readme.into_iter().map(with_method).collect();
    let sessions = page("docs/sessions.md");
    let below = "/v1/apps/{app}/sessions";
    let rows = sessions.split(&format!("| below `{below}`")).nth(1).expect("the table");
    listed.extend(first_cells(&page("docs/admin.md")).into_iter().filter(|cell| cell.contains(" /")));
    listed.extend(first_cells(rows).iter().map(|text| match text.split_once(' ') {
        Some((method, rest)) => format!("{method} {below}{rest}"),
        None => format!("{text} {below}"),
    }));
    listed
}

#[test]
fn the_pages_list_them_all_and_no_others() {
    let as_listed = |endpoint: &Endpoint| {
        format!("{} {}", endpoint.method.as_str(), endpoint.path.replace("{*path}", "…"))
    };
    // Those of rest-sessions are known by its own pages, and shown in a session there.
    let known = |endpoint: &&Endpoint| {
        !endpoint.path.starts_with("/rest-sessions/{") && endpoint.surface != Surface::ExtAuthz
    };
    let table: BTreeSet<String> = ENDPOINTS.iter().filter(known).map(as_listed).collect();
    assert_eq!(listed(), table);
    let shown = page("docs/sessions.md");
    for endpoint in ENDPOINTS.iter().filter(|endpoint| endpoint.path.starts_with("/rest-sessions/{")) {
        let verb = endpoint.path.split('/').nth(3).expect("a verb");
        assert!(shown.contains(&format!("$REST/shop/{verb}")), "{verb} is not shown");
    }
}

#[test]
fn the_contract_names_them_and_no_others() {
    let contract = page("docs/contract.md");
    let quoted: Vec<&str> = contract.split('`').skip(1).step_by(2).collect();
    // Sessions of other app servers have a page of their own.
    let ours =
        |path: &str| path.starts_with('/') && !path.starts_with("/v1/apps/") && !path.starts_with("/:");
    for (method, path) in quoted.iter().filter_map(|text| text.split_once(' ')) {
        let path = path.split('?').next().unwrap_or_default();
        if METHODS.contains(&method) && ours(path) && path != "/ping" {
            let is_there =
                ENDPOINTS.iter().any(|endpoint| (endpoint.method.as_str(), endpoint.path) == (method, path));
            assert!(is_there, "{method} {path} is not in the table");
        }
    }
    for endpoint in ENDPOINTS.iter().filter(|endpoint| ours(endpoint.path)) {
        let path = endpoint.path.replace("{*path}", "<anything>");
        let is_named = quoted.iter().any(|text| text.split([' ', '?']).any(|word| word == path));
        let elsewhere = path.starts_with("/rest-sessions/") || endpoint.surface == Surface::ExtAuthz;
        assert!(is_named || elsewhere, "{path} is not in the contract");
    }
}

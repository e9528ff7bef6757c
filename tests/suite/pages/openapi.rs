//! The documents of the API: they say what the table of endpoints says, they are sound, and they are served.

use std::collections::BTreeSet;

use keyward::{
    config::PublicUrl,
    http::{
        Cookies,
        endpoints::{ENDPOINTS, Endpoint, HttpMethod, Surface},
        openapi::{ApiPart, document},
    },
};
use serde_json::Value;

use super::docs::root;
use crate::support::outside::{
    actor::{Actor, Answer, send},
    install::Install,
};

const PARTS: [ApiPart; 2] = [ApiPart::Public, ApiPart::Admin];

fn json(part: ApiPart) -> Value {
    let url = PublicUrl::parse("https://auth.example.com").expect("a URL");
    serde_json::to_value(document(part, url.as_str(), &Cookies::of(&url))).expect("JSON")
}

/// Each operation, with its method and path.
fn operations(document: &Value) -> impl Iterator<Item = (String, &Value)> {
    let paths = document["paths"].as_object().expect("paths").iter();
    paths.flat_map(|(path, item)| {
        let all = item.as_object().expect("an item").iter();
        all.map(move |(method, operation)| (format!("{} {path}", method.to_uppercase()), operation))
    })
}

#[test]
fn each_endpoint_is_in_the_document_of_its_listener_and_nothing_else_is() {
    for part in PARTS {
        let listed = |endpoint: &Endpoint| {
            // A check answers alike whatever the method.
            let method = if endpoint.method == HttpMethod::Any { "GET" } else { endpoint.method.as_str() };
            format!("{method} {}", endpoint.path.replace("{*", "{"))
        };
        let ours = ENDPOINTS.iter().filter(|endpoint| part.has(endpoint.surface));
        let table: BTreeSet<String> = ours.map(listed).collect();
        let document = json(part);
        let documented: BTreeSet<String> = operations(&document).map(|(name, _)| name).collect();
        assert_eq!(documented, table, "{part:?}: an endpoint is described in src/http/openapi/");
    }
    let nowhere = ENDPOINTS.iter().filter(|endpoint| !PARTS.iter().any(|part| part.has(endpoint.surface)));
    let nowhere: Vec<&str> = nowhere.map(|endpoint| endpoint.path).collect();
    assert_eq!(nowhere, ["/envoy.service.auth.v3.Authorization/Check", "/metrics"]);
}

#[test]
fn each_operation_has_a_name_of_its_own_and_says_what_it_answers() {
    for part in PARTS {
        let document = json(part);
        assert_eq!(document["openapi"], "3.1.0");
        let mut names = BTreeSet::new();
        for (operation, said) in operations(&document) {
            let name = said["operationId"].as_str().expect("a name");
            assert!(names.insert(name.to_owned()), "{operation}: {name} is another's");
            assert!(said["summary"].as_str().is_some_and(|text| !text.is_empty()), "{operation}");
            let answers = said["responses"].as_object().expect("answers");
            assert!(answers.keys().any(|status| status.starts_with('2')), "{operation}");
            for (status, answer) in answers {
                let text = answer["description"].as_str().unwrap_or_default();
                assert!(!text.is_empty(), "{operation}: {status}");
            }
        }
    }
}

/// All values below.
fn walk<'a>(value: &'a Value, look: &mut impl FnMut(&'a Value)) {
    look(value);
    match value {
        Value::Object(members) => members.values().for_each(|member| walk(member, look)),
        Value::Array(items) => items.iter().for_each(|item| walk(item, look)),
        _ => {}
    }
}

#[test]
fn whatever_a_document_refers_to_is_in_it_and_nothing_in_it_is_idle() {
    for part in PARTS {
        let document = json(part);
        let mut referred = BTreeSet::new();
        walk(&document["paths"], &mut |value| {
            referred.extend(value["$ref"].as_str());
            let callers = value["security"].as_array().into_iter().flatten().filter_map(Value::as_object);
            for scheme in callers.flat_map(|caller| caller.keys()) {
                assert!(document["components"]["securitySchemes"][scheme].is_object(), "{scheme}");
            }
        });
        walk(&document["components"]["schemas"], &mut |value| referred.extend(value["$ref"].as_str()));
        for place in &referred {
            let there = document.pointer(place.strip_prefix('#').expect("a place in the document"));
            assert!(there.is_some(), "{part:?}: {place} is not there");
        }
        let schemas = document["components"]["schemas"].as_object().expect("schemas");
        for (name, schema) in schemas {
            let place = format!("#/components/schemas/{name}");
            assert!(referred.contains(place.as_str()), "{part:?}: nothing refers to {name}");
            jsonschema::draft202012::meta::validate(schema).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}

/// The codes of problems that are documented somewhere.
fn documented_codes() -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    for part in PARTS {
        let document = json(part);
        walk(&document["paths"], &mut |value| {
            let all = value["properties"]["code"]["enum"].as_array().into_iter().flatten();
            codes.extend(all.filter_map(Value::as_str).map(str::to_owned));
        });
    }
    codes
}

#[test]
fn the_codes_are_those_of_the_contract() {
    let contract = std::fs::read_to_string(root().join("docs/contract.md")).expect("the contract");
    let (_, rest) = contract.split_once("### 2.3 Codes").expect("the codes");
    let listed = rest.split("\n\n").nth(1).expect("the list");
    let mut listed: BTreeSet<String> = listed.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    // It is what another method than the documented ones gets; `version` is a member.
    assert!(listed.remove("method_not_allowed") && listed.remove("version"));
    assert!(contract.contains("409 `conflict`"), "of the admin API");
    listed.insert("conflict".to_owned());
    assert_eq!(documented_codes(), listed);
}

async fn with_tag(client: &Actor, path: &str, tag: &str) -> Answer {
    send(client.request("GET", path).header("if-none-match", tag)).await
}

#[tokio::test]
async fn each_listener_serves_its_own_document_to_anybody() {
    let install = Install::new().with_admin().with("KEYWARD_SERVER_PUBLIC_URL", "https://auth.example.com");
    let server = install.start().await;
    let public = server.client();
    let admin = public.at(&server.admin_url);
    for (client, part, url) in
        [(&public, ApiPart::Public, "https://auth.example.com"), (&admin, ApiPart::Admin, "/")]
    {
        let answer = send(client.request("GET", "/openapi.json")).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"), "{answer:?}");
        let mut told = answer.json();
        assert_eq!(told["servers"][0]["url"].take(), url);
        let mut own = json(part);
        own["servers"][0]["url"].take();
        assert_eq!(told, own);
        let known = with_tag(client, "/openapi.json", answer.header("etag")).await;
        assert_eq!((known.status, known.text.as_str()), (304, ""), "{known:?}");
    }
    let management = public.at(&server.management_url);
    management.get("/openapi.json").await.problem(404, "not_found");
    management.get("/docs").await.problem(404, "not_found");
    // It is meant for this listener, as everything on it is.
    let elsewhere = admin.request("GET", "/openapi.json").header("host", "evil.example.com");
    send(elsewhere).await.problem(403, "cross_site");
}

#[tokio::test]
async fn the_page_runs_nothing_and_loads_nothing() {
    let install = Install::new().with_admin();
    let server = install.start().await;
    for (url, part) in [(&server.url, ApiPart::Public), (&server.admin_url, ApiPart::Admin)] {
        let client = server.client().at(url);
        let page = send(client.request("GET", "/docs")).await;
        assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"), "{policy}");
        for loads in ["<script", "<link", "<img", "<iframe", "src=", "javascript:", "url(", "@import"] {
            let found = page.text.find(loads);
            assert!(
                found.is_none(),
                "{loads}: {:?}",
                found.map(|at| &page.text[at..(at + 80).min(page.text.len())])
            );
        }
        for (operation, said) in operations(&json(part)) {
            let id = format!("id=\"{}\"", said["operationId"].as_str().expect("a name"));
            assert!(page.text.contains(&id), "{operation}");
        }
        for place in page.text.split("href=\"").skip(1) {
            let place = place.split('"').next().expect("a place");
            let is_there = place == "openapi.json"
                || place.strip_prefix('#').is_some_and(|id| page.text.contains(&format!("id=\"{id}\"")));
            assert!(is_there, "{place}");
        }
        assert_eq!(with_tag(&client, "/docs", page.header("etag")).await.status, 304);
    }
}

#[test]
fn no_surface_is_in_both_documents_but_the_documents() {
    let both = ENDPOINTS.iter().filter(|endpoint| PARTS.iter().all(|part| part.has(endpoint.surface)));
    assert!(both.into_iter().all(|endpoint| endpoint.surface == Surface::Document));
}

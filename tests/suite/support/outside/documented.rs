//! Whatever a listener of Keyward answers is in the document of its API: the status, the form of the body, its members
//! and the code of an error. The listeners are known by their addresses, so that tests need not think of it.

use std::{
    collections::{BTreeSet, HashMap},
    net::SocketAddr,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use jsonschema::Validator;
use keyward::{
    config::PublicUrl,
    http::{
        Cookies,
        openapi::{ApiPart, document},
    },
};
use reqwest::{RequestBuilder, header::CONTENT_TYPE};
use serde_json::{Value, json};

use super::actor::Answer;

/// Which document is that of a listener.
static LISTENERS: LazyLock<Mutex<HashMap<String, ApiPart>>> = LazyLock::new(Mutex::default);
static PUBLIC: LazyLock<Documented> = LazyLock::new(|| Documented::new(ApiPart::Public));
static ADMIN: LazyLock<Documented> = LazyLock::new(|| Documented::new(ApiPart::Admin));

struct Documented {
    document: Value,
    /// By where their schemas stand in the document.
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

/// This address is such a listener.
pub fn listens(address: SocketAddr, part: ApiPart) {
    LISTENERS.lock().unwrap_or_else(PoisonError::into_inner).insert(address.to_string(), part);
}

/// Fails where the answer to that request is not documented.
#[track_caller]
pub fn check(request: Option<RequestBuilder>, answer: &Answer) {
    let Some(request) = request.and_then(|request| request.build().ok()) else { return };
    let url = request.url();
    if let (Some(host), Some(port)) = (url.host_str(), url.port()) {
        check_at(&format!("{host}:{port}"), request.method().as_str(), url.path(), answer);
    }
}

/// The same for the answer of the listener at that address.
#[track_caller]
pub fn check_at(address: &str, method: &str, path: &str, answer: &Answer) {
    let part = LISTENERS.lock().unwrap_or_else(PoisonError::into_inner).get(address).copied();
    let documented = match part {
        Some(ApiPart::Public) => &PUBLIC,
        Some(ApiPart::Admin) => &ADMIN,
        None => return,
    };
    if let Err(flaw) = documented.fits(method, path, answer) {
        panic!("{method} {path} is answered with {flaw}, which src/http/openapi/ does not say: {answer:?}");
    }
}

impl Documented {
    fn new(part: ApiPart) -> Self {
        let url = PublicUrl::parse("http://127.0.0.1:8080").expect("a URL");
        let document = document(part, url.as_str(), &Cookies::of(&url));
        let mut document = serde_json::to_value(document).expect("JSON");
        let mut extended = BTreeSet::new();
        extended_by(&document, &mut extended);
        strict(&mut document["components"]["schemas"], &extended);
        Self { document, validators: Mutex::default() }
    }

    /// Whether an answer is documented; else what it has that is not.
    fn fits(&self, method: &str, path: &str, answer: &Answer) -> Result<(), String> {
        let Some(template) = self.template(path) else { return Ok(()) };
        let is_head = method == "HEAD";
        // A check answers alike whatever the method; where GET may be asked, HEAD may.
        let is_get = is_head || template.starts_with("/v1/check");
        let method = if is_get { "get".to_owned() } else { method.to_lowercase() };
        let operation = &self.document["paths"][template][&method];
        if operation.is_null() {
            // What is not there is refused; a preflight is the browser's.
            let is_refused = answer.status == 405 || method == "options";
            return if is_refused {
                Ok(())
            } else {
                Err("success, though there is no such method".to_owned())
            };
        }
        let status = answer.status.to_string();
        let content = match operation["responses"].get(&status) {
            Some(response) => &response["content"],
            None => return Err(format!("status {status}")),
        };
        let media =
            answer.headers.get(CONTENT_TYPE).and_then(|media| media.to_str().ok()).unwrap_or_default();
        let media = media.split(';').next().unwrap_or_default();
        match content.get(media) {
            _ if is_head => Ok(()),
            Some(body) if media.ends_with("json") => self.body_fits(
                &format!("{template} {method} {status} {media}"),
                &body["schema"],
                &answer.text,
            ),
            Some(_) => Ok(()),
            None if content.is_null() && answer.text.is_empty() => Ok(()),
            None => Err(format!("a body of {media:?}")),
        }
    }

    fn body_fits(&self, place: &str, schema: &Value, text: &str) -> Result<(), String> {
        let body: Value = serde_json::from_str(text).map_err(|error| format!("no JSON ({error})"))?;
        let flaws = self.validator(place, schema).iter_errors(&body).map(|error| error.to_string()).collect();
        let flaws: Vec<String> = flaws;
        if flaws.is_empty() { Ok(()) } else { Err(flaws.join(", and ")) }
    }

    fn validator(&self, place: &str, schema: &Value) -> Arc<Validator> {
        let mut validators = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
        let made = validators.entry(place.to_owned()).or_insert_with(|| {
            let mut whole = json!({ "allOf": [schema], "components": self.document["components"] });
            // What is any object says nothing of its members.
            if *schema != json!({ "type": "object" }) {
                whole["unevaluatedProperties"] = json!(false);
            }
            let options = jsonschema::draft202012::options().should_validate_formats(true);
            Arc::new(options.build(&whole).expect("a schema"))
        });
        Arc::clone(made)
    }

    /// The documented path that this one is; of several, the one with the fewest names.
    fn template(&self, path: &str) -> Option<&str> {
        let all = self.document["paths"].as_object().expect("paths").keys();
        let mine = all.filter(|template| is_of(template, path));
        mine.min_by_key(|template| template.matches('{').count()).map(String::as_str)
    }
}

fn is_of(template: &str, path: &str) -> bool {
    // It has slashes.
    if let Some(before) = template.strip_suffix("{path}") {
        return path.strip_prefix(before).is_some_and(|rest| !rest.is_empty());
    }
    let (names, parts) = (template.split('/'), path.split('/'));
    names.clone().count() == parts.clone().count()
        && names
            .zip(parts)
            .all(|(name, part)| if name.starts_with('{') { !part.is_empty() } else { name == part })
}

/// Has schemas take the members that they name and no others. A client must not do so: it would break with the next
/// version.
fn strict(schemas: &mut Value, extended: &BTreeSet<String>) {
    for (name, schema) in schemas.as_object_mut().expect("schemas") {
        if schema["allOf"].is_array() {
            schema["unevaluatedProperties"] = json!(false);
        } else if schema["properties"].is_object()
            && !extended.contains(&format!("#/components/schemas/{name}"))
        {
            schema["additionalProperties"] = json!(false);
        }
    }
    close(schemas, extended, false);
}

/// What is a part of something larger somewhere.
fn extended_by(value: &Value, extended: &mut BTreeSet<String>) {
    let parts = value["allOf"].as_array().into_iter().flatten();
    extended.extend(parts.filter_map(|part| part["$ref"].as_str()).map(str::to_owned));
    match value {
        Value::Object(members) => members.values().for_each(|member| extended_by(member, extended)),
        Value::Array(items) => items.iter().for_each(|item| extended_by(item, extended)),
        _ => {}
    }
}

/// The same for those, where they stand by themselves.
fn close(value: &mut Value, extended: &BTreeSet<String>, is_part: bool) {
    match value {
        Value::Object(members) => {
            let refers =
                members.get("$ref").and_then(Value::as_str).is_some_and(|name| extended.contains(name));
            if refers && !is_part {
                members.insert("unevaluatedProperties".to_owned(), json!(false));
            }
            members.iter_mut().for_each(|(name, member)| close(member, extended, name == "allOf"));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| close(item, extended, is_part)),
        _ => {}
    }
}

fn answered(status: u16, media: &'static str, text: &str) -> Answer {
    let headers = [(CONTENT_TYPE, reqwest::header::HeaderValue::from_static(media))];
    Answer { status, headers: headers.into_iter().collect(), text: text.to_owned() }
}

#[test]
fn what_is_not_documented_is_seen() {
    let user = r#"{"id":"1","username":"a","email":null,"roles":[],"created_at":"2026-11-22T09:00:00Z"}"#;
    let json = |status, text: &str| answered(status, "application/json", text);
    let problem = |status, code| {
        let text = format!(r#"{{"type":"t","title":"t","status":{status},"detail":"d","code":"{code}"}}"#);
        answered(status, "application/problem+json", &text)
    };
    let fits = |method, path, answer: &Answer| PUBLIC.fits(method, path, answer);
    assert_eq!(fits("GET", "/v1/me", &json(200, user)), Ok(()));
    assert_eq!(fits("GET", "/v1/me", &problem(401, "token_missing")), Ok(()));
    assert_eq!(fits("PUT", "/v1/me", &problem(405, "method_not_allowed")), Ok(()));
    assert_eq!(fits("GET", "/v1/nothing", &json(200, "{}")), Ok(()));
    assert_eq!(fits("DELETE", "/v1/check/a/b", &problem(401, "token_missing")), Ok(()));
    for (method, path, answer) in [
        ("GET", "/v1/me", json(201, user)),
        ("PUT", "/v1/me", json(200, user)),
        ("GET", "/v1/me", answered(200, "text/plain", user)),
        ("GET", "/v1/me", json(200, &user.replace("\"roles\":[],", ""))),
        ("GET", "/v1/me", json(200, &user.replace("\"roles\"", "\"password\":\"x\",\"roles\""))),
        ("GET", "/v1/me", json(200, &user.replace("2026-11-22T09:00:00Z", "today"))),
        ("GET", "/v1/me", problem(401, "wrong_password")),
        ("GET", "/v1/me", problem(404, "not_found")),
        ("POST", "/v1/logout", json(204, user)),
        ("GET", "/v1/check/a/b", json(418, "")),
    ] {
        assert!(fits(method, path, &answer).is_err(), "{method} {path}: {answer:?}");
    }
    let ill =
        r#""state":"unavailable","parts":{"accounts":"ready","sessions":"ready","revocations":"ready"}"#;
    let mut probed = problem(503, "store_unavailable");
    probed.text = probed.text.replace('}', &format!(",{ill}}}"));
    assert_eq!(fits("GET", "/readyz", &probed), Ok(()));
    assert!(fits("GET", "/v1/sessions", &probed).is_err());
    let whole = |more: &str| {
        let record =
            user.replace('}', &format!(r#","email_verified":false,"status":"active","locale":null{more}}}"#));
        json(200, &format!(r#"{{"users":[{record}],"next_cursor":null}}"#))
    };
    assert_eq!(ADMIN.fits("GET", "/admin/v1/users", &whole("")), Ok(()));
    assert!(ADMIN.fits("GET", "/admin/v1/users", &whole(r#","password":"x""#)).is_err());
}

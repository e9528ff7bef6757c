//! One operation of the document: what is said of an endpoint, and what the table of endpoints says.

use std::collections::{BTreeMap, BTreeSet};

use utoipa::openapi::{
    Content, RefOr, Required,
    path::{Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn},
    response::{Response, ResponseBuilder},
    schema::{AllOfBuilder, Object, ObjectBuilder, OneOfBuilder, Ref, Schema, Type},
};

use super::{
    ApiPart,
    codes::{Code, MFA_REQUIRED, RATE_LIMITED},
    described::{Described, GoodAnswer, JSON},
    security,
};
use crate::http::endpoints::{Endpoint, MayCall, Surface};

const PROBLEM: &str = "application/problem+json";
/// The headers of answers, and what they say. The first is on each.
pub const HEADERS: [(&str, &str); 13] = [
    ("X-Request-Id", "Names the request in the log; one that came with the request is kept."),
    ("WWW-Authenticate", "What is to be shown (RFC 6750, RFC 7617, RFC 9470)."),
    ("Retry-After", "In how many seconds to come again."),
    ("RateLimit", "What is left of the session's requests."),
    ("RateLimit-Policy", "How many requests a session has."),
    ("Set-Cookie", "With the transports `cookie` and `session`."),
    ("ETag", "The version of what is told."),
    ("X-Auth-Reason", "The code of a refusal."),
    ("X-Auth-User", "The user's id."),
    ("X-Auth-Username", "The user's name."),
    ("X-Auth-Session", "The session's id."),
    ("X-Auth-App", "The app that was signed in to."),
    ("X-Auth-Roles", "The user's roles, with commas."),
];

pub fn of(part: ApiPart, endpoint: &Endpoint, described: &Described, tag: &str) -> Operation {
    let text = [described.text.map(str::to_owned), role(endpoint)].into_iter().flatten().collect::<Vec<_>>();
    let parameters = in_path(endpoint.path).chain(described.parameters.iter().cloned());
    let mut operation = OperationBuilder::new()
        .tag(tag)
        .operation_id(Some(described.id))
        .summary(Some(described.summary))
        .description((!text.is_empty()).then(|| text.join(" ")))
        .parameters(Some(parameters))
        .request_body(described.body.clone());
    for security in security::takes(endpoint, described) {
        operation = operation.security(security);
    }
    for (status, response) in responses(part, endpoint, described) {
        operation = operation.response(status.to_string(), response);
    }
    operation.build()
}

fn role(endpoint: &Endpoint) -> Option<String> {
    let MayCall::Admin(role) = endpoint.caller else { return None };
    Some(format!("Takes the role `{}`, or one that goes further.", role.as_str()))
}

/// As a document writes it: `{*name}` is a name there too.
pub fn path(endpoint: &Endpoint) -> String {
    endpoint.path.replace("{*", "{")
}

fn in_path(path: &str) -> impl Iterator<Item = Parameter> {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    names.map(|name| {
        let parameter = ParameterBuilder::new().name(name.trim_start_matches('*'));
        let parameter = parameter.parameter_in(ParameterIn::Path).required(Required::True);
        let text = match name {
            "app" => Some("The name of the app that asks."),
            "token" => Some("The session's token."),
            "*path" => Some("Whatever the client asked for, with slashes."),
            _ => None,
        };
        parameter.description(text).schema(Some(Object::with_type(Type::String))).build()
    })
}

fn responses(part: ApiPart, endpoint: &Endpoint, described: &Described) -> BTreeMap<u16, Response> {
    let mut errors: BTreeMap<u16, BTreeSet<Code>> = BTreeMap::new();
    for code in security::codes(part, endpoint).into_iter().chain(described.codes.iter().copied()) {
        errors.entry(code.status).or_default().insert(code);
    }
    let mut responses = BTreeMap::new();
    for answered in &described.answers {
        let also = errors.remove(&answered.status).unwrap_or_default();
        responses.insert(answered.status, response(endpoint, Some(answered), answered.status, &also));
    }
    for (status, codes) in &errors {
        responses.insert(*status, response(endpoint, None, *status, codes));
    }
    responses
}

/// An answer, or errors of one status, or both.
fn response(
    endpoint: &Endpoint,
    answered: Option<&GoodAnswer>,
    status: u16,
    codes: &BTreeSet<Code>,
) -> Response {
    let words = codes.iter().map(|code| format!("`{}`: {}.", code.name, code.meaning));
    let text: Vec<String> =
        answered.map(|answered| answered.text.to_owned()).into_iter().chain(words).collect();
    let mut response = ResponseBuilder::new().description(text.join(" "));
    if let Some((media, schema)) = answered.and_then(|answered| answered.body.clone()) {
        response = response.content(media, Content::new(schema));
    }
    if !codes.is_empty() {
        let (media, schema) = errors(endpoint, status, codes);
        response = response.content(media, Content::new(Some(schema)));
    }
    let own = answered.map_or(&[][..], |answered| answered.headers).iter().copied();
    for name in own.chain(of_errors(endpoint, status, codes)) {
        response = response.header_ref(name, Ref::new(format!("#/components/headers/{name}")));
    }
    response.build()
}

/// What every answer of that kind may have.
fn of_errors(endpoint: &Endpoint, status: u16, codes: &BTreeSet<Code>) -> impl Iterator<Item = &'static str> {
    let reason = endpoint.surface == Surface::Check && !codes.is_empty();
    let limited = codes.iter().any(|code| code.name == RATE_LIMITED.name);
    let names = [
        (true, "X-Request-Id"),
        (status == 401, "WWW-Authenticate"),
        (matches!(status, 429 | 503), "Retry-After"),
        (limited, "RateLimit"),
        (limited, "RateLimit-Policy"),
        (reason, "X-Auth-Reason"),
    ];
    names.into_iter().filter_map(|(has, name)| has.then_some(name))
}

fn errors(endpoint: &Endpoint, status: u16, codes: &BTreeSet<Code>) -> (&'static str, RefOr<Schema>) {
    let is_oauth = matches!(endpoint.surface, Surface::OAuth | Surface::OAuthOfServers);
    let (media, name, member) =
        if is_oauth { (JSON, "OAuthProblem", "error") } else { (PROBLEM, "Problem", "code") };
    let of = |codes: &[&str]| {
        let words = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(codes.iter().copied()));
        let all = AllOfBuilder::new().item(Ref::from_schema_name(name));
        all.item(ObjectBuilder::new().property(member, words))
    };
    let mut names: Vec<&str> = codes.iter().map(|code| code.name).collect();
    if codes.contains(&MFA_REQUIRED) {
        // By what the client goes on is told with this code alone.
        names.retain(|name| *name != MFA_REQUIRED.name);
        let asks = of(&[MFA_REQUIRED.name]).item(Ref::from_schema_name("MfaRequired"));
        return (media, OneOfBuilder::new().item(asks).item(of(&names)).into());
    }
    let all = of(&names);
    // How the node is, is told by the probe alone.
    let is_probe = endpoint.surface == Surface::Probe && status == 503;
    let all = if is_probe { all.item(Ref::from_schema_name("Readiness")) } else { all };
    (media, all.into())
}

//! Headers that say who asks, and for what, sent by the client itself.

use super::{
    Attack, Attacker,
    Outcome::{Holds, Weak},
    evaluate::Expectation::{self, Known, Refused, Served, Unauthorized},
    user::IDENTITY,
};
use crate::gateway::{echo_report::EchoReport, request::Request};

/// What no app behind a gateway should believe of a client, unless the gateway wrote it.
const CLAIMS: [&str; 11] = [
    "Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Method",
    "X-Forwarded-Proto",
    "X-Forwarded-Uri",
    "X-Original-Method",
    "X-Original-Uri",
    "X-Original-Url",
    "X-Real-Ip",
    "X-Rewrite-Url",
];
const FORGED: &str = "forged.example";

fn get() -> Request {
    Request::new("GET", "/spoofs")
}

/// The request with forged identity headers, their names put so.
pub(super) fn forged(request: Request, put: impl Fn(&str) -> String) -> Request {
    IDENTITY.iter().fold(request, |request, name| request.line(format!("{}: {FORGED}", put(name))))
}

fn claiming(request: Request) -> Request {
    CLAIMS.iter().fold(request, |request, name| request.line(format!("{name}: {FORGED}")))
}

pub(super) fn anonymous() -> Vec<Attack> {
    let mut attacks = vec![
        Attack::new("identity headers without a token", Unauthorized, forged(get(), str::to_owned)),
        Attack::new("forwarding headers without a token", Unauthorized, claiming(get())),
    ];
    attacks.extend(["GET", "POST", "DELETE"].map(|method| {
        let request = as_preflight(Request::new(method, "/spoofs")).line("X-Forwarded-Method: OPTIONS");
        Attack::new(format!("{method} that says it is a preflight"), Unauthorized, request)
    }));
    attacks
}

/// With what a preflight has beside its method.
pub(super) fn as_preflight(request: Request) -> Request {
    request.line("Origin: https://forged.example").line("Access-Control-Request-Method: POST")
}

pub(super) fn with(token: &str) -> Vec<Attack> {
    let named = IDENTITY.join(", ");
    let connection = |line: &str| get().bearer(token).line(line);
    let other = "Authorization: Bearer nonsense";
    let hidden = |glue: &str| get().bearer(token).line(format!("X-Nothing: a{glue}X-Auth-User: {FORGED}"));
    let spelled = |name, expected: Expectation, put: fn(&str) -> String| {
        Attack::new(format!("identity headers{name}"), expected, forged(get(), put).bearer(token))
    };
    vec![
        spelled("", Served, str::to_owned),
        spelled(" in small letters", Served, str::to_lowercase),
        spelled(" with underscores", Served, |name| name.replace('-', "_")),
        spelled(" with one underscore", Served, |name| name.replacen('-', "_", 1)),
        spelled(" with the other underscore", Served, |name| name.replace("Auth-", "Auth_")),
        spelled(" with a blank behind", Known, |name| format!("{name} ")),
        Attack::new("a header in a folded line", Known, hidden("\r\n ")),
        Attack::new("a header after a bare line feed", Known, hidden("\n")),
        Attack::new("a header after a bare carriage return", Known, hidden("\r")),
        Attack::new(
            "identity headers that Connection names",
            Known,
            connection(&format!("Connection: close, {named}")),
        ),
        Attack::new(
            "identity headers that a second Connection names",
            Known,
            connection("Connection: close").line(format!("Connection: {}", named.to_lowercase())),
        ),
        Attack::new("a good token, then another", Refused, get().bearer(token).line(other)),
        Attack::new("another token, then a good one", Refused, get().line(other).bearer(token)),
        Attack::new("two tokens in one line", Refused, get().bearer(&format!("{token}, Bearer {token}"))),
    ]
}

/// Forwarding headers reach the app only as the gateway writes them.
pub(super) async fn claims(attacker: &mut Attacker, token: &str) {
    let name = "forwarding headers";
    if attacker.user.is_none() {
        return attacker.unseen(name, "no credentials were given");
    }
    let answer = attacker.gateway.ask(&claiming(get().bearer(token))).await;
    let report = answer.ok().and_then(|answer| answer.echo_report());
    match report.as_ref().map(believed) {
        None => attacker.unseen(name, "no echo app tells what it got"),
        Some(believed) if believed.is_empty() => {
            attacker.find(name, Holds, "the app sees none as the client wrote it");
        }
        Some(believed) => {
            attacker.find(name, Weak, format!("the client writes {}", believed.join(", ")));
        }
    }
}

fn believed(report: &EchoReport) -> Vec<&str> {
    let is_claim = |name: &str| CLAIMS.iter().any(|claim| claim.eq_ignore_ascii_case(name));
    let believed = report.headers.iter().filter(|(name, value)| is_claim(name) && value.contains(FORGED));
    believed.map(|(name, _)| name.as_str()).collect()
}

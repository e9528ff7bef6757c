//! The forms a request can have: methods, versions, bodies, other protocols.

use super::{
    Attack, Attacker,
    Outcome::{Holds, Open},
    evaluate::{
        Expectation::{Refused, Served, Unauthorized},
        reached,
    },
    spoofs,
    user::ExpectedIdentity,
};
use crate::gateway::{
    connection::HttpAnswer,
    request::Request,
    websocket::{self, KEY},
};

const PATH: &str = "/forms/a%20b/%C3%A9;v=1?x=1&y=%2F&x=2";
/// A gateway that hands on the client's path as it is lets the client write all that the check reads.
const OWN_WORD: &str = "/v1/check?preflight=allow";
const MEBIBYTE: u32 = 1024 * 1024;

fn upgrade(request: Request) -> Request {
    websocket::handshake(request, KEY)
}

pub(super) fn anonymous() -> Vec<Attack> {
    let ask = |method| Request::new(method, PATH);
    vec![
        Attack::new("HEAD without a token", Unauthorized, ask("HEAD")),
        Attack::new("POST without a token", Unauthorized, ask("POST").body(vec![b'x'; 100_000])),
        Attack::new("OPTIONS without a token", Unauthorized, ask("OPTIONS")),
        Attack::new("TRACE without a token", Refused, ask("TRACE")),
        Attack::new("HTTP/1.0 without a token", Unauthorized, ask("GET").http_1_0()),
        Attack::new("WebSocket without a token", Unauthorized, upgrade(ask("GET"))),
    ]
}

pub(super) fn with(token: &str) -> Vec<Attack> {
    let ask = |method| Request::new(method, PATH).bearer(token);
    // No two stretches of it are alike.
    let body: Vec<u8> = (0..MEBIBYTE / 4).flat_map(u32::to_be_bytes).collect();
    vec![
        Attack::new("POST of 1 MiB", Served, ask("POST").body(body.clone())),
        Attack::new("POST of 1 MiB in chunks", Served, ask("POST").chunked(body)),
        Attack::new("PUT", Served, ask("PUT").body("{}")),
        Attack::new("DELETE", Served, ask("DELETE")),
        Attack::new("OPTIONS", Served, ask("OPTIONS")),
        Attack::new("HEAD", Served, ask("HEAD")),
        Attack::new("HTTP/1.0", Served, ask("GET").http_1_0()),
    ]
}

/// A CORS preflight carries no token. Whether it is let through is for the gateway to say, not for
/// the client; and it is nobody's.
pub(super) async fn preflight(attacker: &mut Attacker) {
    let preflight = |method, target: &str| {
        spoofs::forged(spoofs::as_preflight(Request::new(method, target)), str::to_owned)
    };
    let name = "a preflight that asks to be let in";
    let plain = attacker.gateway.ask(&preflight("OPTIONS", "/preflight")).await;
    let let_in = plain.ok().filter(|answer| reached(answer, attacker.has_echo));
    if let Some(answer) = let_in {
        match answer.echo_report().and_then(|report| ExpectedIdentity::nobody().differs(&report)) {
            Some(wrong) => attacker.find(name, Open, wrong),
            None => attacker.find(name, Holds, "preflights are let in, by the gateway's word"),
        }
    } else {
        let asking = preflight("OPTIONS", "/preflight?preflight=allow");
        attacker.attack(Attack::new(name, Unauthorized, asking)).await;
        let own_path = preflight("OPTIONS", OWN_WORD);
        attacker.attack(Attack::new("OPTIONS at the check's own path", Unauthorized, own_path)).await;
    }
    let own_path = preflight("GET", OWN_WORD).line("X-Forwarded-Method: OPTIONS");
    attacker.attack(Attack::new("GET at the check's own path", Unauthorized, own_path)).await;
}

/// Whoever could switch the app to HTTP/2 on the open connection would pass it requests that the
/// gateway never sees.
pub(super) async fn other_protocol(attacker: &mut Attacker, token: &str) {
    let name = "a switch to HTTP/2 in the clear";
    if attacker.user.is_none() {
        return attacker.unseen(name, "no credentials were given");
    }
    let request = Request::new("GET", PATH).bearer(token).line("Connection: Upgrade, HTTP2-Settings");
    let request = request.line("Upgrade: h2c").line("HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA");
    let answer = attacker.gateway.ask(&request).await;
    let report = answer.as_ref().ok().and_then(HttpAnswer::echo_report);
    match (answer, report) {
        (Ok(answer), None) if answer.status == 101 => {
            attacker.find(name, Open, "the app is asked, and agrees");
        }
        (_, Some(report))
            if report.headers.iter().any(|(name, value)| name == "upgrade" && value == "h2c") =>
        {
            attacker.find(name, Open, "the app is asked to switch");
        }
        (_, Some(_)) => attacker.find(name, Holds, "the app is not asked"),
        (Ok(answer), None) if answer.status >= 400 => {
            attacker.find(name, Holds, format!("refused with {}", answer.status));
        }
        (_, None) => attacker.unseen(name, "no echo app tells what it got"),
    }
}

//! Bodies that come late, never, or with a second request in them.

use std::{io, time::Duration};

use tokio::time::timeout;

use super::{
    Attacker,
    Outcome::{Holds, Weak},
    evaluate::Expectation::{Refused, Served, Unauthorized},
};
use crate::gateway::{request::Request, target::in_time};

/// How long a refusal may take that needs nothing more from the client.
const SOON: Duration = Duration::from_secs(6);

/// A refusal does not wait for the body.
pub(super) async fn never_comes(attacker: &mut Attacker) {
    let name = "a body that never comes, without a token";
    let request = Request::new("POST", "/late").line("Content-Length: 5");
    let request = attacker.marked(name, Unauthorized, request);
    let answer = timeout(SOON, attacker.gateway.ask(&request)).await;
    let answer = answer.unwrap_or_else(|elapsed| Err(io::Error::new(io::ErrorKind::TimedOut, elapsed)));
    attacker.evaluate(name, Unauthorized, &request, &answer);
}

/// A client may hold its body back until it is asked for it (RFC 9110 section 10.1.1).
pub(super) async fn held_back(attacker: &mut Attacker, token: &str) {
    let name = "a body held back until it is asked for";
    if attacker.user.is_none() {
        return attacker.unseen(name, "no credentials were given");
    }
    let head =
        Request::new("POST", "/held").bearer(token).line("Expect: 100-continue").line("Content-Length: 5");
    let answer = async {
        let mut connection = attacker.gateway.connect().await?;
        in_time(connection.exchange_in_parts(&attacker.gateway.bytes(&head), b"hello")).await
    }
    .await;
    let mut request = head;
    request.body = b"hello".to_vec();
    attacker.evaluate(name, Served, &request, &answer);
}

/// Where two programs disagree about the end of a body, what follows is a request that only one of
/// them has seen.
pub(super) async fn smuggled(attacker: &mut Attacker, token: &str) {
    let both = ["Transfer-Encoding: chunked", "Transfer-Encoding : chunked", "Transfer-Encoding: x, chunked"];
    for (number, coding) in both.into_iter().enumerate() {
        let name = format!("a request in the body of another, {}", number + 1);
        if attacker.user.is_none() {
            attacker.unseen(&name, "no credentials were given");
            continue;
        }
        let inner = attacker.marked(&name, Refused, Request::new("GET", "/smuggled"));
        let inner = inner.line("X-Auth-User: forged.example");
        let body = [b"0\r\n\r\n".to_vec(), attacker.gateway.bytes(&inner)].concat();
        let outer = Request::new("POST", "/outer").bearer(token).body(body).line(coding);
        match attacker.gateway.ask(&outer).await {
            // Whether the inner one reached the app is seen at the end.
            Ok(answer) => attacker.find(name, Holds, format!("the outer one: {}", answer.status)),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                attacker.find(name, Weak, format!("no answer: {error}"));
            }
            Err(error) => attacker.find(name, Holds, format!("hung up: {error}")),
        }
    }
}

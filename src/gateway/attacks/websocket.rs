//! A `WebSocket` is let through for who has a token, and the app knows who it is.

use std::io;

use super::{
    Attacker,
    Outcome::{Holds, Open, Unseen, Weak},
};
use crate::gateway::{
    echo_report::{EchoReport, Sum},
    request::Request,
    target::in_time,
    websocket::{self, KEY},
};

const MESSAGE: &str = "is anybody there?";

/// Opens one and says something.
pub(super) async fn opens(attacker: &mut Attacker, token: &str) {
    let name = "WebSocket";
    let Some(user) = &attacker.user else {
        return attacker.unseen(name, "no credentials were given");
    };
    let (outcome, seen) = match converse(attacker, token).await {
        Err(error) => (Weak, format!("does not open: {error}")),
        Ok(None) => (Unseen, "opens; no echo app tells who it is".to_owned()),
        Ok(Some(report)) => match user.identity().differs(&report) {
            Some(wrong) => (Open, wrong),
            None if report.sha256 != Sum::of(MESSAGE.as_bytes()).1 => {
                (Weak, "a message is changed".to_owned())
            }
            None => (Holds, "opens, and the app knows who it is".to_owned()),
        },
    };
    attacker.find(name, outcome, seen);
}

async fn converse(attacker: &Attacker, token: &str) -> io::Result<Option<EchoReport>> {
    let request = websocket::handshake(Request::new("GET", "/socket").bearer(token), KEY);
    let mut connection = attacker.gateway.connect().await?;
    let answer = attacker.gateway.ask_on(&mut connection, &request).await?;
    if answer.status != 101 || answer.one("sec-websocket-accept") != Some(&websocket::accept(KEY)) {
        return Err(io::Error::other(format!("answered with {}", answer.status)));
    }
    if !attacker.has_echo {
        return Ok(None);
    }
    in_time(async {
        connection.send(&websocket::from_client(MESSAGE, [7, 1, 8, 2])?).await?;
        let head = connection.exactly(websocket::LONG_HEAD).await?;
        let length = websocket::server_payload(&head).ok_or_else(|| io::Error::other("no message"))?;
        Ok(Some(serde_json::from_slice(&connection.exactly(length).await?)?))
    })
    .await
}

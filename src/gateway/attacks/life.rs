//! What changes while a session lives: its connection, its rate, its end.

use super::{
    Attack, Attacker,
    Outcome::{Holds, Open, Weak},
    evaluate::Expectation::{Denied, Unauthorized},
};
use crate::gateway::request::Request;

/// The most checks that are spent to come to a session's limit.
const MOST: u32 = 2000;

fn get(path: &str) -> Request {
    Request::new("GET", path)
}

/// A connection on which one request was let in lets in no other without a token.
pub(super) async fn one_connection(attacker: &mut Attacker, token: &str) {
    let name = "no token, on the connection of a good one";
    if attacker.user.is_none() {
        return attacker.unseen(name, "no credentials were given");
    }
    let bare = attacker.marked(name, Unauthorized, get("/again"));
    let answer = async {
        let mut connection = attacker.gateway.connect().await?;
        attacker.gateway.ask_on(&mut connection, &get("/again").bearer(token).keep_alive()).await?;
        attacker.gateway.ask_on(&mut connection, &bare).await
    }
    .await;
    attacker.evaluate(name, Unauthorized, &bare, &answer);
}

/// A browser sends the session cookie along from every page; what changes state is refused to pages
/// of others. The gateway must say which method it asks for, and hand on the cookie and the origin.
pub(super) async fn cookie(attacker: &mut Attacker) {
    let name = "POST with the session cookie, from a page of others";
    let cookie = match attacker.user.as_ref().map(|user| user.cookie()) {
        None => return attacker.unseen(name, "no credentials were given"),
        Some(Err(why)) => {
            let why = why.to_owned();
            return attacker.unseen(name, &why);
        }
        Some(Ok(cookie)) => format!("Cookie: {cookie}"),
    };
    let post =
        Request::new("POST", "/cookie").line(&cookie).line("Origin: https://forged.example").body("{}");
    attacker.attack(Attack::new(name, Denied(403), post.clone())).await;
    for (says, reported) in [("it is a GET", "GET"), ("nothing readable", "("), ("nothing", "")] {
        let post = post.clone().line(format!("X-Forwarded-Method: {reported}"));
        attacker.attack(Attack::new(format!("{name}, that says {says}"), Denied(403), post)).await;
    }
    let name = "GET with the session cookie";
    let answer = attacker.gateway.ask(&get("/cookie").line(&cookie)).await;
    match answer {
        Ok(answer) if answer.status < 400 => {
            attacker.find(name, Holds, format!("answered with {}", answer.status));
        }
        Ok(answer) => attacker.find(name, Weak, format!("refused with {}", answer.status)),
        Err(error) => attacker.find(name, Weak, format!("no answer: {error}")),
    }
}

/// Over its rate a session is told so, and when to come back.
pub(super) async fn too_often(attacker: &mut Attacker, token: &str) {
    let name = "a session over its rate";
    let Some(user) = &attacker.user else {
        return attacker.unseen(name, "no credentials were given");
    };
    if user.limit() > MOST {
        let why = format!("a session may ask {} times, too many to try", user.limit());
        return attacker.unseen(name, &why);
    }
    for _ in 0..2 * user.limit() {
        match user.is_over_the_limit().await {
            Ok(false) => {}
            Ok(true) => break,
            Err(error) => {
                let why = error.to_string();
                return attacker.unseen(name, &why);
            }
        }
    }
    attacker.attack(Attack::new(name, Denied(429), get("/often").bearer(token))).await;
}

/// Once signing out has been answered, the next request is refused.
pub(super) async fn signed_out(attacker: &mut Attacker, token: &str) {
    let name = "a token after signing out";
    let Some(user) = &attacker.user else {
        return attacker.unseen(name, "no credentials were given");
    };
    if let Err(error) = user.sign_out().await {
        let why = error.to_string();
        return attacker.unseen(name, &why);
    }
    attacker.attack(Attack::new(name, Unauthorized, get("/over").bearer(token))).await;
}

/// What was refused has not reached the app behind the client's back. The app remembers the probes of
/// all requests; those that are refused from here on it will not be asked about.
pub(super) async fn refused_stay_out(attacker: &mut Attacker, token: &str) {
    let name = "what was refused, at the app all the same";
    if attacker.user.is_none() {
        return attacker.unseen(name, "no credentials were given");
    }
    let answer = attacker.gateway.ask(&get("/probes").bearer(token)).await;
    let Some(report) = answer.ok().and_then(|answer| answer.echo_report()) else {
        return attacker.unseen(name, "no echo app tells what it got");
    };
    let came = attacker.refused.iter().filter(|(probe, _)| report.probes.contains(probe));
    let came: Vec<&str> = came.map(|(_, attack)| attack.as_str()).collect();
    if came.is_empty() {
        let seen = format!("none of {}", attacker.refused.len());
        attacker.find(name, Holds, seen);
    } else {
        let seen = came.join(", ");
        attacker.find(name, Open, seen);
    }
}

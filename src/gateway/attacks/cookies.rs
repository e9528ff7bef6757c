//! Keyward's cookies are worth a sign-in. The app has no use for them, and gets those of its own.

use super::{
    Attacker,
    Outcome::{self, Holds, Weak},
};
use crate::gateway::{echo_report::EchoReport, request::Request};

const OWN: [&str; 2] = ["theme=dark", "lang=en"];
const OURS: [&str; 2] = ["__Host-keyward-session=nobodys", "keyward-refresh=nobodys"];

/// Sends both kinds beside a token, so that ours need not be genuine.
pub(super) async fn stay_behind(attacker: &mut Attacker, token: &str) {
    let name = "Keyward's own cookies";
    if attacker.user.is_none() {
        return attacker.unseen(name, "no credentials were given");
    }
    let ([theme, language], [session, refresh]) = (OWN, OURS);
    let line = format!("Cookie: {theme}; {session}; {language}; {refresh}");
    let answer = attacker.gateway.ask(&Request::new("GET", "/cookies").bearer(token).line(line)).await;
    match answer.ok().and_then(|answer| answer.echo_report()) {
        None => attacker.unseen(name, "no echo app tells what it got"),
        Some(report) => {
            let (outcome, seen) = evaluate(&report);
            attacker.find(name, outcome, seen);
        }
    }
}

fn evaluate(report: &EchoReport) -> (Outcome, String) {
    let lines = report.headers.iter().filter(|(name, _)| name == "cookie").map(|(_, value)| value);
    let got: Vec<&str> = lines.flat_map(|line| line.split(';')).map(str::trim).collect();
    if got.iter().any(|cookie| OURS.contains(cookie)) {
        (Weak, "the app gets them".to_owned())
    } else if got == OWN {
        (Holds, "the app gets only cookies of its own".to_owned())
    } else {
        (Weak, format!("of its own cookies the app gets {got:?}"))
    }
}

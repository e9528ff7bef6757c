//! A path that asks for a role, or for a stronger sign-in, and the other spellings of it.

use percent_encoding::percent_decode_str;

use super::{
    Attack, Attacker,
    Outcome::{Holds, Open, Weak},
    evaluate::Expectation::{self, Denied, Stronger},
};
use crate::gateway::{connection::HttpAnswer, request::Request};

/// Tries to get at the forbidden path without its role.
pub(super) async fn lacking(attacker: &mut Attacker, token: &str) {
    let name = "a path that asks for a role";
    let Some(path) = attacker.forbidden.clone() else {
        return attacker.unseen(name, "no --forbidden PATH was given");
    };
    closed(attacker, token, &path, (name, Denied(403))).await;
}

/// Tries to get at what takes two factors with the token of one.
pub(super) async fn too_weak(attacker: &mut Attacker, token: &str) {
    let Some(path) = attacker.step_up.clone() else { return };
    closed(attacker, token, &path, ("a path that asks for two factors", Stronger)).await;
}

async fn closed(attacker: &mut Attacker, token: &str, path: &str, (name, expected): (&str, Expectation)) {
    if attacker.user.is_none() {
        return attacker.unseen(name, "no credentials were given");
    }
    attacker.attack(Attack::new(name, expected, Request::new("GET", path).bearer(token))).await;
    for spelling in spellings(path) {
        let request = Request::new("GET", &*spelling).bearer(token);
        let name = format!("{spelling} for {path}");
        match attacker.gateway.ask(&request).await {
            Ok(answer) if is_there(&answer, path) => {
                attacker.find(name, Open, "the app takes it for the same path");
            }
            Ok(answer) => attacker.find(name, Holds, format!("answered with {}", answer.status)),
            Err(error) => attacker.find(name, Weak, format!("no answer: {error}")),
        }
    }
}

fn spellings(path: &str) -> Vec<String> {
    let rest = path.trim_start_matches('/');
    let (first, other) = rest.split_at(rest.chars().next().map_or(0, char::len_utf8));
    let encoded = first.bytes().fold(String::new(), |text, byte| format!("{text}%{byte:02x}"));
    vec![
        format!("//{rest}"),
        format!("/./{rest}"),
        format!("/x/../{rest}"),
        format!("/x/%2e%2e/{rest}"),
        format!("/x%2f..%2f{rest}"),
        format!("/{encoded}{other}"),
        format!("/{}", rest.to_uppercase()),
        format!("{};x=1/y", path.trim_end_matches('/')),
        format!("{path}?role"),
        format!("{path}?preflight=allow&deny=200"),
        format!("{path}?acr=1&max_age=4294967295"),
    ]
}

/// Whether what reached the app is that path, as a lenient program reads it.
fn is_there(answer: &HttpAnswer, path: &str) -> bool {
    answer.echo_report().is_some_and(|report| {
        let (there, expected) = (plain(&report.target), plain(path));
        there.strip_prefix(&expected).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// The path in small letters, decoded, without parameters, and without steps that lead nowhere.
fn plain(target: &str) -> String {
    let path = target.split('?').next().unwrap_or("");
    let path = percent_decode_str(path).decode_utf8_lossy().to_lowercase();
    let mut steps: Vec<&str> = Vec::new();
    for step in path.split('/').map(|step| step.split(';').next().unwrap_or("")) {
        match step {
            "" | "." => {}
            ".." => drop(steps.pop()),
            step => steps.push(step),
        }
    }
    format!("/{}", steps.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_the_path() {
        for spelling in spellings("/admin/") {
            assert!(plain(&spelling).starts_with("/admin"), "{spelling}");
        }
        for other in ["/administration", "/x/admin", "/"] {
            assert!(!plain(other).starts_with("/admin/") && plain(other) != "/admin", "{other}");
        }
    }
}

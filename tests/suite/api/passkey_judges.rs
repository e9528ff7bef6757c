//! The same answers of passkeys, judged by this server and by two libraries that others use for it: `py_webauthn` and
//! `@simplewebauthn/server`. What is refused here for more reasons than theirs is in `passkeys.rs`.

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::passkeys::{DOMAIN, PAGE, PASSWORD, Scene, confirms, key, options};
use crate::support::authenticator::{Authenticator, BOUND, PRESENT, VERIFIED};

/// What was said of answers, and what they were answers to.
#[derive(Default)]
struct Cases {
    names: Vec<String>,
    lines: Vec<String>,
    ours: Vec<bool>,
}

impl Cases {
    fn note(&mut self, name: &str, is_taken: bool, mut case: Value) {
        case["domain"] = json!(DOMAIN);
        case["origins"] = json!(["https://auth.example.com", PAGE]);
        self.names.push(name.to_owned());
        self.lines.push(case.to_string());
        self.ours.push(is_taken);
    }

    /// What another makes of them.
    fn judged_by(&self, mut judge: Command, packages: &Path) -> Vec<String> {
        assert!(packages.join("installed").exists(), "tests/run installs the packages");
        let mut judge = judge
            .current_dir(packages)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the judge");
        let mut input = judge.stdin.take().expect("piped");
        writeln!(input, "{}", self.lines.join("\n")).expect("written");
        drop(input);
        let output = judge.wait_with_output().expect("verdicts");
        let verdicts: Vec<String> =
            String::from_utf8(output.stdout).expect("UTF-8").lines().map(str::to_owned).collect();
        assert_eq!(verdicts.len(), self.lines.len(), "{verdicts:?}");
        verdicts
    }

    fn hold_against(&self, who: &str, judge: Command, packages: &Path) {
        for ((name, ours), theirs) in self.names.iter().zip(&self.ours).zip(self.judged_by(judge, packages)) {
            assert_eq!(*ours, theirs == "taken", "{name}: {who} says {theirs}");
        }
    }
}

/// What an attacker would change, and what is good.
fn changed(good: &Authenticator, other_kind: &'static str) -> Vec<(&'static str, Authenticator)> {
    vec![
        ("good", good.clone()),
        ("another page", Authenticator { origin: "https://evil.example.net".to_owned(), ..good.clone() }),
        ("another port", Authenticator { origin: format!("{PAGE}:8443"), ..good.clone() }),
        ("another domain", Authenticator { domain: "example.net".to_owned(), ..good.clone() }),
        ("another ceremony", Authenticator { kind: Some(other_kind), ..good.clone() }),
        ("nobody there", Authenticator { flags: good.flags & !PRESENT, ..good.clone() }),
        ("nobody verified", Authenticator { flags: good.flags & !VERIFIED, ..good.clone() }),
    ]
}

#[tokio::test]
async fn three_judge_the_same_answers_alike() {
    let scene = Scene::set().await;
    let mut cases = Cases::default();
    // One of each algorithm, each of its own user, since a further one takes another sign-in.
    let [rs256, ed25519] = [Authenticator::rs256(DOMAIN, PAGE), Authenticator::ed25519(DOMAIN, PAGE)];
    scene.install.add_user("carol", PASSWORD, &[]);
    for (name, good) in [("alice", key()), ("bob", rs256), ("carol", ed25519)] {
        let owner = scene.by_password(name).await;
        for (what, mut changed) in changed(&good, "webauthn.get").into_iter().skip(1) {
            let asked = options(&owner).await;
            let made = changed.create(&asked);
            let said = confirms(&owner, &made).await.status == 201;
            cases.note(what, said, json!({ "passkey": made, "challenge": asked["challenge"] }));
        }
        let (asked, other) = (options(&owner).await, options(&owner).await);
        let mut own = Authenticator { flags: BOUND, counter: 7, ..good };
        let made = own.create(&asked);
        let stale = json!({ "passkey": made, "challenge": other["challenge"] });
        let said = confirms(&owner, &made).await.status == 201;
        cases.note("good", said, json!({ "passkey": made, "challenge": asked["challenge"] }));
        // Here it is the challenge of another answer; what the server says of that is in `passkeys.rs`.
        cases.note("another challenge", false, stale);
        own.counter = 8;
        sign_in(&scene, &mut cases, &own).await;
    }
    assert_eq!(cases.ours.iter().filter(|is_taken| **is_taken).count(), 6, "{:?}", cases.ours);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut python = Command::new("python3");
    python.arg(root.join("tests/python/passkeys.py")).env("PYTHONPATH", root.join("target/python"));
    cases.hold_against("py_webauthn", python, &root.join("target/python"));
    let program = fs::read_to_string(root.join("tests/node/passkeys.mjs")).expect("the program");
    let mut node = Command::new("node");
    node.args(["--input-type=module", "--eval", &program]);
    cases.hold_against("@simplewebauthn/server", node, &root.join("target/node"));
}

async fn sign_in(scene: &Scene, cases: &mut Cases, own: &Authenticator) {
    let mut all = changed(own, "webauthn.create");
    all.rotate_left(1);
    all.push(("the same count again", own.clone()));
    all.push(("a lower count", Authenticator { counter: 3, ..own.clone() }));
    let forger = Authenticator { id: own.id.clone(), user: own.user.clone(), counter: 9, ..key() };
    all.push(("another key", forger));
    let mut counter = 7;
    for (what, changed) in all {
        let (asked, token) = scene.begins(&json!({})).await;
        let shown = changed.get(&asked);
        let said = scene.answers(&token, &shown).await.status == 200;
        let key = URL_SAFE_NO_PAD.encode(own.public_key());
        let case =
            json!({ "passkey": shown, "challenge": asked["challenge"], "key": key, "counter": counter });
        cases.note(what, said, case);
        if said {
            counter = changed.counter;
        }
    }
}

//! The README is true: what it shows is run against the real binary, and what comes out has the shape
//! of what it shows; the keys that the pages it leads to name are there.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use crate::support::{
    outside::install::Install,
    servers::{postgres, redis},
};

const ADDRESS: &str = "127.0.0.1:8080";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).expect("the README")
}

/// The texts of all fenced blocks of a kind.
fn blocks(readme: &str, kind: &str) -> Vec<String> {
    let fence = format!("\n```{kind}\n");
    readme.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap_or_default().to_owned()).collect()
}

/// Each command of a console session with the output that is shown for it.
fn commands(session: &str) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    for line in session.lines() {
        match (line.strip_prefix("$ "), all.last_mut()) {
            (Some(command), _) => all.push((command.to_owned(), String::new())),
            (None, Some((_, output))) => {
                output.push_str(line);
                output.push('\n');
            }
            (None, None) => panic!("output before a command: {line}"),
        }
    }
    all
}

/// The text with all that differs from run to run evened out: numbers, ids, tokens, the date.
fn shape(text: &str) -> String {
    let even = |word: &str| {
        let random = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
        if word.contains('…') || word.len() >= 16 && word.contains(random) {
            return "…".to_owned();
        }
        let mut parts: Vec<&str> = word.split(|c: char| c.is_ascii_digit()).collect();
        parts.dedup_by(|a, b| a.is_empty() && b.is_empty());
        parts.join("0")
    };
    let in_word = |c: char| c.is_alphanumeric() || "-_.…".contains(c);
    let line = |line: &str| {
        if line.starts_with("date: ") {
            return "date:".to_owned();
        }
        let mut shaped = String::new();
        let mut rest = line.trim_end();
        while !rest.is_empty() {
            let (word, after) = rest.split_at(rest.find(|c| !in_word(c)).unwrap_or(rest.len()));
            let (gap, next) = after.split_at(after.find(in_word).unwrap_or(after.len()));
            shaped += &(even(word) + gap);
            rest = next;
        }
        shaped
    };
    text.trim_end().lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Runs the commands in one shell, and returns what each printed.
fn run(install: &Install, commands: &[String]) -> Vec<String> {
    let marked: Vec<String> = commands.iter().map(|command| format!("printf '\\036'\n{command}")).collect();
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &marked.join("\n")])
        .current_dir(install.path(""))
        .output()
        .expect("bash");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.split('\u{1e}').skip(1).map(str::to_owned).collect()
}

#[tokio::test]
async fn what_it_shows_is_what_happens() {
    let readme = readme();
    let install = Install::new();
    let server = install.start_on_terminal().await;
    let address = install.listen.to_string();
    let welcome = &blocks(&readme, "text")[0];
    let said = server.welcome().replace(&address, ADDRESS);
    assert_eq!(shape(welcome), shape(&said));

    let [shown_password, password] = [welcome, &said]
        .map(|text| text.split("password  ").nth(1).and_then(|rest| rest.lines().next()).expect("one"));
    let session = commands(&blocks(&readme, "console").concat());
    assert!(session.len() > 5, "too few commands to be the README's");
    let ours = |command: &str| command.replace(ADDRESS, &address).replace(shown_password, password);
    let printed = run(&install, &session.iter().map(|(command, _)| ours(command)).collect::<Vec<_>>());
    for ((command, shown), printed) in session.iter().zip(printed) {
        assert_eq!(shape(shown), shape(&printed), "{command}");
    }
}

#[test]
fn shapes_tell_outputs_apart() {
    for (one, other) in [
        ("x-auth-user: 01a1fce6-4456-7b82-b388", "x-auth-user: "),
        ("HTTP/1.1 200 OK", "HTTP/1.1 200"),
        ("{\"code\":\"a\"}", "{\"code\":\"b\"}"),
        ("a: 1\nb: 2", "a: 1"),
    ] {
        assert_ne!(shape(one), shape(other));
    }
    assert_eq!(shape("t=60 01a1fce6-4456-7b82 kwr_5-cqId7kj7HE0Q"), shape("t=7 99a1fce6-0000-7b82 kwr_5…"));
}

#[tokio::test]
async fn two_variables_are_all_that_several_nodes_need() {
    let readme = readme();
    let exports = blocks(&readme, "sh").concat();
    let names: Vec<&str> = exports
        .lines()
        .filter_map(|line| line.strip_prefix("export ")?.split_once('=').map(|(name, _)| name))
        .collect();
    assert_eq!(names, ["DATABASE_URL", "REDIS_URL"]);
    let redis = redis::Server::start(&[]);
    let install = Install::new().with(names[0], postgres::database()).with(names[1], redis.url());
    let server = install.start().await;
    let admin = server.admin().await.refreshed().await;
    assert_eq!(admin.check().await.status, 200);
    server.client().login("admin", "wrong").await.problem(401, "invalid_credentials");
    assert_eq!(admin.logout().await.status, 204);
    server.admin().await;

    let page = fs::read_to_string(root().join("docs/operating.md")).expect("the page");
    let names = names_in(&page, "### Keys in Redis");
    let is_of = |key: &str, name: &str| match name.split_once('<') {
        Some((prefix, _)) => key.starts_with(prefix),
        None => key == name,
    };
    let keys: Vec<String> = redis.ask("KEYS *");
    assert!(keys.len() > 5, "{keys:?}");
    for key in keys {
        assert!(names.iter().any(|name| is_of(&key, name)), "{key} is in no row");
    }
}

/// What the first cells name in the table below a heading.
fn names_in<'a>(page: &'a str, heading: &str) -> BTreeSet<&'a str> {
    let section = page.split(heading).nth(1).and_then(|rest| rest.split("\n## ").next()).expect("a section");
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    rows.flat_map(|cell| cell.split('`').step_by(2)).collect()
}

#[test]
fn the_contract_and_the_page_for_operators_name_the_same_keys() {
    let [contract, operating] = ["contract.md", "operating.md"]
        .map(|name| fs::read_to_string(root().join("docs").join(name)).expect("the page"));
    let names = names_in(&operating, "### Keys in Redis");
    assert!(names.len() > 10, "too few keys are seen: {names:?}");
    assert_eq!(names_in(&contract, "## 4. Redis"), names);
}

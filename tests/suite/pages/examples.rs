//! The examples of the documentation, run as they stand there.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Instant,
};

use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::json;
use tempfile::TempDir;

use crate::support::{
    outside::{
        app_server::AppServer,
        install::{Install, PATIENCE, Server},
    },
    servers::redis::free_port,
};

/// Where the pages say the server listens.
const ADDRESS: &str = "127.0.0.1:8080";
/// And the admin API.
const ADMIN: &str = "127.0.0.1:8082";
/// Parts what one command printed from what the next one did.
const MARK: &str = "\n@@@@\n";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A page of `docs/`.
pub fn page(name: &str) -> String {
    fs::read_to_string(root().join("docs").join(name)).expect("the page")
}

/// The text of every block of that language.
pub fn blocks(page: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let ends = page.split(&fence).skip(1).map(|rest| rest.split("```").next().expect("a block"));
    ends.map(str::to_owned).collect()
}

/// The name of the file that a block is: the last word of the comment in its first line.
pub fn name_of(block: &str) -> &str {
    let line = block.lines().next().unwrap_or_default().trim_end_matches("-->").trim_end();
    line.split(' ').next_back().expect("a name")
}

/// What is typed, each with what is printed.
fn dialogue(blocks: &[String]) -> Vec<(String, String)> {
    let mut dialogue: Vec<(String, String)> = Vec::new();
    for line in blocks.iter().flat_map(|block| block.lines()) {
        match (line.strip_prefix("$ "), dialogue.last_mut()) {
            (Some(typed), _) => dialogue.push((typed.to_owned(), String::new())),
            (None, Some((_, printed))) => printed.extend([line, "\n"]),
            (None, None) => panic!("printed by nothing: {line}"),
        }
    }
    dialogue
}

/// Without what differs from run to run: tokens, which the page cuts short, ids, times.
fn steady(printed: &str) -> String {
    let is_moment = |word: &str| word.len() == 10 && word.bytes().all(|byte| byte.is_ascii_digit());
    let kind = |word: &str| match word.len() {
        _ if word.starts_with("eyJ") => "an access token".to_owned(),
        _ if word.starts_with("kwr_") => "a refresh token".to_owned(),
        _ if is_moment(word.trim_matches([':', ',', ' ', '\n'])) => ": a moment,".to_owned(),
        36 if word.split('-').count() == 5 => "an id".to_owned(),
        64 if word.bytes().all(|byte| byte.is_ascii_alphanumeric()) => "a token".to_owned(),
        20..=24 if word.starts_with("20") && word.contains(':') && word.ends_with('Z') => "a time".to_owned(),
        22 if !word.contains(' ') => "an id".to_owned(),
        _ => word.to_owned(),
    };
    let words: Vec<_> = printed.trim().split('"').map(kind).collect();
    // Where the machine is busy, a second goes by.
    let text = words.join("\"").replace(r#""idle":1,"#, r#""idle":0,"#).replace(": 604799,", ": 604800,");
    let position = |line: &str| if line.starts_with("id: ") { "id: …".to_owned() } else { line.to_owned() };
    text.lines().map(position).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn what_is_typed_for_sessions_prints_what_the_page_says() {
    is_as_it_says("sessions.md").await;
}

#[tokio::test]
async fn what_is_typed_for_oauth_prints_what_the_page_says() {
    is_as_it_says("oauth.md").await;
}

#[tokio::test]
async fn what_is_typed_for_second_factors_prints_what_the_page_says() {
    is_as_it_says("second-factors.md").await;
}

#[tokio::test]
async fn what_is_typed_for_the_admin_api_prints_what_the_page_says() {
    is_as_it_says("admin.md").await;
}

#[tokio::test]
async fn what_is_typed_for_verifiers_prints_what_the_page_says() {
    is_as_it_says("verifiers.md").await;
}

#[tokio::test]
async fn what_is_run_for_a_bound_session_prints_what_the_page_says() {
    let install = Install::new();
    install.add_user("anna", "correct horse battery", &[]);
    let server = install.start().await;
    let block = blocks(&page("refresh-tokens.md"), "js").remove(0);
    let file = install.path(name_of(&block));
    fs::write(&file, &block).expect("written");
    let run = Command::new("node").arg(&file).env("KEYWARD", &server.url).output().expect("node");
    let said = block.lines().filter_map(|line| line.split_once(";   // "));
    let said: Vec<_> = said.filter(|(line, _)| line.starts_with("console")).map(|(_, said)| said).collect();
    assert_eq!(String::from_utf8_lossy(&run.stdout).lines().collect::<Vec<_>>(), said, "{run:?}");
    assert_eq!(said.len(), 2);
}

async fn is_as_it_says(name: &str) {
    let install = Install::new().with_admin();
    let server = install.start().await;
    let dialogue = dialogue(&blocks(&page(name), "console"));
    assert!(dialogue.len() > 2, "too few commands to be the page's");
    let address = server.url.trim_start_matches("http://");
    let admin = server.admin_url.trim_start_matches("http://");
    let typed = dialogue.iter().map(|(typed, _)| typed.replace(ADDRESS, address).replace(ADMIN, admin));
    let mark = "\nprintf '\\n@@@@\\n'\n";
    let script: String = typed.map(|typed| typed + mark).collect();
    let binaries = Path::new(env!("CARGO_BIN_EXE_keyward")).parent().expect("a folder");
    let script = format!("PATH={}:$PATH\n{script}", binaries.display());
    let mut bash = install.command(Path::new("bash"));
    let output = bash.args(["-c", &script]).output().expect("bash");
    let printed = String::from_utf8(output.stdout).expect("UTF-8").replace(address, ADDRESS);
    let printed: Vec<_> = printed.split(MARK).collect();
    assert_eq!(printed.len(), dialogue.len() + 1, "{printed:?}");
    for ((typed, expected), printed) in dialogue.iter().zip(printed) {
        assert_eq!(steady(printed), steady(expected), "{typed}");
    }
}

/// An app of a page, which ends with this value.
pub struct Running {
    _folder: TempDir,
    guard: Child,
    pub url: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

/// Writes the blocks of a language into a folder, each under the name in its first line, and runs a
/// command there.
pub async fn run(
    page: &str,
    (language, below): (&str, &str),
    command: &[&str],
    shop: &AppServer,
    server: &Server,
) -> Running {
    let below = root().join("target").join(below);
    assert!(
        below.join("installed").exists() || language == "php",
        "tests/run installs what {language} needs"
    );
    let folder = tempfile::tempdir_in(&below).expect("a folder");
    for block in blocks(page, language) {
        fs::write(folder.path().join(name_of(&block)), &block).expect("written");
    }
    let port = free_port().to_string();
    let guard = Command::new("sh")
        .args(["-c", r#""$@" & read -r _; kill -9 $!; wait $!"#, "sh"])
        .args(command.iter().map(|word| word.replace("PORT", &port)))
        .current_dir(folder.path())
        .envs([("KEYWARD_URL", &server.url), ("KEYWARD_APP", &shop.name), ("KEYWARD_SECRET", &shop.secret)])
        .envs([("PORT", &port), ("PYTHONPATH", &below.display().to_string())])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let running =
        Running { _folder: folder, guard: guard.expect("sh"), url: format!("http://127.0.0.1:{port}") };
    let deadline = Instant::now() + PATIENCE;
    while ask(&running, "GET", "/", "").send().await.is_err() {
        assert!(Instant::now() < deadline, "{command:?} does not listen");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    running
}

fn ask(app: &Running, method: &str, path: &str, token: &str) -> RequestBuilder {
    let client = Client::builder().no_proxy().build().expect("a client");
    let request = client.request(method.parse().expect("a method"), format!("{}{path}", app.url));
    request.header("cookie", format!("theme=dark; sid={token}"))
}

/// Signs in, and returns the token of the cookie.
async fn signed_in(app: &Running, earlier: &str) -> String {
    let request = ask(app, "POST", "/sign-in", earlier).json(&json!({ "user": "anna" }));
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::NO_CONTENT, "{answer:?}");
    let mut cookies = answer.headers().get_all("set-cookie").iter().map(|line| line.to_str().expect("ASCII"));
    let cookie = cookies.next_back().expect("a cookie").to_owned();
    let lower = cookie.to_ascii_lowercase();
    assert!(lower.contains("httponly") && lower.contains("samesite=lax"), "{cookie}");
    let token = cookie.strip_prefix("sid=").and_then(|rest| rest.split(';').next());
    token.filter(|token| token.len() == 64).expect("a token").to_owned()
}

/// What a user of the app sees with that token: a status, and how many visits it was.
async fn visit(app: &Running, token: &str) -> (u16, i64) {
    let answer = ask(app, "GET", "/", token).send().await.expect("an answer");
    let status = answer.status().as_u16();
    if status != 200 {
        return (status, 0);
    }
    let text = answer.text().await.expect("a body");
    let body: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(body["user"], "anna", "{body}");
    (status, body["visits"].as_i64().expect("a number"))
}

async fn counts_visits(language: &str, below: &str, command: &[&str]) {
    let install = Install::new();
    let server = install.start().await;
    let shop = AppServer::register(&install, &server, "shop");
    let app = run(&page("sessions.md"), (language, below), command, &shop, &server).await;
    for nobody in ["", "short", &"x".repeat(64), &"-".repeat(64), "\"\\012\""] {
        assert_eq!(visit(&app, nobody).await, (401, 0), "{nobody}");
    }
    let first = signed_in(&app, "").await;
    assert_eq!(visit(&app, &first).await, (200, 1));
    assert_eq!(visit(&app, &first).await, (200, 2));
    let second = signed_in(&app, &first).await;
    assert_eq!(visit(&app, &first).await, (401, 0), "a token from before the sign-in");
    assert_eq!(visit(&app, &second).await, (200, 1));
    assert_eq!(shop.rest("GET", "activity?dt=600").await.json(), json!({ "activity": 1 }));
    let out = ask(&app, "POST", "/sign-out", &second).send().await.expect("an answer");
    assert_eq!(out.status(), StatusCode::NO_CONTENT);
    assert_eq!(visit(&app, &second).await, (401, 0));
    assert_eq!(shop.rest("GET", "activity?dt=600").await.json(), json!({ "activity": 0 }));
}

#[tokio::test]
async fn an_express_app_counts_visits() {
    counts_visits("js", "node", &["node", "server.mjs"]).await;
}

#[tokio::test]
async fn a_flask_app_counts_visits() {
    counts_visits("python", "python", &["python3", "-m", "flask", "run", "--port", "PORT"]).await;
}

#[tokio::test]
async fn a_django_project_counts_visits() {
    counts_visits("python", "python", &["python3", &django_project(), "PORT"]).await;
}

#[tokio::test]
async fn in_django_a_session_is_its_users_and_a_late_save_brings_it_not_back() {
    let install = Install::new();
    let server = install.start().await;
    let shop = AppServer::register(&install, &server, "shop");
    let (page, command) = (page("sessions.md"), ["python3", &django_project(), "PORT"]);
    let app = run(&page, ("python", "python"), &command, &shop, &server).await;
    let token = signed_in(&app, "").await;
    let anna = shop.rest("GET", "soid/1").await.json()["sessions"][0].clone();
    assert_eq!((&anna["id"], &anna["ip"]), (&json!("1"), &json!("127.0.0.1")), "{anna}");
    assert_eq!(shop.rest("GET", "soid/anonymous").await.json(), json!({ "sessions": [] }));

    let late = ask(&app, "GET", "/late", &token).send().await.expect("an answer");
    assert_eq!(late.status(), StatusCode::BAD_REQUEST, "{late:?}");
    assert_eq!(visit(&app, &token).await, (401, 0));
    assert_eq!(shop.rest("GET", "activity?dt=600").await.json(), json!({ "activity": 0 }));
}

/// The project that the page's session engine is put into.
fn django_project() -> String {
    root().join("tests/python/django_project.py").display().to_string()
}

#[tokio::test]
async fn a_php_page_counts_visits() {
    let folder: PathBuf = root().join("target/php");
    fs::create_dir_all(folder).expect("a folder");
    counts_visits("php", "php", &["php", "-S", "127.0.0.1:PORT", "index.php"]).await;
}

//! With Prometheus' own programs: `promtool` takes the page and the rules, and a server scrapes and evaluates them.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use super::{Page, with_alice};
use crate::support::outside::install::{Install, PATIENCE, Server, free_addresses};

/// How many rules there are.
const RULES: usize = 10;

fn docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)
}

fn promtool(arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new("promtool");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("promtool");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("written");
    child.wait_with_output().expect("its output")
}

/// A Prometheus that scrapes a server by our rules; it ends with this value, and with the test.
struct Prometheus {
    guard: Child,
    url: String,
    _folder: TempDir,
}

impl Prometheus {
    fn scrapes(server: &Server) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let [address] = free_addresses();
        let target = server.management_url.trim_start_matches("http://");
        let config = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
             rule_files: ['{}']\n\
             scrape_configs:\n  - job_name: keyward\n    static_configs: [{{targets: ['{target}']}}]\n",
            docs("alerts.yml").display()
        );
        let file = folder.path().join("prometheus.yml");
        fs::write(&file, config).expect("written");
        let mut command = Command::new("sh");
        // It ends when the pipe from this process does.
        command.args(["-c", r#""$@" & read -r _; kill -9 $!; wait $!"#, "sh", "prometheus"]);
        command.arg(format!("--config.file={}", file.display()));
        command.arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()));
        command.arg(format!("--web.listen-address={address}"));
        command.current_dir(folder.path()).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let guard = command.spawn().expect("sh");
        Self { guard, url: format!("http://{address}"), _folder: folder }
    }

    /// What its API says, once it is as wanted.
    async fn comes_to(&self, path: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let (deadline, mut last) = (Instant::now() + PATIENCE * 2, Value::Null);
        while Instant::now() < deadline {
            if let Ok(answer) = client.get(format!("{}{path}", self.url)).send().await {
                last = answer.json().await.unwrap_or_default();
                if is_wanted(&last) {
                    return last;
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{path} does not come to what it should: {last}");
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

#[tokio::test]
async fn promtool_has_nothing_to_remark_on_the_page() {
    let install = Install::new();
    let server = with_alice(&install).await;
    server.client().signed_in("alice", super::PASSWORD).await.refreshed().await.check().await;
    let page = Page::of(&server).await;
    let output = promtool(&["check", "metrics"], &page.text);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    for measure in &keyward::measures::table::ALL {
        let is_shown = page.text.contains(&format!("# TYPE {} {}\n", measure.name, measure.kind.as_str()));
        // What has labels is shown from its first value on.
        assert!(is_shown || !measure.labels.is_empty(), "{} in {page}", measure.name);
        assert!(
            !is_shown || page.text.contains(&format!("# HELP {} {}\n", measure.name, measure.help)),
            "{page}"
        );
    }
}

#[test]
fn promtool_takes_the_rules_and_each_fires_when_it_should() {
    let rules = docs("alerts.yml").display().to_string();
    let output = promtool(&["check", "rules", &rules], "");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains(&format!("{RULES} rules found")), "{output:?}");
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/api/metrics/alerts_test.yml");
    let output = promtool(&["test", "rules", &tests.display().to_string()], "");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn each_rule_is_tested_and_says_its_reason() {
    let rules = fs::read_to_string(docs("alerts.yml")).expect("the rules");
    let tests = fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/api/metrics/alerts_test.yml"),
    );
    let tests = tests.expect("the tests");
    let names: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert_eq!(names.len(), RULES, "{names:?}");
    for name in names {
        assert!(tests.contains(&format!("alertname=\"{name}\"")), "{name} is not tested");
        let rule =
            rules.split(&format!("- alert: {name}\n")).nth(1).and_then(|rest| rest.split("- alert: ").next());
        let rule = rule.expect("a rule");
        for part in ["for: ", "severity: ", "summary: ", "reason: "] {
            assert!(rule.contains(part), "{name} has no {part}");
        }
    }
}

#[tokio::test]
async fn a_prometheus_scrapes_a_server_and_finds_its_rules_healthy() {
    let install = Install::new();
    let server = with_alice(&install).await;
    let prometheus = Prometheus::scrapes(&server);
    server.client().signed_in("alice", super::PASSWORD).await.check().await;
    let targets =
        prometheus.comes_to("/api/v1/targets", |all| all["data"]["activeTargets"][0]["health"] == "up").await;
    assert_eq!(targets["data"]["activeTargets"][0]["lastError"], "", "{targets}");
    let evaluated =
        |all: &Value| rules_of(all).len() == RULES && rules_of(all).iter().all(|rule| rule["health"] == "ok");
    let rules = prometheus.comes_to("/api/v1/rules", evaluated).await;
    for rule in rules_of(&rules) {
        assert_eq!(rule["state"], "inactive", "{rule}");
    }
    let query = "/api/v1/query?query=keyward_sign_ins_total%7Boutcome%3D%22granted%22%7D";
    prometheus.comes_to(query, |found| found["data"]["result"][0]["value"][1] == "1").await;
}

fn rules_of(all: &Value) -> Vec<&Value> {
    let groups = all["data"]["groups"].as_array();
    groups.into_iter().flatten().flat_map(|group| group["rules"].as_array().into_iter().flatten()).collect()
}

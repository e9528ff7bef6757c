//! What the pages say of metrics is what there is: the tables in docs/operating.md, the dashboard and the alert rules.

use std::{collections::BTreeSet, fs};

use keyward::measures::{Kind, Measure, Values, table::ALL};
use serde_json::Value;

use super::docs::root;

/// How a metric stands in the table.
fn row(measure: &Measure) -> String {
    let labels: Vec<&str> = measure.labels.iter().map(|label| label.name).collect();
    let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
    format!("| `{}{labels}` | {} | {} |", measure.name, measure.kind.as_str(), measure.help)
}

/// What its labels say, each as it stands in the list.
fn labels() -> BTreeSet<String> {
    let labels = ALL.iter().flat_map(|measure| measure.labels.iter().map(move |label| (measure, label)));
    let said = labels.map(|(measure, label)| {
        let values = match label.values {
            Values::Of(values) => {
                values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ")
            }
            Values::Fixed(text) => text.to_owned(),
        };
        let whose = if label.name == "outcome" { format!(" of `{}`", measure.name) } else { String::new() };
        format!("| `{}`{whose} | {values} |", label.name)
    });
    said.collect()
}

#[test]
fn the_table_of_metrics_is_that_of_the_code() {
    let page = fs::read_to_string(root().join("docs/operating.md")).expect("the page");
    let (_, rest) = page.split_once("## Metrics\n").expect("a section");
    let section = rest.split("\n## ").next().expect("its text");
    let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| `")).collect();
    let wanted: Vec<String> = ALL.iter().map(|measure| row(measure)).chain(labels()).collect();
    assert_eq!(rows, wanted, "it should be:\n{}\n", wanted.join("\n"));
}

/// The names of metrics that a text has.
fn named(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("keyward_") || word.starts_with("process_")).collect()
}

fn is_there(name: &str) -> bool {
    ALL.iter().any(|measure| match measure.kind {
        Kind::Histogram(_) => {
            ["_bucket", "_sum", "_count"].iter().any(|part| format!("{}{part}", measure.name) == name)
        }
        Kind::Counter | Kind::Gauge => measure.name == name,
    })
}

#[test]
fn the_dashboard_and_the_rules_name_metrics_that_there_are() {
    let read = |name: &str| fs::read_to_string(root().join("docs").join(name)).expect("a file");
    let dashboard: Value = serde_json::from_str(&read("grafana.json")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let queries: Vec<&str> = targets.map(|target| target["expr"].as_str().expect("a query")).collect();
    let queries = queries.join("\n");
    for name in named(&queries) {
        assert!(is_there(name), "{name} of the dashboard is no metric");
    }
    for measure in &ALL {
        assert!(queries.contains(measure.name), "{} is on no panel", measure.name);
    }
    let rules = read("alerts.yml");
    let rules = rules.lines().filter_map(|line| line.trim().strip_prefix("expr: "));
    let rules: Vec<&str> = rules.collect();
    for name in rules.iter().flat_map(|rule| named(rule)) {
        assert!(is_there(name), "{name} of a rule is no metric");
    }
    assert_eq!(rules.len(), 10);
}

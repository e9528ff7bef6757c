//! The runbook is true: each entry is whole and drilled, its commands are run by a drill, each alert leads to one, and
//! what it quotes of logs, events, metrics and figures is there.

use std::{collections::BTreeSet, fs};

use keyward::{
    domain::{event::EventKind, session::EndReason},
    measures::table::ALL,
};

use super::{
    docs::{files_below, has_heading, root},
    examples::{blocks, page},
    outages::all_tests,
};

/// Sections that are no trouble, and have no end.
const LISTS: [&str; 2] = ["Which health check for which balancer", "Sizing"];

/// Each section with its heading.
fn sections(page: &str) -> Vec<(&str, &str)> {
    page.split("\n## ").skip(1).map(|section| section.split_once('\n').expect("a heading")).collect()
}

/// What is quoted as code, outside of blocks.
fn quoted(text: &str) -> Vec<&str> {
    text.split("```").step_by(2).flat_map(|prose| prose.split('`').skip(1).step_by(2)).collect()
}

/// What the files of a folder hold.
fn texts(folder: &str) -> String {
    let files = files_below(&root().join(folder), &["rs"]);
    files.iter().map(|file| fs::read_to_string(file).expect("a text")).collect()
}

#[test]
fn each_entry_is_whole_and_names_the_tests_that_drill_it() {
    let (page, tests) = (page("runbook.md"), all_tests());
    let sections = sections(&page);
    assert!(sections.len() > 18, "{}", sections.len());
    for (heading, text) in sections.into_iter().filter(|(heading, _)| !LISTS.contains(heading)) {
        for part in ["See", "Do", "Users", "Over", "Drilled by"] {
            assert_eq!(text.matches(&format!("- **{part}**: ")).count(), 1, "{part} of {heading}");
        }
        let drills = text.split("- **Drilled by**: ").nth(1).and_then(|rest| rest.split("\n\n").next());
        let drills = quoted(drills.expect("a line"));
        assert!(!drills.is_empty(), "{heading}");
        for drill in drills {
            assert!(tests.contains(drill), "{drill} of {heading} is no test");
        }
    }
    let named = |word: &&str| word.matches('_').count() > 4 && !word.starts_with("keyward_");
    for name in quoted(&page).into_iter().filter(named) {
        assert!(tests.contains(name), "{name} is no test");
    }
}

#[test]
fn the_commands_of_each_entry_are_run_by_a_drill() {
    let drills = texts("tests/suite/drills/runbook");
    let titles = blocks(&page("runbook.md"), "sh").into_iter().map(|block| {
        let first = block.lines().next().expect("a line");
        first.strip_prefix("# ").expect("a comment that says what is done").to_owned()
    });
    let titles: Vec<String> = titles.collect();
    assert!(titles.len() > 15, "{titles:?}");
    for title in &titles {
        assert!(drills.contains(&format!("\"{title}\"")), "no drill runs {title:?}");
    }
    for language in ["haproxy", "caddyfile", "nginx"] {
        assert_eq!(blocks(&page("runbook.md"), language).len(), 1, "{language}");
        assert!(drills.contains(&format!("(\"{language}\")")), "no drill runs {language}");
    }
}

#[test]
fn each_alert_leads_to_its_entry_and_the_first_table_there_too() {
    let rules = fs::read_to_string(root().join("docs/alerts.yml")).expect("the rules");
    let page = page("runbook.md");
    let place = format!("{}/blob/main/docs/runbook.md#", env!("CARGO_PKG_REPOSITORY"));
    let mut count = 0;
    for rule in rules.split("- alert: ").skip(1) {
        let name = rule.lines().next().expect("a name");
        let link = rule.lines().find_map(|line| line.trim().strip_prefix("runbook_url: "));
        let heading = link.and_then(|link| link.strip_prefix(&place)).expect("a link to the runbook");
        assert!(has_heading(&root().join("docs/runbook.md"), heading), "{heading} of {name}");
        let row = page.lines().find(|line| line.starts_with("| `") && line.contains(name));
        assert!(row.is_some_and(|row| row.contains(&format!("(#{heading})"))), "{name}: {row:?}");
        let (_, entry) = sections(&page).into_iter().find(|(_, text)| text.contains(name)).expect("an entry");
        assert!(entry.contains("**See**"), "{name}");
        count += 1;
    }
    assert_eq!(count, 10);
}

#[test]
fn what_the_runbook_quotes_is_said() {
    // A line of the log may be quoted across the end of a line.
    let (page, sources) = (page("runbook.md").replace("\n  ", " "), texts("src"));
    let mut lines = 0;
    for word in quoted(&page) {
        if let Some(line) = word.strip_prefix('"').and_then(|word| word.strip_suffix('"')) {
            assert!(sources.contains(line), "nothing logs {line:?}");
            lines += 1;
        }
        if word.starts_with("keyward_") {
            let is_there = ALL.iter().any(|measure| measure.name == word);
            assert!(is_there, "{word} is no metric");
        }
    }
    assert!(lines > 5, "{lines}");
    for command in blocks(&page, "sh").concat().split("--kind ").skip(1) {
        let kind = command.split([' ', '\n']).next().expect("a word");
        assert!(kind.parse::<EventKind>().is_ok(), "{kind} is no kind");
    }
    let (_, reasons) = page.split_once("| reason | |").expect("a table");
    let rows = reasons.lines().take_while(|line| !line.starts_with("##"));
    let rows = rows.filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    let named: BTreeSet<&str> = rows.flat_map(|cell| cell.split('`').step_by(2)).collect();
    let named: BTreeSet<&str> = named.into_iter().filter(|word| !["", ", "].contains(word)).collect();
    assert_eq!(named.len(), 11, "{named:?}");
    for reason in named {
        assert!(reason.parse::<EndReason>().is_ok(), "{reason} is no reason");
    }
}

#[test]
fn the_figures_of_sizing_were_measured() {
    let page_of = ["performance.md", "outages.md"].map(page).concat();
    let known: BTreeSet<&str> =
        page_of.split(|c: char| !c.is_ascii_digit() && c != '.' && c != ',').collect();
    let runbook = page("runbook.md");
    let (_, sizing) = sections(&runbook).into_iter().find(|(heading, _)| *heading == "Sizing").expect("it");
    let rows = sizing.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| |"));
    let figures: Vec<&str> = rows.filter_map(|row| row.split(" | ").nth(1)).collect();
    assert!(figures.len() > 8, "{figures:?}");
    for figure in figures {
        let number = figure.split(' ').next().expect("a number");
        assert!(known.contains(number), "{figure} was not measured");
    }
}

//! The pages are true: every setting, file and heading that they name is there, the map names every room, and
//! what the code cites of the contract has a section.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use keyward::domain::admin::AdminRole;
use serde_json::Value;

use crate::support::outside::install::Install;

pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_file_the_map_names_is_there() {
    let here = root();
    let map = fs::read_to_string(here.join("docs/architecture.md")).expect("the map");
    let quoted = map.split('`').skip(1).step_by(2);
    let is_path = |word: &&str| [".rs", ".lua", ".sql", "/"].iter().any(|end| word.ends_with(end));
    let named: Vec<&str> =
        quoted.filter(is_path).filter(|path| !path.contains(char::is_whitespace)).collect();
    assert!(named.len() > 40, "too few files are seen");
    for path in &named {
        assert!(here.join("src").join(path).exists() || here.join(path).exists(), "{path} is not there");
    }
    for entry in fs::read_dir(here.join("src")).expect("a folder") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        let room = name.trim_end_matches(".rs");
        let is_named = named.iter().any(|path| path.split(['/', '.']).next() == Some(room));
        assert!(is_named || ["lib", "main"].contains(&room), "{name} is not on the map");
    }
}

/// The README, and the pages that it leads to; the changelog tells of what was, too.
fn pages() -> Vec<PathBuf> {
    let others = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "gateways/README.md"];
    let docs = files_below(&root().join("docs"), &["md"]);
    docs.into_iter().chain(others.map(|name| root().join(name))).collect()
}

/// What stands outside of fenced blocks.
fn prose(page: &Path) -> String {
    fs::read_to_string(page).expect("a page").split("```").step_by(2).collect()
}

/// The names of all settings.
fn settings() -> Vec<String> {
    let listed: Value = serde_json::from_str(&Install::new().good(&["config", "--json"])).expect("JSON");
    let name = |setting: &Value| setting["name"].as_str().expect("a name").to_owned();
    listed.as_array().expect("an array").iter().map(name).collect()
}

#[test]
fn the_contract_names_every_setting() {
    let contract = prose(&root().join("docs/contract.md"));
    let chapter = contract.split("## 2. ").next().expect("the first chapter");
    let quoted: BTreeSet<&str> = chapter.split('`').skip(1).step_by(2).collect();
    for setting in settings() {
        assert!(quoted.contains(&*setting), "{setting} is not in chapter 1");
    }
}

#[test]
fn the_settings_that_the_pages_name_are_there() {
    let settings = settings();
    let sections: Vec<&str> = settings.iter().filter_map(|name| Some(name.split_once('.')?.0)).collect();
    let mut count = 0;
    for page in pages() {
        for quoted in prose(&page).split('`').skip(1).step_by(2) {
            let word = quoted.split([' ', '\n']).next().unwrap_or_default();
            // Roles of Keyward's own begin as a section does.
            let is_role = AdminRole::parse(word).is_some();
            if !is_role && word.split_once('.').is_some_and(|(section, _)| sections.contains(&section)) {
                count += 1;
                assert!(
                    settings.iter().any(|name| name == word),
                    "{word} of {} is no setting",
                    page.display()
                );
            }
        }
    }
    assert!(count > 30, "too few settings are seen");
}

/// Folders that hold what is not the repository's own text.
const NOT_OURS: [&str; 3] = ["data", "node_modules", "target"];

/// Every file below a folder that has one of these endings.
pub(super) fn files_below(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && !NOT_OURS.contains(&name.as_str()) {
            found.extend(files_below(&path, endings));
        } else if path.extension().is_some_and(|it| endings.iter().any(|ending| it == *ending)) {
            found.push(path);
        }
    }
    found
}

#[test]
fn the_files_and_headings_that_texts_link_to_are_there() {
    let mut count = 0;
    for page in files_below(root(), &["md"]) {
        let prose = prose(&page);
        for link in prose.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            if file.starts_with("https://") {
                continue;
            }
            count += 1;
            let target = if file.is_empty() { page.clone() } else { page.with_file_name(file) };
            assert!(target.exists(), "{link} of {} is not there", page.display());
            assert!(heading.is_empty() || has_heading(&target, heading), "{link} of {}", page.display());
        }
    }
    assert!(count > 40, "too few links are seen");
}

#[test]
fn what_is_cited_of_the_contract_is_there() {
    let contract = fs::read_to_string(root().join("docs/contract.md")).expect("the contract");
    let headings = contract.lines().filter(|line| line.starts_with('#'));
    let sections: BTreeSet<String> =
        headings.filter_map(|line| number(line.trim_start_matches(['#', ' ']))).collect();
    assert!(sections.contains("1") && sections.contains("2.6"), "{sections:?}");
    let mut count = 0;
    for folder in ["src", "tests", "migrations", "docs"] {
        for file in files_below(&root().join(folder), &["rs", "lua", "sql", "md"]) {
            for cited in citations(&fs::read_to_string(&file).expect("a text")) {
                count += 1;
                assert!(sections.contains(&cited), "contract {cited}, cited in {}", file.display());
            }
        }
    }
    assert!(count > 25, "too few citations are seen");
}

/// The sections of the contract that a text cites: "contract 3", "contract 2.2", `contract_3` in the name of a
/// test; also where the line ends in between.
fn citations(text: &str) -> BTreeSet<String> {
    let lines = text.lines().map(|line| line.trim_start().trim_start_matches(['/', '!', '-']).trim_start());
    let text = lines.collect::<Vec<_>>().join(" ").to_lowercase();
    text.split("contract").skip(1).filter_map(|rest| number(rest.strip_prefix([' ', '_'])?)).collect()
}

/// The number of a section at the beginning of a text: `3`, or `2.2`.
fn number(text: &str) -> Option<String> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number = text[..end].trim_end_matches('.');
    (!number.is_empty()).then(|| number.to_owned())
}

#[test]
fn a_citation_is_seen_wherever_it_stands() {
    let text = "//! Contract 2.1, and by contract\n//! 4. A contract of 7.\nfn the_table_of_contract_3() {}";
    assert_eq!(citations(text).into_iter().collect::<Vec<_>>(), ["2.1", "3", "4"]);
}

/// Whether a page has a heading that is called so in links.
pub(super) fn has_heading(page: &Path, anchor: &str) -> bool {
    let called = |heading: &str| {
        let kept = |c: &char| c.is_alphanumeric() || "- _".contains(*c);
        heading
            .to_lowercase()
            .chars()
            .filter(kept)
            .map(|c| if c == ' ' { '-' } else { c })
            .collect::<String>()
    };
    let prose = prose(page);
    prose
        .lines()
        .filter(|line| line.starts_with('#'))
        .any(|line| called(line.trim_start_matches(['#', ' '])) == anchor)
}

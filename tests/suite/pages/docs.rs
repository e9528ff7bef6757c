//! The pages are true: every setting, file and heading that they name is there, and the map names every room.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::api::install::Install;

fn root() -> &'static Path {
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

/// The README, and the pages that it leads to.
fn pages() -> Vec<PathBuf> {
    let docs =
        fs::read_dir(root().join("docs")).expect("a folder").map(|entry| entry.expect("an entry").path());
    let others = ["README.md", "gateways/README.md"].map(|name| root().join(name));
    docs.filter(|path| path.extension().is_some_and(|it| it == "md")).chain(others).collect()
}

/// What stands outside of fenced blocks.
fn prose(page: &Path) -> String {
    fs::read_to_string(page).expect("a page").split("```").step_by(2).collect()
}

#[test]
fn the_settings_that_the_pages_name_are_there() {
    let listed: Value = serde_json::from_str(&Install::new().good(&["config", "--json"])).expect("JSON");
    let name = |setting: &Value| setting["name"].as_str().expect("a name").to_owned();
    let settings: Vec<String> = listed.as_array().expect("an array").iter().map(name).collect();
    let sections: Vec<&str> = settings.iter().filter_map(|name| Some(name.split_once('.')?.0)).collect();
    let mut count = 0;
    for page in pages() {
        for quoted in prose(&page).split('`').skip(1).step_by(2) {
            let word = quoted.split([' ', '\n']).next().unwrap_or_default();
            if word.split_once('.').is_some_and(|(section, _)| sections.contains(&section)) {
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

#[test]
fn the_files_and_headings_that_the_pages_link_to_are_there() {
    let mut count = 0;
    for page in pages() {
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
    assert!(count > 15, "too few links are seen");
}

/// Whether a page has a heading that is called so in links.
fn has_heading(page: &Path, anchor: &str) -> bool {
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

//! The page on outages is true: each of its rows names a test that is there, and the drills compare its cells
//! with what a server answers.

use std::{collections::BTreeSet, fs, path::Path};

use crate::support::outages_page::{promised, rows};

/// The names of all tests in a folder.
fn tests_below(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            tests_below(&path, found);
        } else {
            found.extend(tests_in(&fs::read_to_string(&path).expect("a text")));
        }
    }
}

/// The functions with an attribute that makes them tests.
fn tests_in(text: &str) -> BTreeSet<String> {
    let mut is_test = false;
    let mut found = BTreeSet::new();
    for line in text.lines() {
        if line.starts_with("#[") {
            is_test |= ["#[test]", "#[tokio::test", "#[rstest"].iter().any(|start| line.starts_with(start));
            continue;
        }
        let name = line.split_once("fn ").and_then(|(_, rest)| rest.split_once('(')).map(|(name, _)| name);
        found.extend(name.filter(|_| is_test).map(str::to_owned));
        is_test = false;
    }
    found
}

/// The names of all tests.
pub(super) fn all_tests() -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    tests_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite"), &mut tests);
    tests
}

#[test]
fn each_row_of_the_page_on_outages_names_a_test() {
    let tests = all_tests();
    let rows = rows();
    for row in &rows {
        assert!(tests.contains(&row.test), "{} is no test: {:?}", row.test, row.cells);
    }
    assert!(rows.len() > 20, "too few rows are seen: {}", rows.len());
}

#[test]
fn what_the_page_promises_can_be_read() {
    let promised = promised("redis_away");
    assert_eq!(promised.len(), 10, "{promised:?}");
}

#[test]
fn tests_are_told_from_other_functions() {
    let text = "fn helper() {}\n#[tokio::test]\nasync fn drilled() {\n#[rstest]\n#[case::a(1)]\nfn cased(\n#[derive(Debug)]\nfn no() {}";
    assert_eq!(tests_in(text).into_iter().collect::<Vec<_>>(), ["cased", "drilled"]);
}

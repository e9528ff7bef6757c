//! The page on security is true: every test that it names is there, and its rows are counted right.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use super::docs::{files_below, root};

/// The requirements of levels 1 and 2 in chapters V6, V7, V9 and V10 of OWASP ASVS 5.0.0.
const REQUIREMENTS: usize = 89;

fn page() -> String {
    fs::read_to_string(root().join("docs/security.md")).expect("the page")
}

#[test]
fn the_tests_that_the_page_names_are_there() {
    let tests: BTreeSet<String> =
        files_below(&root().join("tests/suite"), &["rs"]).iter().flat_map(|file| tests_in(file)).collect();
    let page = page();
    let named: BTreeSet<&str> =
        page.split('`').skip(1).step_by(2).filter(|word| is_name_of_a_test(word)).collect();
    assert!(named.len() > 80, "too few tests are seen: {}", named.len());
    for name in named {
        assert!(tests.contains(name), "{name} is no test");
    }
}

/// Nothing else that is quoted there is called so: codes and settings are shorter, metrics begin otherwise.
fn is_name_of_a_test(word: &str) -> bool {
    let is_name = word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    let is_long = word.matches('_').count() >= 3 || word.starts_with("jwt_") || word == "opaque_token";
    is_name && is_long && !word.starts_with("keyward_")
}

/// The functions of a file that have an attribute of a test.
fn tests_in(file: &Path) -> Vec<String> {
    let (mut names, mut is_test) = (Vec::new(), false);
    for line in fs::read_to_string(file).expect("a file").lines().map(str::trim_start) {
        is_test |= line.starts_with("#[") && line.contains("test");
        let Some((before, rest)) = line.split_once("fn ") else { continue };
        if ["", "async "].contains(&before) && std::mem::take(&mut is_test) {
            names.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    names
}

/// The cells of a row that begins with the number of a requirement.
fn requirement(line: &str) -> Option<Vec<&str>> {
    let cells: Vec<&str> = line.split('|').map(str::trim).collect();
    let is_number = cells.get(1)?.split('.').filter(|part| part.parse::<u8>().is_ok()).count() == 3;
    (is_number && cells.len() == 8).then_some(cells)
}

#[test]
fn each_requirement_has_one_row_and_the_rows_are_counted_right() {
    let page = page();
    let rows: Vec<Vec<&str>> = page.lines().filter_map(requirement).collect();
    let numbers: BTreeSet<&str> = rows.iter().map(|row| row[1]).collect();
    assert_eq!((rows.len(), numbers.len()), (REQUIREMENTS, REQUIREMENTS));
    let mut counts = BTreeMap::<&str, usize>::new();
    for row in &rows {
        assert!(["1", "2"].contains(&row[2]), "{row:?}");
        *counts.entry(row[4]).or_default() += 1;
    }
    for (verdict, count) in counts {
        let told = page.lines().find(|line| line.starts_with(&format!("| {verdict} |"))).expect(verdict);
        assert!(told.ends_with(&format!("| {count} |")), "{verdict} is {count} times there: {told}");
    }
}

//! The page of what the doctor finds: each of its lines is said by the program, and tried by a test.

use std::{fs, path::Path};

use super::docs::{files_below, root};

/// What the page quotes of the doctor.
fn rows() -> Vec<String> {
    let page = super::examples::page("operating.md");
    let section = page.split("## What the doctor finds").nth(1).and_then(|rest| rest.split("\n## ").next());
    let lines = section.expect("the section").lines().filter_map(|line| line.strip_prefix("| `"));
    lines.map(|line| line.split('`').next().expect("a quote").to_owned()).collect()
}

/// All sources of a folder, each up to where its tests begin, and from there on.
fn sources(folder: &Path) -> (String, String) {
    let (mut program, mut tests) = (String::new(), String::new());
    for file in files_below(folder, &["rs"]) {
        let text = fs::read_to_string(file).expect("a text");
        let (code, of_tests) = text.split_once("#[cfg(test)]").unwrap_or((&text, ""));
        program.push_str(code);
        tests.push_str(of_tests);
    }
    (program, tests)
}

#[test]
fn what_the_page_says_of_the_doctor_is_said_and_tried() {
    let (program, inline) = sources(&root().join("src"));
    let (suite, _) = sources(&root().join("tests/suite"));
    let rows = rows();
    assert!(rows.len() >= 50, "{} rows", rows.len());
    for row in rows {
        assert!(program.contains(&row), "nothing says {row:?}");
        assert!(suite.contains(&row) || inline.contains(&row), "no test makes the mistake of {row:?}");
    }
}

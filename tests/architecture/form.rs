//! No function over 60 lines, no file without a word on what it is for.

use crate::source::Source;

const LONGEST_FUNCTION: usize = 60;

/// What breaks a rule in a file, each as `FILE:LINE: RULE`.
fn broken(source: &Source) -> Vec<String> {
    let mut broken = Vec::new();
    if !source.text.starts_with("//!") {
        broken.push(format!("{}: a file opens with //! and what it is for", source.at(1)));
    }
    let long = long_functions(&source.text);
    let too_long = |(line, length)| format!("{}: a function of {length} lines is too long", source.at(line));
    broken.extend(long.into_iter().map(too_long));
    broken
}

/// In which line each begins, and of how many lines it is.
fn long_functions(text: &str) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut long = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let Some((before, after)) = line.split_once("fn ") else { continue };
        let indent = &line[..line.len() - line.trim_start().len()];
        let opens = before.split_whitespace().all(|word| word.starts_with("pub") || is_qualifier(word));
        if !opens || after.ends_with(';') {
            continue;
        }
        let ends = |line: &&str| line.strip_prefix(indent).is_some_and(|rest| rest == "}" || rest == ") {}");
        let length = lines[start..].iter().position(ends).map_or(1, |end| end + 1);
        if length > LONGEST_FUNCTION && !line.ends_with('}') {
            long.push((start + 1, length));
        }
    }
    long
}

fn is_qualifier(word: &str) -> bool {
    ["async", "const", "extern", "unsafe"].contains(&word) || word.starts_with('"')
}

#[test]
fn files_say_what_they_are_for_and_functions_stay_short() {
    let broken: Vec<_> = Source::all("src").iter().flat_map(broken).collect();
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn a_long_function_and_a_silent_file_are_seen() {
    let broken = |text: &str| broken(&Source::new("src", "app/mod.rs", text));
    let function = |lines| {
        let body = "        a();\n".repeat(lines);
        format!("//! What it is for.\nimpl A {{\n    pub async fn f() {{\n{body}    }}\n}}\n")
    };
    assert_eq!(broken(&function(58)), Vec::<String>::new());
    assert_eq!(broken(&function(59)), ["src/app/mod.rs:3: a function of 61 lines is too long"]);
    let short = "//! Short.\nfn short();\nfn one() {}\npub async fn two(\n    a: u8,\n) {}";
    assert_eq!(broken(short), Vec::<String>::new());
    assert_eq!(broken("use std::fmt;\n").len(), 1);
}

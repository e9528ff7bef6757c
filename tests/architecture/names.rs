//! One name, one thing: no two types of the same name.

use std::collections::BTreeMap;

use crate::source::Source;

/// Where names are not compared, and why.
const OWN_WORDS: &[(&str, &str)] = &[
    ("src/answers/", "an answer is called as what it tells of: `answers::User`"),
    ("src/cli/", "each command has its `Command`, `Args` and the like, and nobody else uses them"),
    ("src/config/settings.rs", "a section is named as in the file: `config::Server`"),
];

/// Names that say best what several types are, each of which is seen in its own file alone.
const PRIVATE: &[&str] = &["Shared", "State"];

const KINDS: &[&str] = &["struct", "enum", "trait", "type"];

/// The types that a file makes, with their lines.
fn types(source: &Source) -> Vec<(usize, &str)> {
    let lines = source.code.lines().zip(1..).take_while(|(_, line)| *line < source.end());
    lines.filter_map(|(text, line)| Some((line, type_in(text)?))).collect()
}

/// At the margin only: what is further in is a part of something else, or a function's own.
fn type_in(line: &str) -> Option<&str> {
    let mut words = line.split(' ');
    let mut word = words.next()?;
    if word.starts_with("pub") {
        // `pub(in crate::store)` is two words.
        word = if word == "pub(in" { words.nth(1)? } else { words.next()? };
    }
    let name = KINDS.contains(&word).then(|| words.next())??;
    name.split(|c: char| !c.is_alphanumeric() && c != '_').next()
}

/// The names that stand for more than one type, each with its places.
fn shared(sources: &[Source]) -> BTreeMap<&str, Vec<String>> {
    let mut places: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let compared = |source: &&Source| !OWN_WORDS.iter().any(|(place, _)| source.at(1).starts_with(place));
    for source in sources.iter().filter(compared) {
        for (line, name) in types(source) {
            places.entry(name).or_default().push(source.at(line));
        }
    }
    places.retain(|_, places| places.len() > 1);
    places
}

#[test]
fn a_name_stands_for_one_type() {
    let sources = Source::all("src");
    let shared = shared(&sources);
    let new = shared.iter().filter(|(name, _)| !PRIVATE.contains(*name));
    let new: Vec<_> = new.map(|(name, places)| format!("{name}: {}", places.join(", "))).collect();
    assert!(new.is_empty(), "names of several types:\n{}\n", new.join("\n"));
    let parted: Vec<_> = PRIVATE.iter().filter(|name| !shared.contains_key(**name)).collect();
    assert!(parted.is_empty(), "of one type by now, to be taken off the list: {parted:?}");
}

#[test]
fn two_types_of_one_name_are_seen() {
    let files = [
        ("a.rs", "pub struct A(u8);\npub(super) enum B {\n    C,\n}\nstruct D<'a> {\n    d: &'a str,\n}"),
        (
            "b.rs",
            "pub(in crate::store) type A = u8;\nimpl Iterator for E {\n    type Item = A;\n}\nunion C {}",
        ),
        ("c.rs", "pub(crate) trait D: Send {}\nstruct F;\n#[cfg(test)]\nmod tests {}\nstruct B;"),
    ];
    let sources: Vec<_> = files.iter().map(|(name, text)| Source::new("src", name, text)).collect();
    let found: Vec<_> = shared(&sources).into_iter().collect();
    let places = |places: [&str; 2]| places.map(|place| format!("src/{place}")).to_vec();
    assert_eq!(found, [("A", places(["a.rs:1", "b.rs:1"])), ("D", places(["a.rs:5", "c.rs:1"]))]);
}

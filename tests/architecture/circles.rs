//! No circle of imports among neighbours: the files and folders that lie in one folder, each folder counted
//! with all that is in it. The rooms are the neighbours of `src/`.
//!
//! Left out are a folder's own `mod.rs`, or the root of a crate, beside what lies in the folder: it holds what
//! its children share, and puts them together, so it uses them and they use it. An import of what a `mod.rs`
//! has only imported itself counts as one of the file that it comes from. Left out are tests inside a file,
//! too: they may set up more than what they test can see.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::source::{Origin, Source};

/// Folders that are a crate, or a shared part of several.
const TREES: &[&str] = &["src", "bench/common", "bench/load", "bench/sessions", "tests/architecture"];

/// Of neighbours in a folder, who uses whom, and where.
type Uses<'a> = BTreeMap<&'a str, BTreeMap<&'a str, String>>;

/// The folders of a tree by their paths in it, each with the uses among those that lie in it.
fn folders(sources: &[Source]) -> BTreeMap<Vec<&str>, Uses<'_>> {
    let modules: BTreeSet<Vec<&str>> =
        sources.iter().flat_map(|source| with_parents(source.module())).collect();
    let shared: BTreeMap<Vec<&str>, BTreeMap<&str, Vec<&str>>> = sources
        .iter()
        .filter(|source| source.is_folder())
        .map(|source| (source.module(), source.imports()))
        .collect();
    let mut folders: BTreeMap<Vec<&str>, Uses<'_>> = BTreeMap::new();
    for source in sources {
        let (from, end) = (source.module(), source.end());
        for used in source.uses().into_iter().filter(|used| used.line < end) {
            let Origin::Ours(target) = used.of else { continue };
            let target = resolved(target, &modules, &shared);
            let depth = from.iter().zip(&target).take_while(|(from, to)| from == to).count();
            let (Some(user), Some(neighbour)) = (from.get(depth), target.get(depth)) else { continue };
            if modules.contains(&target[..=depth]) {
                let used_by = folders.entry(from[..depth].to_vec()).or_default().entry(user).or_default();
                used_by.entry(neighbour).or_insert_with(|| source.at(used.line));
            }
        }
    }
    folders
}

fn with_parents(module: Vec<&str>) -> impl Iterator<Item = Vec<&str>> {
    (1..=module.len()).map(move |length| module[..length].to_vec())
}

/// Where a name is from that its folder has only imported.
fn resolved<'a>(
    mut target: Vec<&'a str>,
    modules: &BTreeSet<Vec<&str>>,
    shared: &BTreeMap<Vec<&'a str>, BTreeMap<&'a str, Vec<&'a str>>>,
) -> Vec<&'a str> {
    // No chain is longer; one that goes round would not compile.
    for _ in 0..target.len() + 8 {
        let known = (0..=target.len()).rev().find(|length| modules.contains(&target[..*length])).unwrap_or(0);
        let import = target.get(known).and_then(|name| shared.get(&target[..known])?.get(name));
        match import {
            Some(import) if *import != target => target = [import, &target[known + 1..]].concat(),
            _ => break,
        }
    }
    target
}

/// Neighbours each of whom uses all others, itself or by what it uses.
struct Circle {
    folder: String,
    names: Vec<String>,
    /// Who uses whom, and where.
    uses: Vec<String>,
}

impl Circle {
    fn new(tree: &str, folder: &[&str], uses: &Uses<'_>, names: &BTreeSet<&str>) -> Self {
        let inner = uses.iter().filter(|(name, _)| names.contains(*name)).flat_map(|(name, used)| {
            let inner = used.iter().filter(|(other, _)| names.contains(*other));
            inner.map(move |(other, at)| format!("    {at}: {name} uses {other}"))
        });
        Self {
            folder: [&[tree], folder].concat().join("/"),
            names: names.iter().map(ToString::to_string).collect(),
            uses: inner.collect(),
        }
    }
}

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.folder, self.names.join(", "))
    }
}

fn circles(tree: &str, sources: &[Source]) -> Vec<Circle> {
    let mut found = Vec::new();
    for (folder, uses) in folders(sources) {
        let mut seen = BTreeSet::new();
        for name in uses.keys() {
            let circle: BTreeSet<&str> = reached(&uses, name)
                .into_iter()
                .filter(|other| reached(&uses, other).contains(name))
                .collect();
            if circle.contains(name) && seen.is_disjoint(&circle) {
                found.push(Circle::new(tree, &folder, &uses, &circle));
                seen.extend(circle);
            }
        }
    }
    found
}

/// All that a neighbour uses, itself or by what it uses.
fn reached<'a>(uses: &Uses<'a>, from: &'a str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(name) = open.pop() {
        let next = uses.get(name).into_iter().flat_map(BTreeMap::keys);
        open.extend(next.filter(|next| reached.insert(**next)));
    }
    reached
}

#[test]
fn no_neighbours_use_each_other_in_a_circle() {
    let found: Vec<_> = TREES.iter().flat_map(|tree| circles(tree, &Source::all(tree))).collect();
    let found: Vec<_> = found.iter().map(|circle| format!("{circle}\n{}", circle.uses.join("\n"))).collect();
    assert!(found.is_empty(), "circles:\n{}\n", found.join("\n"));
}

/// Made-up sources: the circles among them.
fn circles_in(files: &[(&str, &str)]) -> Vec<String> {
    let sources: Vec<_> = files.iter().map(|(name, text)| Source::new("src", name, text)).collect();
    circles("src", &sources).iter().map(ToString::to_string).collect()
}

#[test]
fn a_circle_is_seen_at_every_height() {
    let long = [("a.rs", "use crate::b::B;"), ("b.rs", "use crate::c::C;"), ("c.rs", "use super::a::A;")];
    assert_eq!(circles_in(&long), ["src: a, b, c"]);
    let folders = [
        ("x/a/mod.rs", "use super::b::d::D;"),
        ("x/b/c.rs", "use crate::x::a::e::E;"),
        ("x/b/d.rs", ""),
        ("x/a/e.rs", ""),
    ];
    assert_eq!(circles_in(&folders), ["src/x: a, b"]);
    let two = [
        ("a.rs", "use crate::b;"),
        ("b.rs", "fn b() {\n    crate::a::a();\n}"),
        ("c.rs", "use crate::d::D;"),
        ("d.rs", "use crate::{c::C};"),
    ];
    assert_eq!(circles_in(&two), ["src: a, b", "src: c, d"]);
}

#[test]
fn a_circle_through_what_a_folder_has_imported_is_seen() {
    let files = [
        ("x/mod.rs", "mod a;\nmod b;\npub use self::b::{B, C};"),
        ("x/a.rs", "use super::B;"),
        ("x/b.rs", "use super::a::A;"),
        ("y.rs", "use crate::x::C;"),
    ];
    assert_eq!(circles_in(&files), ["src/x: a, b"]);
}

#[test]
fn what_goes_one_way_passes() {
    let files = [
        ("lib.rs", "pub mod x;\npub mod y;"),
        ("x/mod.rs", "use self::a::A;\nuse crate::y::Y;\npub struct X;"),
        ("x/a.rs", "use super::{X, b::B};\nfn a(a: a::A) {}"),
        (
            "x/b.rs",
            "use crate::x::X;\n// use super::a::A;\n#[cfg(test)]\nmod tests {\n    use super::super::a::A;\n}",
        ),
        ("y.rs", "use crate::z::Z;"),
        ("z.rs", "use x::y;"),
    ];
    assert_eq!(circles_in(&files), Vec::<String>::new());
}

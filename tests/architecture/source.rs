//! A file of ours, and what it uses.

use std::{collections::BTreeMap, fs, path::Path};

use crate::paths::{paths, without_comments};

/// A file of a tree of sources.
pub struct Source {
    /// Where the tree is, below the root.
    tree: String,
    /// Where it is in its tree.
    name: String,
    pub text: String,
    /// The text without its comments.
    pub code: String,
}

/// A name from elsewhere.
pub struct Use<'a> {
    pub line: usize,
    pub of: Origin<'a>,
    is_import: bool,
}

/// Where a name is from, in parts.
pub enum Origin<'a> {
    /// Our own crate, from its root on.
    Ours(Vec<&'a str>),
    Foreign(Vec<&'a str>),
}

impl Source {
    /// All files below a folder, in order.
    pub fn all(tree: &str) -> Vec<Self> {
        let mut found = Vec::new();
        walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join(tree), tree, "", &mut found);
        assert!(!found.is_empty(), "{tree} holds sources");
        found
    }

    pub fn new(tree: &str, name: &str, text: &str) -> Self {
        Self {
            tree: tree.to_owned(),
            name: name.to_owned(),
            text: text.to_owned(),
            code: without_comments(text),
        }
    }

    /// The path of its module from the root of the tree; that of a folder for its `mod.rs`, and none for
    /// the root itself.
    pub fn module(&self) -> Vec<&str> {
        let parts = self.name.trim_end_matches(".rs").split('/');
        parts.filter(|part| !["lib", "main", "mod"].contains(part)).collect()
    }

    /// A line of it, for whoever wants to open it.
    pub fn at(&self, line: usize) -> String {
        format!("{}/{}:{line}", self.tree, self.name)
    }

    /// It speaks for its folder.
    pub fn is_folder(&self) -> bool {
        ["lib.rs", "main.rs", "mod.rs"].iter().any(|name| self.name.ends_with(name))
    }

    /// In which line its tests begin, after all else.
    pub fn end(&self) -> usize {
        self.code.lines().position(|line| line == "#[cfg(test)]").map_or(usize::MAX, |at| at + 1)
    }

    /// What it uses, its tests included; a name that it has imported stands for what it was imported as.
    pub fn uses(&self) -> Vec<Use<'_>> {
        let module = self.module();
        let found = paths(&self.code);
        let mut imported: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for named in &found {
            if let (Some(target), Some(name)) = (absolute(&module, &named.path), named.path.last()) {
                imported.insert(name, target);
            }
        }
        let uses = found.into_iter().map(|named| {
            let ours = absolute(&module, &named.path).or_else(|| {
                let target = imported.get(named.path[0])?;
                Some([target, &named.path[1..]].concat())
            });
            let of = ours.map_or(Origin::Foreign(named.path), Origin::Ours);
            Use { line: named.line, of, is_import: named.is_import }
        });
        uses.collect()
    }

    /// What its imports bring, by name.
    pub fn imports(&self) -> BTreeMap<&str, Vec<&str>> {
        let ours = self.uses().into_iter().filter(|used| used.is_import).filter_map(|used| match used.of {
            Origin::Ours(target) => Some((*target.last()?, target)),
            Origin::Foreign(_) => None,
        });
        ours.collect()
    }
}

fn walk(folder: &Path, tree: &str, prefix: &str, found: &mut Vec<Source>) {
    let entries = fs::read_dir(folder).expect("a folder of sources");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    for path in paths {
        let name = format!("{prefix}{}", path.file_name().expect("a name").to_string_lossy());
        if path.is_dir() {
            walk(&path, tree, &format!("{name}/"), found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(Source::new(tree, &name, &fs::read_to_string(&path).expect("UTF-8")));
        }
    }
}

/// The path from the root of our own crate; `None` for one that begins elsewhere.
fn absolute<'a>(module: &[&'a str], path: &[&'a str]) -> Option<Vec<&'a str>> {
    let supers = path.iter().take_while(|part| **part == "super").count();
    match path[0] {
        "crate" => Some(path[1..].to_vec()),
        "self" => Some([module, &path[1..]].concat()),
        "super" => Some([&module[..module.len().saturating_sub(supers)], &path[supers..]].concat()),
        _ => None,
    }
}

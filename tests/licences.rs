//! Licences, bans and sources of everything that is built in, tests and all platforms included: what
//! `cargo deny check licenses bans sources` would say, of the graph cargo really resolves. Asks no
//! network where `cargo fetch --locked` has run.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

/// What may be built in and handed on under `Apache-2.0 OR MIT`, as the only licence or one of several.
const ALLOWED: &[(&str, &str)] = &[
    ("0BSD", "asks for nothing"),
    ("Apache-2.0", "one of our own two"),
    (
        "BSD-3-Clause",
        "permissive: keep the notice, no endorsement; the FSF and the ASF (category A) accept it",
    ),
    ("BSL-1.0", "permissive: keep the notice in source only (ASF category A)"),
    ("ISC", "permissive: MIT in fewer words (ASF category A)"),
    ("MIT", "one of our own two"),
    ("MIT-0", "permissive: MIT without the notice to keep (ASF category A)"),
    (
        "MPL-2.0",
        "webauthn-rs: its own files stay under it, which are published as they are; the rest is as before (section \
         3.3; ASF category B, in binary form)",
    ),
    ("Unicode-3.0", "permissive, for Unicode's data tables: keep the notice (ASF category A)"),
    ("Zlib", "permissive: do not misname changed copies (ASF category A)"),
];

const BANNED: &[(&str, &str)] = &[
    ("native-tls", "TLS is rustls: the same everywhere, nothing of the system's"),
    ("openssl", "as native-tls"),
    ("openssl-sys", "as native-tls"),
    ("ring", "cryptography is aws-lc-rs: one library to watch"),
    ("rsa", "its private-key operations leak through timing (RUSTSEC-2023-0071)"),
];

/// What is built in all the same, of these versions: who brings it, and why it does no harm there.
const EXCUSED: &[(&str, &str, &str)] = &[(
    "rsa",
    "0.10.",
    "webauthn-rs, which verifies with public keys alone: no private key ever comes near it",
)];

/// Two versions of these would not know each other's types or global state.
const ONE_VERSION: &[&str] = &[
    "aws-lc-rs",
    "axum",
    "http",
    "hyper",
    "jsonwebtoken",
    "redis",
    "rustls",
    "tokio",
    "tower",
    "tracing-core",
];

/// What is built here, under our own two licences.
const OURS: [&str; 2] = ["keyward", "keyward-tower"];
const SOURCE: &str = "registry+https://github.com/rust-lang/crates.io-index";

struct Package {
    name: String,
    version: String,
    licence: String,
}

#[test]
fn licences_are_compatible_with_ours() {
    let complaints: Vec<String> = graph().iter().filter_map(unlicensed).collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn no_licence_is_allowed_in_advance() {
    let graph = graph();
    for (licence, _) in ALLOWED {
        let needed = graph.iter().any(|package| unlicensed_without(package, Some(licence)).is_some());
        assert!(needed || ["Apache-2.0", "MIT"].contains(licence), "nothing needs {licence}");
    }
}

#[test]
fn nothing_banned_is_built_in() {
    let complaints = banned(&graph());
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn everything_comes_from_the_one_registry() {
    let lock =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock")).expect("Cargo.lock");
    assert_eq!(foreign_sources(&lock), Vec::<String>::new());
}

/// Every package of every platform and kind, without our own. Not `cargo metadata`: that also names
/// optional ones which are never built.
fn graph() -> Vec<Package> {
    let tree = "tree --workspace --locked --target all --edges normal,build,dev --prefix none --no-dedupe --format {p}|{l}";
    let cargo = Command::new(env!("CARGO"))
        .args(tree.split(' '))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(cargo.status.success(), "{}", String::from_utf8_lossy(&cargo.stderr));
    let text = String::from_utf8(cargo.stdout).expect("UTF-8");
    let lines: BTreeSet<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    let all = lines.into_iter().map(package);
    let packages: Vec<Package> = all.filter(|it| !OURS.contains(&&*it.name)).collect();
    assert!(packages.len() > 100, "too few packages to be true");
    packages
}

/// Reads `name v1.2.3 (what else)|licence`.
fn package(line: &str) -> Package {
    let (who, licence) = line.split_once('|').expect(line);
    let mut words = who.split(' ');
    let mut word = || words.next().expect(line).to_owned();
    Package { name: word(), version: word(), licence: licence.to_owned() }
}

fn unlicensed(package: &Package) -> Option<String> {
    unlicensed_without(package, None)
}

/// What is wrong with the licence, if `dropped` were not allowed.
fn unlicensed_without(package: &Package, dropped: Option<&str>) -> Option<String> {
    let Package { name, version, licence } = package;
    let expression = match spdx::Expression::parse_mode(licence, spdx::ParseMode::LAX) {
        Ok(expression) => expression,
        Err(error) => {
            return Some(format!("{name} {version}: {licence:?} is no SPDX expression: {}", error.reason));
        }
    };
    let allowed = |name: &str| Some(name) != dropped && ALLOWED.iter().any(|(allowed, _)| *allowed == name);
    let may_use = expression.evaluate(|asked| asked.license.id().is_some_and(|id| allowed(id.name)));
    (!may_use).then(|| format!("{name} {version}: {licence} is not allowed"))
}

fn banned(graph: &[Package]) -> Vec<String> {
    let versions = |name: &str| graph.iter().filter(|it| it.name == name).count();
    let is_excused = |it: &Package| {
        EXCUSED
            .iter()
            .any(|(name, version, _)| it.name == *name && it.version.starts_with(&format!("v{version}")))
    };
    let is_there = |name: &str| graph.iter().any(|it| it.name == name && !is_excused(it));
    let bans = BANNED.iter().filter(|(name, _)| is_there(name));
    let twins = ONE_VERSION.iter().filter(|name| versions(name) > 1);
    bans.map(|(name, why)| format!("{name} is banned: {why}"))
        .chain(twins.map(|name| format!("{name} is there twice")))
        .collect()
}

/// The packages of a lock file that come neither from the registry nor from this folder.
fn foreign_sources(lock: &str) -> Vec<String> {
    let value = |block: &str, key: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
        line.map(|text| text.trim_matches('"').to_owned())
    };
    let packages =
        lock.split("[[package]]").skip(1).map(|block| (value(block, "name"), value(block, "source")));
    packages
        .filter(|(name, source)| {
            let is_ours = name.as_deref().is_some_and(|name| OURS.contains(&name));
            source.as_deref().unwrap_or("this folder") != SOURCE && !is_ours
        })
        .map(|(name, source)| format!("{} from {}", name.unwrap_or_default(), source.unwrap_or_default()))
        .collect()
}

#[test]
fn what_is_not_allowed_is_seen() {
    for licence in ["GPL-3.0", "MIT AND AGPL-3.0", "Apache-2.0 OR", "", "see LICENSE", "MPL-1.1 OR SSPL-1.0"]
    {
        assert!(unlicensed(&package(&format!("a v1.0.0|{licence}"))).is_some(), "{licence}");
    }
    for licence in ["MIT", "GPL-3.0 OR MIT", "MIT/Unlicense", "(MIT OR Apache-2.0) AND Unicode-3.0"] {
        assert_eq!(unlicensed(&package(&format!("a v1.0.0 (proc-macro)|{licence}"))), None);
    }
}

#[test]
fn what_is_banned_or_comes_from_elsewhere_is_seen() {
    let graph =
        ["openssl v0.10.1|MIT", "tokio v1.0.0|MIT", "tokio v2.0.0|MIT", "syn v1.0.0|MIT", "syn v2.0.0|MIT"];
    assert_eq!(banned(&graph.map(package)).len(), 2);
    for (version, is_banned) in [("0.9.10", true), ("0.10.0", false)] {
        let graph = [package(&format!("rsa v{version}|MIT"))];
        assert_eq!(banned(&graph).len(), usize::from(is_banned), "{version}");
    }
    let lock = format!(
        "[[package]]\nname = \"a\"\nsource = \"{SOURCE}\"\n[[package]]\nname = \"b\"\nsource = \"git+https://x\"\n\
         [[package]]\nname = \"c\"\n[[package]]\nname = \"keyward\"\n"
    );
    assert_eq!(foreign_sources(&lock), ["b from git+https://x", "c from "]);
}

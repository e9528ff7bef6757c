//! The crate as it is published: it holds all that it is built of, and nothing that is not for others.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

/// Cargo in a folder, with the target folder of the tests, where what the crate depends on is built already. Asks no
/// network.
fn cargo(folder: &Path, arguments: &[&str], target: &Path) {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(arguments).arg("--target-dir").arg(target).current_dir(folder);
    let output = cargo.env("CARGO_INCREMENTAL", "0").output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn names_in(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    entries.map(|name| name.to_string_lossy().into_owned()).collect()
}

#[test]
fn the_published_crate_builds_by_itself() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().expect("a folder");
    cargo(here, &["package", "--no-verify", "--offline", "--allow-dirty"], folder.path());
    let name = concat!(env!("CARGO_PKG_NAME"), "-", env!("CARGO_PKG_VERSION"));
    let packed = folder.path().join("package").join(format!("{name}.crate"));
    let unpacked = Command::new("tar").arg("xzf").arg(packed).arg("-C").arg(folder.path()).status();
    assert!(unpacked.expect("tar").success());

    let root = folder.path().join(name);
    let names = names_in(&root);
    for wanted in
        ["CHANGELOG.md", "Cargo.lock", "LICENSE-APACHE", "LICENSE-MIT", "README.md", "deploy", "docs", "src"]
    {
        assert!(names.contains(wanted), "{wanted} is not in {names:?}");
    }
    for unwanted in [".ci", "bench", "clients", "data", "examples", "fuzz", "keys", "target", "tests"] {
        assert!(!names.contains(unwanted), "{unwanted} is in {names:?}");
    }
    // That is `cargo install`, but for making the binary.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder");
    cargo(&root, &["check", "--offline", "--locked"], target);
}

//! The crate as it is published: it holds all that it is built of, and an app can be built with it alone.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const CONSUMER: &str = r#"
[package]
name = "consumer"
version = "0.1.0"
edition = "2024"

[dependencies]
axum = { version = "0.8.9", default-features = false, features = ["http1", "tokio", "ws"] }
futures-util = "0.3"
keyward-tower = { path = "PACKED" }
tokio = { version = "1", features = ["macros", "net", "rt-multi-thread", "signal"] }

[workspace]
"#;

/// Cargo in a folder, with the target folder of the tests, where what the crate depends on is built already. Asks no
/// network.
fn cargo(folder: &Path, arguments: &[&str], target: &Path) {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(arguments).arg("--offline").arg("--target-dir").arg(target).current_dir(folder);
    let output = cargo.env("CARGO_INCREMENTAL", "0").output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The crate, packed and unpacked again.
fn packed(folder: &Path) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    cargo(here, &["package", "-p", "keyward-tower", "--no-verify", "--allow-dirty"], folder);
    let name = concat!(env!("CARGO_PKG_NAME"), "-", env!("CARGO_PKG_VERSION"));
    let archive = folder.join("package").join(format!("{name}.crate"));
    let unpacked = Command::new("tar").arg("xzf").arg(archive).arg("-C").arg(folder).status();
    assert!(unpacked.expect("tar").success());
    folder.join(name)
}

#[test]
fn the_published_crate_builds_by_itself_and_in_an_app() {
    let folder = tempfile::tempdir().expect("a folder");
    let packed = packed(folder.path());
    let entries = fs::read_dir(&packed).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let names: BTreeSet<String> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
    for wanted in ["Cargo.lock", "LICENSE-APACHE", "LICENSE-MIT", "README.md", "src"] {
        assert!(names.contains(wanted), "{wanted} is not in {names:?}");
    }
    assert!(!names.contains("tests"), "they need the repository: {names:?}");
    let license = fs::symlink_metadata(packed.join("LICENSE-MIT")).expect("a file");
    assert!(license.is_file(), "a link leads nowhere there");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder");
    cargo(&packed, &["check", "--locked", "--lib"], target);

    let consumer = folder.path().join("consumer");
    fs::create_dir_all(consumer.join("src")).expect("a folder");
    let manifest = CONSUMER.replace("PACKED", packed.to_str().expect("a path"));
    fs::write(consumer.join("Cargo.toml"), manifest).expect("a manifest");
    // The versions that are here: a registry may know newer ones.
    fs::copy(packed.join("Cargo.lock"), consumer.join("Cargo.lock")).expect("a lock");
    fs::copy(packed.join("examples/notes.rs"), consumer.join("src/main.rs")).expect("an app");
    cargo(&consumer, &["check"], target);
}

//! What installs Keyward elsewhere: each file is read by what reads it there, and what it makes is run, as far as that
//! takes no engine of containers, no systemd that runs, and no network.

mod compose;
mod container;
mod debian;
mod image;
mod kubernetes;
mod systemd;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::Value;

use crate::support::outside::install::Install;

/// The binary that is put where the real one would be.
const KEYWARD: &str = env!("CARGO_BIN_EXE_keyward");

/// A file or folder below `deploy/`.
fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(file(name)).expect(name)
}

/// Runs a program that must succeed; what it printed.
fn good(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The documents in a YAML file.
fn documents(name: &str) -> Vec<Value> {
    const READ: &str =
        "import json, sys, yaml; json.dump(list(yaml.safe_load_all(open(sys.argv[1]))), sys.stdout)";
    let read = good(python().args(["-c", READ]).arg(file(name)));
    serde_json::from_str(&read).expect("JSON")
}

/// Python with the packages of the tests.
fn python() -> Command {
    let mut python = Command::new("python3");
    python.env("PYTHONPATH", Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python"));
    python
}

/// The variables of an object.
fn variables(object: &Value) -> Vec<(String, String)> {
    let members = object.as_object().expect("an object").iter();
    members.map(|(name, value)| (name.clone(), value.as_str().expect("a text").to_owned())).collect()
}

/// What the settings come to with these variables, all of which must be settings.
fn settings(variables: &[(String, String)]) -> Vec<Value> {
    assert!(variables.iter().any(|(name, _)| name.starts_with("KEYWARD_")), "{variables:?}");
    let install = variables.iter().fold(Install::new(), |install, (name, value)| install.with(name, value));
    serde_json::from_str(&install.good(&["config", "--json"])).expect("JSON")
}

/// One of them that is a duration.
fn duration(settings: &[Value], name: &str) -> Duration {
    let setting = settings.iter().find(|setting| setting["name"] == name).expect(name);
    keyward::config::duration(setting["value"].as_str().expect("a text")).expect("a duration")
}

/// Whether this process may do everything.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").expect("/proc").uid() == 0
}

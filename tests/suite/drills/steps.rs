//! The commands of a page, run as they stand there: in a shell, in the folder of an installation, with its settings.

use std::path::Path;

use crate::{
    pages::examples::{blocks, page},
    support::outside::install::Install,
};

/// The commands of a page that begin with this comment.
pub fn commands(name: &str, title: &str) -> String {
    let blocks = blocks(&page(name), "sh").into_iter();
    let mut found = blocks.filter(|block| block.starts_with(&format!("# {title}\n")));
    let commands = found.next().unwrap_or_else(|| panic!("{name} has no block {title:?}"));
    assert!(found.next().is_none(), "{name} has {title:?} twice");
    commands
}

/// Runs them, each of which must succeed; returns what they printed.
pub fn run(install: &Install, script: &str, variables: &[(&str, &str)]) -> String {
    let (is_good, said) = shell(install, "set -euo pipefail", script, variables);
    assert!(is_good, "{script}{said}");
    said
}

/// The same of commands that look for trouble, and fail where they find it.
pub fn run_to_the_end(install: &Install, script: &str, variables: &[(&str, &str)]) -> String {
    shell(install, "set -u", script, variables).1
}

fn shell(install: &Install, begin: &str, script: &str, variables: &[(&str, &str)]) -> (bool, String) {
    let folder = Path::new(env!("CARGO_BIN_EXE_keyward")).parent().expect("a folder");
    let mut path = folder.as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").expect("a path"));
    let script = format!("exec 2>&1\n{begin}\n{script}");
    let mut bash = install.command(Path::new("bash"));
    let bash = bash.args(["-c", &script]).env("PATH", path).envs(variables.iter().copied());
    let output = bash.output().expect("bash");
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

//! The client libraries and the example, each by tests of its own: packed, installed as its users do it, and run with
//! the server under test.

use std::{
    fs::{self, File},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Beside a thousand other tests, with packages to build.
const PATIENCE: Duration = Duration::from_mins(15);

/// Kills all that the command started when the test process ends, in whatever way.
const GUARD: &str = r#"exec 3<&0; set -m; "$@" </dev/null & pid=$!
    { read -r _ <&3; kill -9 -- -$pid; } 2>/dev/null & wait $pid"#;

/// Runs one of the repository's programs that test a client, to its end.
fn run(program: &str, arguments: &[&str]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().expect("a folder");
    let said = folder.path().join("said");
    let log = File::create(&said).expect("a file");
    let mut command = Command::new("bash");
    command.args(["-c", GUARD, "bash", program]).args(arguments).current_dir(root);
    command.env("KEYWARD", env!("CARGO_BIN_EXE_keyward"));
    command.stdin(Stdio::piped()).stdout(log.try_clone().expect("a file")).stderr(log);
    let mut guard = command.spawn().expect("bash");
    let pipe = guard.stdin.take();
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        match guard.try_wait().expect("a child") {
            None if Instant::now() < deadline => thread::sleep(Duration::from_millis(50)),
            status => break status,
        }
    };
    drop(pipe);
    let said = fs::read_to_string(&said).expect("what it said");
    assert!(status.is_some_and(|status| status.success()), "{program} {arguments:?}: {status:?}\n{said}");
}

/// What `clients/testing/run.mjs` says of itself.
fn node_packages(tests: &str, packages: &[&str]) {
    run("node", &[&["clients/testing/run.mjs", tests], packages].concat());
}

#[test]
fn the_javascript_client_keeps_its_promises() {
    node_packages("clients/js/test", &["clients/js"]);
}

#[test]
fn the_package_for_node_servers_keeps_its_promises() {
    node_packages("clients/node/test", &["clients/node"]);
}

#[test]
fn the_package_for_python_servers_keeps_its_promises() {
    run("clients/python/test", &[]);
}

#[test]
#[ignore = "twenty tabs that share the machine with a thousand tests show how slow it is; tests/run runs it by itself"]
fn the_client_keeps_its_promises_in_chromium_and_firefox() {
    node_packages("clients/js/browser", &["clients/js"]);
}

#[test]
#[ignore = "a browser beside a thousand tests is too slow; tests/run runs it by itself"]
fn the_example_does_what_its_page_says() {
    node_packages("examples/test", &["clients/js", "clients/node"]);
}

//! deploy/systemd: systemd understands the unit, and finds it closed in.

use std::{fs, process::Command};

use super::{KEYWARD, duration, file, good, text};
use crate::support::outside::install::Install;

const UNIT: &str = "systemd/keyward.service";

fn analyze() -> Command {
    let mut analyze = Command::new("systemd-analyze");
    analyze.env("SYSTEMD_PAGER", "").env("NO_COLOR", "1");
    analyze
}

/// The value of a line of the unit.
fn value(name: &str) -> String {
    let unit = text(UNIT);
    let lines: Vec<&str> =
        unit.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('=')).collect();
    assert_eq!(lines.len(), 1, "{name}: {lines:?}");
    lines[0].to_owned()
}

#[test]
fn the_unit_is_understood() {
    let folder = tempfile::tempdir().expect("a folder");
    let unit = folder.path().join("keyward.service");
    fs::write(&unit, text(UNIT).replace("/usr/bin/keyward", KEYWARD)).expect("written");
    let output = analyze().args(["verify", "--man=no"]).arg(&unit).output().expect("systemd-analyze");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("keyward.service"), "{output:?}");

    // The same, told of a mistake, says so: it is not silent about everything.
    fs::write(&unit, text(UNIT).replace("/usr/bin/keyward", KEYWARD).replace("ProtectHome", "ProtectHouse"))
        .expect("written");
    let output = analyze().args(["verify", "--man=no"]).arg(&unit).output().expect("systemd-analyze");
    assert!(String::from_utf8_lossy(&output.stderr).contains("ProtectHouse"), "{output:?}");
}

#[test]
fn the_unit_is_closed_in() {
    let said = good(analyze().args(["security", "--offline=yes", "--no-pager"]).arg(file(UNIT)));
    let level = said.split("Overall exposure level for keyward.service: ").nth(1).expect("a level");
    let level: f32 = level.split(' ').next().and_then(|level| level.parse().ok()).expect("a number");
    assert!(level < 2.0, "{said}");
}

#[test]
fn the_unit_fits_the_server() {
    let defaults = Install::new().good(&["config", "--json"]);
    let defaults: Vec<serde_json::Value> = serde_json::from_str(&defaults).expect("JSON");
    let stop = duration(&defaults, "server.drain_delay") + duration(&defaults, "server.shutdown_grace");
    assert!(keyward::config::duration(&value("TimeoutStopSec")).expect("a duration") > stop);
    assert_eq!(value("ExecReload"), "/bin/kill -HUP $MAINPID");
    assert!(value("LimitNOFILE").parse::<u64>().expect("a number") >= 65_536);

    // The settings that it is installed with lie where the unit lets it write.
    let state = format!("/var/lib/{}", value("StateDirectory"));
    let listed = Install::new().good(&[
        "--config",
        file("systemd/keyward.toml").to_str().expect("UTF-8"),
        "config",
        "--json",
    ]);
    let listed: Vec<serde_json::Value> = serde_json::from_str(&listed).expect("JSON");
    for name in ["storage.data_dir", "keys.dir"] {
        let setting = listed.iter().find(|setting| setting["name"] == name).expect(name);
        assert!(setting["value"].as_str().expect("a path").starts_with(&state), "{setting}");
    }
}

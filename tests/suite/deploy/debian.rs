//! deploy/debian: the package is built of a binary, installed into the root of another system, runs there, is installed
//! again and purged.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use serde_json::Value;
use tempfile::TempDir;

use super::{KEYWARD, file, good, is_root};
use crate::support::outside::install::Install;

/// The package, built once, and over that of the last run.
fn package() -> &'static Path {
    static BUILT: LazyLock<PathBuf> = LazyLock::new(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("debian");
        fs::create_dir_all(&folder).expect("made");
        build(&folder)
    });
    &BUILT
}

fn build(folder: &Path) -> PathBuf {
    let mut build = Command::new(file("debian/build"));
    // Not packed: what is tested is what is in it.
    build.env("DPKG_DEB_COMPRESSOR_TYPE", "none").env("SOURCE_DATE_EPOCH", "1790000000");
    PathBuf::from(good(build.arg(KEYWARD).arg(folder)).trim())
}

/// The root of a system with nothing in it.
struct System(TempDir);

impl System {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a folder");
        for folder in ["var/lib/dpkg/updates", "var/lib/dpkg/info", "etc"] {
            fs::create_dir_all(root.path().join(folder)).expect("made");
        }
        fs::write(root.path().join("var/lib/dpkg/status"), "").expect("written");
        Self(root)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// As an administrator.
    fn dpkg(&self, arguments: &[&str]) -> String {
        let mut dpkg = Command::new(if is_root() { "dpkg" } else { "sudo" });
        if !is_root() {
            dpkg.args(["-n", "dpkg"]);
        }
        // What it depends on is outside, and its scripts run there.
        dpkg.arg("--root").arg(self.0.path()).args(["--force-script-chrootless", "--force-depends"]);
        good(dpkg.args(arguments))
    }

    fn install(&self) {
        self.dpkg(&["--install", package().to_str().expect("UTF-8")]);
    }

    /// The number of the user that the package makes.
    fn user(&self) -> u32 {
        let users = fs::read_to_string(self.path("etc/passwd")).expect("users");
        let line = users.lines().find_map(|line| line.strip_prefix("keyward:x:")).expect("the user");
        line.split(':').next().and_then(|number| number.parse().ok()).expect("a number")
    }

    fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.path(name)).expect(name).mode() & 0o7777
    }
}

#[test]
fn files_are_roots_and_nobody_else_may_change_them() {
    let listed = good(Command::new("dpkg-deb").arg("--contents").arg(package()));
    let mut seen = BTreeSet::new();
    for line in listed.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (mode, owner, name) = (words[0], words[1], words[5].trim_start_matches("./"));
        assert_eq!(owner, "root/root", "{line}");
        let expected = match name {
            _ if mode.starts_with('d') => "drwxr-xr-x",
            "usr/bin/keyward" => "-rwxr-xr-x",
            "etc/keyward/keyward.toml" => "-rw-r-----",
            _ => "-rw-r--r--",
        };
        assert_eq!(mode, expected, "{line}");
        seen.insert(name.to_owned());
    }
    for name in [
        "lib/systemd/system/keyward.service",
        "usr/bin/keyward",
        "usr/lib/sysusers.d/keyward.conf",
        "usr/lib/tmpfiles.d/keyward.conf",
        "usr/share/bash-completion/completions/keyward",
        "usr/share/doc/keyward/changelog.gz",
        "usr/share/doc/keyward/copyright",
        "usr/share/fish/vendor_completions.d/keyward.fish",
        "usr/share/man/man1/keyward-user-add.1.gz",
        "usr/share/man/man1/keyward.1.gz",
        "usr/share/zsh/vendor-completions/_keyward",
    ] {
        assert!(seen.contains(name), "{name} is not in it");
    }
    let conffiles = good(Command::new("dpkg-deb").arg("--info").arg(package()).arg("conffiles"));
    let etc: Vec<String> = seen
        .iter()
        .filter(|name| name.starts_with("etc/") && !name.ends_with('/'))
        .map(|name| format!("/{name}"))
        .collect();
    assert_eq!(conffiles.lines().collect::<Vec<_>>(), etc);
}

#[test]
fn the_same_binary_gives_the_same_package() {
    let folder = tempfile::tempdir().expect("a folder");
    let again = fs::read(build(folder.path())).expect("read");
    assert!(again == fs::read(package()).expect("read"), "two builds differ");
}

#[test]
fn what_it_depends_on_is_named() {
    let field = |name: &str| good(Command::new("dpkg-deb").arg("--field").arg(package()).arg(name));
    assert_eq!(field("Version").trim(), env!("CARGO_PKG_VERSION"));
    let depends = field("Depends");
    assert!(depends.contains("libc6 (>= ") && depends.contains("systemd"), "{depends}");
}

#[tokio::test]
async fn it_is_installed_runs_and_is_purged_but_for_the_accounts() {
    let system = System::new();
    system.install();
    let user = system.user();
    let owner = |name: &str| fs::metadata(system.path(name)).map(|it| (it.uid(), it.gid())).expect(name);
    assert_eq!(system.mode("etc/keyward/keyward.toml"), 0o640);
    let (settings_owner, group) = owner("etc/keyward/keyward.toml");
    assert_eq!((settings_owner, system.mode("var/lib/keyward")), (0, 0o700));
    assert_eq!(owner("var/lib/keyward"), (user, group));
    let wanted = system.path("etc/systemd/system/multi-user.target.wants/keyward.service");
    assert!(wanted.is_symlink(), "it starts with the system");
    assert_eq!(system.dpkg(&["--verify", "keyward"]), "");

    // The installed binary, with the installed settings, but for where they lie.
    let install = Install::new();
    let binary = system.path("usr/bin/keyward");
    let settings = fs::read_to_string(system.path("etc/keyward/keyward.toml")).expect("settings");
    let here = settings.replace("/var/lib/keyward", &install.path("state").display().to_string());
    assert_ne!(here, settings);
    fs::write(install.path("keyward.toml"), here).expect("written");
    let guard = format!(
        r#"pid=$1; shift 2; {} "$@" & echo $! >"$pid"; read -r _; kill -9 $!; wait $!"#,
        binary.display()
    );
    let server = install.start_by(&guard, &["--config", "keyward.toml", "serve"]).await;
    good(install.command(&binary).args(["--config", "keyward.toml", "health", "--ready"]));
    let users = good(install.command(&binary).args(["--config", "keyward.toml", "user", "list", "--json"]));
    assert_eq!(serde_json::from_str::<Value>(&users).expect("JSON")[0]["username"], "admin");
    server.terminate();

    // A newer version leaves what an administrator has set; a purge leaves the accounts.
    let mine = format!("{settings}\n[log]\nformat = \"json\"\n");
    fs::write(system.path("etc/keyward/keyward.toml"), &mine).expect("written");
    fs::write(system.path("var/lib/keyward/kept"), "").expect("written");
    system.install();
    assert_eq!(fs::read_to_string(system.path("etc/keyward/keyward.toml")).expect("settings"), mine);
    assert_eq!(system.user(), user);
    system.dpkg(&["--purge", "keyward"]);
    assert!(!system.path("etc/keyward/keyward.toml").exists() && !binary.exists());
    assert!(!wanted.is_symlink() && system.path("var/lib/keyward/kept").exists());
}

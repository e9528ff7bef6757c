//! A disk of a server's own that is small and can be filled: mounted in a name space that ends with the server, or
//! with a value that holds it.

use std::{
    fs::{self, File},
    io::{ErrorKind, Read, Write},
    process::{Child, Stdio},
};

use super::install::{GUARD, Install, Server};

/// The folder on that disk, for `storage.data_dir`.
pub const FOLDER: &str = "disk";

/// How `unshare` makes a name space for mounts. Root in a chroot may have no users of its own there, and can do
/// without.
pub fn name_space(install: &Install) -> &'static [&'static str] {
    const OWN_USERS: &[&str] = &["--map-root-user", "--mount"];
    let mut attempt = install.command("unshare".as_ref());
    attempt.args(OWN_USERS).arg("true").stderr(Stdio::null());
    let has_own_users = attempt.status().expect("unshare").success();
    if has_own_users { OWN_USERS } else { &["--mount", "--propagation", "unchanged"] }
}

/// A disk that stays when the server on it is killed, until this is dropped.
pub struct Disk {
    /// Holds the name space.
    holder: Child,
    has_own_users: bool,
}

impl Disk {
    /// Of so many MiB, with the database that is in `data`.
    pub fn with_data_of(install: &Install, size: u32) -> Self {
        fs::create_dir(install.path(FOLDER)).expect("made");
        let flags = name_space(install);
        let mounted = format!("mount -t tmpfs -o size={size}m none {FOLDER} && cp data/keyward.db {FOLDER}/");
        let mut command = install.command("unshare".as_ref());
        command.args(flags).args(["sh", "-c", &format!("{mounted} && echo && read -r _")]);
        let mut holder = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("unshare");
        let said = holder.stdout.as_mut().expect("piped").read(&mut [0]).expect("an answer");
        assert_eq!(said, 1, "it cannot be mounted");
        Self { holder, has_own_users: flags.contains(&"--map-root-user") }
    }

    /// Starts a server on it.
    pub async fn start(&self, install: &Install) -> Server {
        let users = if self.has_own_users { "--user --preserve-credentials" } else { "" };
        let id = self.holder.id();
        // The root of the name space is the machine's, also where this runs in a chroot: hence `--root`.
        let guard =
            format!("exec nsenter --target {id} {users} --mount --root --wd sh -c '{GUARD}' sh \"$@\"");
        install.start_by(&guard, &["serve"]).await
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}

/// Starts a server whose data folder is [`FOLDER`], with the database that is in `data`.
pub async fn start_on_own_disk(install: &Install) -> Server {
    fs::create_dir(install.path(FOLDER)).expect("made");
    let mounted = format!("mount -t tmpfs -o size=4m none {FOLDER} && cp data/keyward.db {FOLDER}/");
    let flags = name_space(install).join(" ");
    let guard = format!("exec unshare {flags} sh -c '{mounted} && {{ {GUARD}; }}' sh \"$@\"");
    install.start_by(&guard, &["serve"]).await
}

/// Fills the disk, to the last byte.
pub fn fill(server: &Server) {
    let mut filler = File::create(server.inside(&format!("{FOLDER}/filler"))).expect("a file");
    let error = loop {
        if let Err(error) = filler.write_all(&[0; 4096]) {
            break error;
        }
    };
    assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
}

/// Makes room again.
pub fn empty(server: &Server) {
    fs::remove_file(server.inside(&format!("{FOLDER}/filler"))).expect("removed");
}

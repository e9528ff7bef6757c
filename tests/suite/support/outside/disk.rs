//! A disk of a server's own that is small and can be filled: mounted in a name space that ends with the server.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    process::Stdio,
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

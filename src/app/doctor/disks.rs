//! What kind of disk a folder is on: some lose what is written there, some keep no locks.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::finding::Finding;

/// File systems of other machines, by how their names begin: locks are not kept there as SQLite needs them.
const NETWORK: [&str; 11] = [
    "nfs",
    "cifs",
    "smb",
    "afs",
    "ceph",
    "lustre",
    "glusterfs",
    "fuse.glusterfs",
    "fuse.sshfs",
    "fuse.s3fs",
    "ncpfs",
];
/// File systems in memory.
const MEMORY: [&str; 2] = ["tmpfs", "ramfs"];

/// The embedded database in that folder.
pub(super) fn of_data(folder: &Path) -> Option<Finding> {
    of_data_on(&kind(folder)?, folder)
}

fn of_data_on(kind: &str, folder: &Path) -> Option<Finding> {
    if is_network(kind) {
        let text = format!(
            "{} is on {kind}: the locks of a network file system do not keep a SQLite file whole: set \
             storage.data_dir to a local disk, or use PostgreSQL and Redis",
            folder.display()
        );
        return Some(Finding::wrong("data", text));
    }
    MEMORY.contains(&kind).then(|| {
        let text = format!(
            "{} is on {kind}: all accounts are gone after a restart of the machine",
            folder.display()
        );
        Finding::note("data", text)
    })
}

/// Keys that are made in that folder.
pub(super) fn of_keys(folder: &Path) -> Option<Finding> {
    let kind = kind(folder).filter(|kind| MEMORY.contains(&&**kind))?;
    let text = format!(
        "{} is on {kind}, and can be written to: keys that are made there are gone after a restart of the machine, \
         and with them every session; set keys.dir to a disk",
        folder.display()
    );
    Some(Finding::note("keys", text))
}

fn is_network(kind: &str) -> bool {
    NETWORK.iter().any(|name| kind.starts_with(name))
}

/// As Linux names it among its mounts (proc(5)); elsewhere it is not known.
fn kind(folder: &Path) -> Option<String> {
    let folder = fs::canonicalize(nearest(folder)?).ok()?;
    kind_in(&fs::read_to_string("/proc/self/mountinfo").ok()?, &folder)
}

/// The innermost mount, and of several at one place the last.
fn kind_in(mounts: &str, folder: &Path) -> Option<String> {
    let around = mounts.lines().filter_map(|line| {
        let (place, source) = line.split_once(" - ")?;
        // A blank in a path is written as its octal number.
        let point = PathBuf::from(place.split(' ').nth(4)?.replace("\\040", " "));
        let kind = source.split(' ').next()?;
        folder.starts_with(&point).then(|| (point.components().count(), kind))
    });
    around.max_by_key(|(depth, _)| *depth).map(|(_, kind)| kind.to_owned())
}

/// The folder itself, or the one in which it would be made.
pub(super) fn nearest<'a>(folder: &'a Path) -> Option<&'a Path> {
    let named = |path: &'a Path| if path.as_os_str().is_empty() { Path::new(".") } else { path };
    folder.ancestors().map(named).find(|path| path.exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
        22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n\
        30 22 0:27 / /srv/key\\040ward rw - nfs4 files:/x rw,vers=4.2\n\
        31 22 0:28 / /run rw,nosuid - tmpfs tmpfs rw\n\
        32 22 0:29 / /run rw,nosuid - ext4 /dev/vdb rw\n";

    #[test]
    fn a_folder_is_on_the_innermost_mount() {
        let kind = |path: &str| kind_in(MOUNTS, Path::new(path)).expect("a mount");
        for (path, expected) in [
            ("/srv", "ext4"),
            ("/srv/key ward/data", "nfs4"),
            ("/srv/keyward", "ext4"),
            ("/run/keys", "ext4"),
        ] {
            assert_eq!(kind(path), expected, "{path}");
        }
    }

    #[test]
    fn network_file_systems_are_known_and_no_local_one_is() {
        for kind in ["nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "ceph"] {
            assert!(is_network(kind), "{kind}");
            let finding = of_data_on(kind, Path::new("data")).expect("a finding");
            assert!(finding.text.contains("the locks of a network file system"), "{finding:?}");
        }
        for kind in
            ["ext4", "xfs", "btrfs", "zfs", "overlay", "tmpfs", "9p", "virtiofs", "fuse.fuse-overlayfs"]
        {
            assert!(!is_network(kind), "{kind}");
        }
    }
}

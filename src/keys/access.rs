//! Who can get at a folder of keys and the files in it. Two ways are safe: only the owner can; or it is a
//! secret as Kubernetes mounts it, links into a folder of root's, readable by our own group at most.

use std::{
    fs::{self, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::Path,
};

use rustix::process::{getegid, geteuid, getgroups};

/// What anybody but the owner may do.
const OTHERS: u32 = 0o077;
/// What others may write to.
const SHARED: u32 = 0o022;
/// In such a folder nobody removes or renames what is another's.
const STICKY: u32 = 0o1000;
/// The link through which Kubernetes changes all files of a secret at once.
const MOUNTED: &str = "..data";

/// What a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nobody else can put anything there.
    Private,
    /// Others can put files there, but not in the place of those that are mounted.
    Mounted,
    /// Others can put keys there.
    Loose,
}

/// What the folder at `path` is.
pub(super) fn of_folder(path: &Path) -> io::Result<Standing> {
    let folder = fs::metadata(path)?;
    if folder.mode() & SHARED == 0 {
        return Ok(Standing::Private);
    }
    let is_guarded = folder.mode() & STICKY != 0 && is_trusted(folder.uid());
    Ok(if is_guarded && is_mounted_folder(path)? { Standing::Mounted } else { Standing::Loose })
}

/// Whether a file in a mounted folder is of the mounted secret, or not there: anybody could put another
/// beside it.
pub(super) fn is_mounted(path: &Path) -> io::Result<bool> {
    let link = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        link => link?,
    };
    let leads_there = |name| fs::read_link(path).is_ok_and(|to| to == Path::new(MOUNTED).join(name));
    Ok(link.is_symlink() && is_trusted(link.uid()) && path.file_name().is_some_and(leads_there))
}

/// Whether a secret file is kept from others: only its owner reads it; or nobody writes it, and of others
/// only our own group reads it.
pub(super) fn is_private(file: &Metadata) -> bool {
    let mode = file.mode();
    mode & OTHERS == 0 || (mode & 0o337 == 0 && is_trusted(file.uid()) && is_our_group(file.gid()))
}

fn is_mounted_folder(path: &Path) -> io::Result<bool> {
    let link = path.join(MOUNTED);
    let about = match fs::symlink_metadata(&link) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        about => about?,
    };
    let target = fs::metadata(&link)?;
    let is_closed = target.is_dir() && target.mode() & SHARED == 0;
    Ok(about.is_symlink() && is_trusted(about.uid()) && is_closed && is_trusted(target.uid()))
}

/// Root can do anything already, and we are ourselves.
fn is_trusted(owner: u32) -> bool {
    owner == 0 || owner == geteuid().as_raw()
}

fn is_our_group(group: u32) -> bool {
    getegid().as_raw() == group
        || getgroups().is_ok_and(|groups| groups.iter().any(|one| one.as_raw() == group))
}

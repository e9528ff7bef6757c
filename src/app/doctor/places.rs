//! What the machine must give: addresses to listen on, and a folder for the database with room in it that
//! nobody else can read.

use std::{
    fs,
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::fs::{Access, access, statvfs};

use super::finding::Finding;
use crate::config::{Database, Server, Settings};

/// Room for the journal of a busy database (64 MiB at most), and then as much.
const ROOM: u64 = 128 << 20;
/// How long a listener on this machine may take to say what it is.
const PATIENCE: Duration = Duration::from_secs(2);

/// The addresses, bound for a moment.
pub(super) fn of_listeners(server: &Server) -> Vec<Finding> {
    let all = [
        ("server.listen", Some(server.listen)),
        ("server.management_listen", Some(server.management_listen)),
        ("server.check_listen", server.check_listen),
        ("server.ext_authz_listen", server.ext_authz_listen),
        ("server.admin_listen", server.admin_listen),
    ];
    let ours = [server.listen, server.management_listen];
    let mut findings = Vec::new();
    for (setting, address) in all.into_iter().filter_map(|(setting, address)| Some((setting, address?))) {
        match TcpListener::bind(address).map_err(|error| (error.kind(), error)) {
            Ok(_) => {}
            Err((ErrorKind::AddrInUse, _)) if ours.into_iter().any(is_keyward) => {
                let text = format!("{setting} {address}: a server runs there already");
                findings.push(Finding::note("listen", text));
            }
            Err((ErrorKind::AddrInUse, _)) => {
                let text =
                    format!("{setting} {address}: another program listens there: end it, or set another");
                findings.push(Finding::wrong("listen", text));
            }
            Err((_, error)) => {
                findings.push(Finding::wrong("listen", format!("{setting} {address}: {error}")));
            }
        }
    }
    if findings.is_empty() {
        findings.push(Finding::good("listen", "all addresses are free"));
    }
    findings
}

/// Whether what answers there is a server like this one.
fn is_keyward(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        write!(stream, "GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.take(4096).read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| {
        answer.starts_with("HTTP/1.1 200 ") && answer.to_ascii_lowercase().contains("\r\nx-request-id:")
    })
}

/// The folder of the embedded database and the files in it.
pub(super) fn of_data(settings: &Settings) -> Vec<Finding> {
    let Database::Sqlite(database) = &settings.storage.database else { return Vec::new() };
    let folder = database.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut findings = Vec::new();
    let mut wrong = |text| findings.push(Finding::wrong("data", text));
    if !may_write(folder) {
        wrong(format!(
            "{} cannot be written to by this user: chown it, or set storage.data_dir",
            folder.display()
        ));
    }
    if let Some(left) = room(folder).filter(|left| *left < ROOM) {
        wrong(format!("the disk of {} is full: {} MiB are left", folder.display(), left >> 20));
    }
    if let Some(mode) = mode(folder).filter(|mode| mode & 0o022 != 0 && mode & 0o1000 == 0) {
        let (folder, mode) = (folder.display(), mode & 0o777);
        wrong(format!("{folder} has mode {mode:03o}: others can put another database there: chmod 700 it"));
    }
    for ending in ["", "-wal", "-shm"] {
        let file = PathBuf::from(format!("{}{ending}", database.display()));
        if let Some(mode) = mode(&file).filter(|mode| mode & 0o077 != 0) {
            let (file, mode) = (file.display(), mode & 0o777);
            wrong(format!("{file} has mode {mode:03o}, which lets others in: chmod 600 it"));
        }
    }
    if findings.is_empty() {
        findings.push(Finding::good("data", format!("{} is ours, with room", folder.display())));
    }
    findings
}

/// Whether files can be made in a folder, or the folder itself.
pub(super) fn may_write(folder: &Path) -> bool {
    nearest(folder).is_some_and(|there| access(there, Access::WRITE_OK | Access::EXEC_OK).is_ok())
}

/// How many bytes we may still write there.
fn room(folder: &Path) -> Option<u64> {
    let disk = statvfs(nearest(folder)?).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

fn mode(path: &Path) -> Option<u32> {
    fs::metadata(path).ok().map(|about| about.mode() & 0o7777)
}

/// The folder itself, or the one in which it would be made.
fn nearest<'a>(folder: &'a Path) -> Option<&'a Path> {
    let named = |path: &'a Path| if path.as_os_str().is_empty() { Path::new(".") } else { path };
    folder.ancestors().map(named).find(|path| path.exists())
}

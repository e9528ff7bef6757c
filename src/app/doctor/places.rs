//! What the machine must give: addresses to listen on, and a folder for the database with room in it that
//! nobody else can read.

use std::{
    fs,
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::fs::MetadataExt,
    path::Path,
    time::Duration,
};

use rustix::fs::{Access, access, statvfs};

use super::{
    disks::{self, nearest},
    finding::Finding,
};
use crate::{
    auth::accounts::breached::BreachList,
    config::{Database, Server, Settings},
};

/// Room for the journal of a busy database (64 MiB at most), and then as much.
const ROOM: u64 = 128 << 20;
/// How long a listener on this machine may take to say what it is.
const PATIENCE: Duration = Duration::from_secs(2);

/// The addresses that are listened on.
pub(super) fn of_listeners(server: &Server) -> Vec<Finding> {
    let all = [
        ("server.listen", Some(server.listen)),
        ("server.management_listen", Some(server.management_listen)),
        ("server.check_listen", server.check_listen),
        ("server.ext_authz_listen", server.ext_authz_listen),
        ("server.admin_listen", server.admin_listen),
    ];
    let all: Vec<_> = all.into_iter().filter_map(|(setting, address)| Some((setting, address?))).collect();
    let ours = [server.listen, server.management_listen];
    let mut findings: Vec<_> =
        (1..all.len()).filter_map(|place| of_twins(&all[..place], all[place])).collect();
    findings.extend(all.iter().filter_map(|(setting, address)| of_address(setting, *address, ours)));
    if findings.is_empty() {
        findings.push(Finding::good("listen", "all addresses are free"));
    }
    findings
}

/// Two listeners cannot have one address.
fn of_twins(others: &[(&str, SocketAddr)], (setting, address): (&str, SocketAddr)) -> Option<Finding> {
    let (other, _) = others.iter().find(|(_, other)| *other == address && address.port() != 0)?;
    Some(Finding::wrong("listen", format!("{setting} {address} is the address of {other}: set another")))
}

/// The address, bound for a moment.
fn of_address(setting: &str, address: SocketAddr, ours: [SocketAddr; 2]) -> Option<Finding> {
    let error = TcpListener::bind(address).err()?;
    let wrong = |what: &str| Some(Finding::wrong("listen", format!("{setting} {address}: {what}")));
    match error.kind() {
        ErrorKind::AddrInUse if ours.into_iter().any(is_keyward) => {
            Some(Finding::note("listen", format!("{setting} {address}: a server runs there already")))
        }
        ErrorKind::AddrInUse => wrong("another program listens there: end it, or set another"),
        ErrorKind::AddrNotAvailable => wrong("this machine has no such address"),
        ErrorKind::PermissionDenied => wrong("a port below 1024 needs CAP_NET_BIND_SERVICE: set another"),
        _ => wrong(&error.to_string()),
    }
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
    let mut wrong = of_folder(folder);
    wrong.extend(
        ["", "-wal", "-shm"]
            .map(|ending| format!("{}{ending}", database.display()))
            .iter()
            .flat_map(|file| of_file(file)),
    );
    let mut findings: Vec<_> = wrong.into_iter().map(|text| Finding::wrong("data", text)).collect();
    findings.extend(disks::of_data(folder));
    if findings.is_empty() {
        findings.push(Finding::good("data", format!("{} is ours, with room", folder.display())));
    }
    findings
}

/// What the first start left for somebody to read.
pub(super) fn of_first_password(settings: &Settings) -> Option<Finding> {
    let file = settings.storage.data_dir.join("first-password");
    let text = format!("{} is still there: delete it once you have read it", file.display());
    file.exists().then(|| Finding::note("data", text))
}

/// The list of passwords that nobody may have: without it the server does not start.
pub(super) fn of_breached_passwords(settings: &Settings) -> Option<Finding> {
    let path = settings.accounts.breached_passwords.as_deref()?;
    let error = BreachList::open(path).err()?;
    let text = format!(
        "accounts.breached_passwords: {} cannot be read as a list of breached passwords: {error}; make it with \
         `keyward breach build`",
        path.display()
    );
    Some(Finding::wrong("settings", text))
}

fn of_folder(folder: &Path) -> Vec<String> {
    let shown = folder.display();
    let mut wrong = Vec::new();
    if !may_write(folder) {
        wrong.push(format!("{shown} cannot be written to by this user: chown it, or set storage.data_dir"));
    }
    if let Some(left) = room(folder).filter(|left| *left < ROOM) {
        wrong.push(format!("the disk of {shown} is full: {} MiB are left", left >> 20));
    }
    if let Some(mode) = mode(folder).filter(|mode| mode & 0o022 != 0 && mode & 0o1000 == 0) {
        let mode = mode & 0o777;
        wrong.push(format!(
            "{shown} has mode {mode:03o}: others can put another database there: chmod 700 it"
        ));
    }
    wrong
}

fn of_file(file: &str) -> Vec<String> {
    let path = Path::new(file);
    let mut wrong = Vec::new();
    if path.exists() && access(path, Access::WRITE_OK).is_err() {
        wrong.push(format!(
            "{file} cannot be written to by this user: a command ran as another one? chown it"
        ));
    }
    if let Some(mode) = mode(path).filter(|mode| mode & 0o077 != 0) {
        let mode = mode & 0o777;
        wrong.push(format!("{file} has mode {mode:03o}, which lets others in: chmod 600 it"));
    }
    wrong
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

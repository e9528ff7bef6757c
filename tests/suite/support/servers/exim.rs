//! A real mail server: Exim, by a configuration and in a folder of its own, as an ordinary user. Each mail that it
//! takes becomes a file. Postfix, which wants to be root, would be the machine's own.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use super::{certificates::Certificates, redis::free_port};
use crate::support::outside::install::wait_for;

/// Waits on a pipe from the test process, and kills the server when that ends, in whatever way.
const GUARD: &str = r#""$@" & read -r _; kill -9 $!; wait $!"#;

/// An `exim` that dies with this value.
pub struct Exim {
    folder: TempDir,
    pub port: u16,
    guard: Child,
}

impl Exim {
    /// One that takes mail by TLS alone, by STARTTLS or from the first byte.
    pub fn start(certificates: &Certificates, from_first_byte: bool) -> Self {
        let folder = tempfile::Builder::new().prefix("keyward-exim-").tempdir().expect("a folder");
        let port = free_port();
        for name in ["spool", "box", "log"] {
            fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        // One that was installed takes another user's rights, and none but its own configuration.
        let binary = folder.path().join("exim");
        fs::copy(installed(), &binary).expect("a copy");
        for name in ["cert.pem", "key.pem"] {
            fs::copy(certificates.file(name), folder.path().join(name)).expect("a copy");
        }
        let command = as_ordinary_user(folder.path());
        let [user, group] = ["-un", "-gn"].map(|what| name_of(&command, what));
        let configuration = folder.path().join("exim.conf");
        fs::write(&configuration, configured(folder.path(), port, from_first_byte, [&user, &group]))
            .expect("written");
        give_to(&user, folder.path());
        // Within `runuser`, which does not take along what it runs when it is killed.
        let mut server = command;
        server.args(["sh", "-c", GUARD, "sh"]).arg(&binary).arg("-bdf").arg("-C").arg(&configuration);
        let guard = server.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let exim = Self { folder, port, guard: guard.expect("sh") };
        let connects = || std::net::TcpStream::connect(("127.0.0.1", port)).ok();
        wait_for(connects).expect("exim listens");
        exim
    }

    /// The mails it has taken in and delivered.
    pub fn mails(&self) -> Vec<String> {
        let files = fs::read_dir(self.folder.path().join("box")).expect("a folder");
        // One that is being written has another name.
        let mails = files.filter_map(|entry| {
            let path: PathBuf = entry.ok()?.path();
            let is_whole = path.file_name()?.to_str()?.starts_with('q');
            is_whole.then(|| fs::read_to_string(path).ok())?
        });
        mails.collect()
    }
}

impl Drop for Exim {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

fn installed() -> PathBuf {
    let places = ["/usr/sbin/exim4", "/usr/sbin/exim"].map(PathBuf::from);
    places.into_iter().find(|place| place.exists()).expect("exim is installed: tests/run does")
}

fn is_root() -> bool {
    fs::metadata("/proc/self").expect("/proc").uid() == 0
}

/// Root runs it as somebody who is not.
fn as_ordinary_user(folder: &Path) -> Command {
    let mut command = if is_root() { Command::new("runuser") } else { Command::new("env") };
    if is_root() {
        command.args(["-u", "postgres", "--"]);
    }
    command.current_dir(folder);
    command
}

fn name_of(command: &Command, what: &str) -> String {
    let mut asked = Command::new(command.get_program());
    let said = asked.args(command.get_args()).args(["id", what]).output().expect("id");
    String::from_utf8(said.stdout).expect("a name").trim().to_owned()
}

fn give_to(user: &str, folder: &Path) {
    if is_root() {
        let given = Command::new("chown").arg("-R").arg(user).arg(folder).status();
        assert!(given.expect("chown").success());
    }
}

fn configured(folder: &Path, port: u16, from_first_byte: bool, [user, group]: [&str; 2]) -> String {
    let (folder, of_connect) = (
        folder.display(),
        if from_first_byte { format!("tls_on_connect_ports = {port}\n") } else { String::new() },
    );
    format!(
        "primary_hostname = mta.example\n\
         exim_user = {user}\nexim_group = {group}\nexim_path = {folder}/exim\nspool_directory = {folder}/spool\n\
         log_file_path = {folder}/log/%slog\npid_file_path = {folder}/pid\n\
         admin_groups = {group}\ndeliver_drop_privilege = true\nkeep_environment =\n\
         daemon_smtp_ports = {port}\nlocal_interfaces = 127.0.0.1\n{of_connect}\
         tls_advertise_hosts = *\ntls_certificate = {folder}/cert.pem\ntls_privatekey = {folder}/key.pem\n\
         acl_smtp_mail = encrypted\nacl_smtp_rcpt = anybody\n\
         begin acl\n\
         encrypted:\n  accept encrypted = *\n  deny message = TLS first\n\
         anybody:\n  accept\n\
         begin routers\nall:\n  driver = accept\n  transport = box\n\
         begin transports\nbox:\n  driver = appendfile\n  directory = {folder}/box\n"
    )
}

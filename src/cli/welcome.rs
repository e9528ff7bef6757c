//! The first account's password, told once: on the terminal, or where there is none, in a file that
//! nobody else can read. What a log collector reads holds no password.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, IsTerminal, Write},
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::output;
use crate::{
    domain::causes::Causes,
    domain::{random, secret::Password},
};

/// The file, in the data folder.
const FILE: &str = "first-password";

/// Tells it. Where that fails the account is made all the same, and another password can be set.
pub(super) fn welcome(listen: SocketAddr, data_dir: &Path, password: &Password) {
    let told = if io::stdout().is_terminal() {
        greet(listen, password.expose())
    } else {
        keep(data_dir, password.expose()).map(|path| {
            tracing::warn!(path = %path.display(), "made the first account, admin; its password is in this file");
        })
    };
    if let Err(error) = told {
        tracing::error!(
            error = %Causes(&error),
            "made the first account, admin, and its password could not be told: `keyward user set-password \
             admin` sets another"
        );
    }
}

/// Writes the password into a file of mode 0600 that was not there before, whole or not at all.
fn keep(data_dir: &Path, password: &str) -> io::Result<PathBuf> {
    DirBuilder::new().recursive(true).mode(0o700).create(data_dir)?;
    let path = std::path::absolute(data_dir.join(FILE))?;
    let aside = path.with_file_name(format!(".{FILE}.{:016x}", u64::from_be_bytes(random::bytes())));
    let mut options = OpenOptions::new();
    let written = options.create_new(true).write(true).mode(0o600).open(&aside).and_then(|mut file| {
        writeln!(file, "{password}")?;
        file.sync_all()
    });
    // Unlike a renaming, a link never takes the place of what is there.
    let linked = written.and_then(|()| fs::hard_link(&aside, &path));
    // Should this fail, what is left is as private as the file.
    let _ = fs::remove_file(&aside);
    linked.map(|()| path)
}

fn greet(listen: SocketAddr, password: &str) -> io::Result<()> {
    let url = reachable(listen);
    output::tell(&format!(
        "\
Welcome to Keyward. There was no account yet, so this one was made:

    user      admin
    password  {password}

The password is shown this once; `keyward user set-password admin` sets another. Sign in:

    curl -s {url}/v1/login -H 'Content-Type: application/json' \\
      -d '{{\"username\":\"admin\",\"password\":\"{password}\"}}'

`keyward user add NAME` makes more accounts, `keyward doctor` checks the set-up."
    ))
}

/// The listener's address as this machine reaches it: the public one may be a proxy's that does not run
/// yet, and one that means "all addresses" answers nobody.
fn reachable(listen: SocketAddr) -> String {
    let mut address = listen;
    if listen.ip().is_unspecified() {
        address.set_ip(if listen.is_ipv4() {
            std::net::Ipv4Addr::LOCALHOST.into()
        } else {
            std::net::Ipv6Addr::LOCALHOST.into()
        });
    }
    format!("http://{address}")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn the_address_shown_is_one_that_answers() {
        for (listen, url) in [
            ("0.0.0.0:8080", "http://127.0.0.1:8080"),
            ("[::]:80", "http://[::1]:80"),
            ("192.0.2.1:8080", "http://192.0.2.1:8080"),
        ] {
            assert_eq!(reachable(listen.parse().expect(listen)), url);
        }
    }

    #[test]
    fn a_password_is_kept_for_its_owner_alone_and_replaces_no_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let path = keep(&data, "first").expect("kept");
        assert_eq!(fs::metadata(&path).expect("a file").mode() & 0o777, 0o600);
        keep(&data, "second").expect_err("there is one");
        assert_eq!(fs::read_to_string(&path).expect("read"), "first\n");
        assert_eq!(fs::read_dir(&data).expect("a folder").count(), 1, "nothing else is left");
    }
}

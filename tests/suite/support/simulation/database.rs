//! The PostgreSQL that the nodes share: a server and its standby, behind an address that leads to the one or the other.

use std::{
    fs,
    os::unix::fs::symlink,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use tempfile::TempDir;

use crate::support::servers::postgres::Server;

pub struct Database {
    servers: Mutex<Servers>,
    /// A folder with the address in it.
    _folder: TempDir,
    /// A link to the folder of the server's socket.
    address: PathBuf,
    url: String,
}

struct Servers {
    /// `None` only while it is restarted or replaced.
    master: Option<Server>,
    standby: Option<Server>,
}

impl Database {
    pub fn start() -> Self {
        let master = Server::start();
        let folder = tempfile::tempdir().expect("a folder");
        let address = folder.path().join("address");
        let url = master.database_behind(&address);
        let standby = Some(master.standby());
        let servers = Mutex::new(Servers { master: Some(master), standby });
        let database = Self { servers, _folder: folder, address, url };
        database.lead_to_master(&database.servers());
        database
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Kills the server as a crash would, and starts it again.
    pub fn crash(&self, lasts: Duration) {
        let mut servers = self.servers();
        let mut master = servers.master.take().expect("it runs");
        master.kill();
        thread::sleep(lasts);
        servers.master = Some(master.restart());
    }

    /// Has the server hang.
    pub fn stop(&self, lasts: Duration) {
        let servers = self.servers();
        let hung = servers.master.as_ref().expect("it runs").hang();
        thread::sleep(lasts);
        drop(hung);
    }

    /// The server is lost for ever; after a while its standby takes over, and gets a standby of its own.
    pub fn fail_over(&self, lasts: Duration) {
        let mut servers = self.servers();
        servers.master.take().expect("it runs").lose();
        thread::sleep(lasts);
        let master = servers.standby.take().expect("it follows");
        master.promote();
        servers.master = Some(master);
        self.lead_to_master(&servers);
        servers.standby = servers.master.as_ref().map(Server::standby);
    }

    fn lead_to_master(&self, servers: &Servers) {
        let new = self.address.with_extension("new");
        symlink(servers.master.as_ref().expect("it runs").folder(), &new).expect("a link");
        fs::rename(new, &self.address).expect("in place");
    }

    fn servers(&self) -> MutexGuard<'_, Servers> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

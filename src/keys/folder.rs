//! The keys folder: who may read it, how files appear in it whole or not at all, and how nodes that
//! start on it at once agree. It knows nothing of schedules or tokens.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::{
    access::{self, Standing},
    error::KeyError,
    key_file::{self, KeyFile},
    schedule::Life,
    sealing::SealingKeys,
};
use crate::domain::{clock::Timestamp, random};

const LOCK: &str = ".lock";
const TEMPORARY: &str = ".tmp";
/// No key or secret is longer; anything that is was put there by mistake.
const FILE_MAX_BYTES: u64 = 64 * 1024;

/// A folder of keys.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    is_mounted: bool,
}

/// The folder while no other process writes to it.
pub struct Locked<'a> {
    folder: &'a Folder,
    // Closing the file gives the lock back.
    _lock: File,
}

impl Folder {
    /// The file of the secret behind refresh tokens.
    pub const SECRET: &str = "refresh.secret";
    /// The file of the keys that seal data.
    pub const SEALING: &str = "sealing.secret";

    /// The folder at `path`, made with mode 0700 if there is none.
    ///
    /// # Errors
    /// When it cannot be made, or others may put keys there.
    pub fn make(path: &Path) -> Result<Self, KeyError> {
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io_error("make", path))?;
        Self::open(path)
    }

    /// The folder at `path`.
    ///
    /// # Errors
    /// When it is not there, or others may put keys there: whoever can do that can sign tokens.
    pub fn open(path: &Path) -> Result<Self, KeyError> {
        let failed = || io_error("read", path);
        let is_mounted = match access::of_folder(path).map_err(failed())? {
            Standing::Private => false,
            Standing::Mounted => true,
            Standing::Loose => {
                let mode = fs::metadata(path).map_err(failed())?.mode() & 0o777;
                return Err(KeyError::Loose { path: path.to_owned(), mode, wanted: 0o700 });
            }
        };
        Ok(Self { path: path.to_owned(), is_mounted })
    }

    /// A folder that nothing is read from or written to.
    pub(super) const fn unread(path: PathBuf) -> Self {
        Self { path, is_mounted: false }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the secret behind refresh tokens is.
    #[must_use]
    pub fn secret_path(&self) -> PathBuf {
        self.path.join(Self::SECRET)
    }

    #[must_use]
    pub fn sealing_path(&self) -> PathBuf {
        self.path.join(Self::SEALING)
    }

    /// All keys, in order of birth; those born together by name, so that every node has one order.
    ///
    /// # Errors
    /// When one of them cannot be read, is no key, is named wrongly, or is open to others.
    pub fn keys(&self) -> Result<Vec<KeyFile>, KeyError> {
        let mut keys = Vec::new();
        let failed = || io_error("read", &self.path);
        for entry in fs::read_dir(&self.path).map_err(failed())? {
            let path = entry.map_err(failed())?.path();
            if is_key_path(&path)
                && let Some(key) = self.read_key(&path)?
            {
                keys.push(key);
            }
        }
        keys.sort_by(|a, b| (a.life.born, a.key.public().kid()).cmp(&(b.life.born, b.key.public().kid())));
        Ok(keys)
    }

    /// The secret behind refresh tokens, if there is one yet.
    ///
    /// # Errors
    /// When it cannot be read, is no 32 bytes in base64, or is open to others.
    pub fn secret(&self) -> Result<Option<Zeroizing<[u8; 32]>>, KeyError> {
        let path = self.secret_path();
        let Some((text, _)) = self.read_private(&path)? else { return Ok(None) };
        let mut bytes = Zeroizing::new([0; 32]);
        // The decoder wants room for a whole last group.
        let mut room = Zeroizing::new([0; 33]);
        match STANDARD.decode_slice(text.trim(), &mut *room) {
            Ok(32) => bytes.copy_from_slice(&room[..32]),
            _ => return Err(KeyError::Unusable { path, reason: "not 32 bytes in base64" }),
        }
        Ok(Some(bytes))
    }

    /// The keys that seal data; none where there is no file of them.
    ///
    /// # Errors
    /// When it cannot be read, is of another form, or is open to others.
    pub fn sealing_keys(&self) -> Result<SealingKeys, KeyError> {
        let path = self.sealing_path();
        let Some((text, _)) = self.read_private(&path)? else { return Ok(SealingKeys::default()) };
        SealingKeys::parse(&text).map_err(|reason| KeyError::Unusable { path, reason })
    }

    /// Waits until no other process writes here.
    ///
    /// # Errors
    /// When the lock file cannot be made or locked, or the folder is not ours to write to.
    pub fn lock(&self) -> Result<Locked<'_>, KeyError> {
        if self.is_mounted {
            return Err(KeyError::Mounted { folder: self.path.clone() });
        }
        let path = self.path.join(LOCK);
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true).mode(0o600);
        let lock = options.open(&path).map_err(io_error("lock", &path))?;
        lock.lock().map_err(io_error("lock", &path))?;
        Ok(Locked { folder: self, _lock: lock })
    }

    fn key_path(&self, kid: &str) -> PathBuf {
        self.path.join(format!("{kid}.pem"))
    }

    /// `None` when it was removed after the folder had been listed.
    fn read_key(&self, path: &Path) -> Result<Option<KeyFile>, KeyError> {
        let Some((text, modified)) = self.read_private(path)? else { return Ok(None) };
        let file = KeyFile::parse(&text, modified)
            .map_err(|reason| KeyError::Unusable { path: path.to_owned(), reason })?;
        let kid = file.key.public().kid();
        if path.file_stem().is_none_or(|stem| stem != kid) {
            return Err(KeyError::Misnamed { path: path.to_owned(), kid: kid.to_owned() });
        }
        Ok(Some(file))
    }

    /// The text of a file that nobody else may read, and when it was last written.
    fn read_private(&self, path: &Path) -> Result<Option<(Zeroizing<String>, Timestamp)>, KeyError> {
        let failed = || io_error("read", path);
        let unusable = |reason| KeyError::Unusable { path: path.to_owned(), reason };
        // Asked before it is opened: what somebody put there may be no file at all.
        let is_ours = !self.is_mounted || access::is_mounted(path).map_err(failed())?;
        if !is_ours {
            return Err(unusable("not of the secret that is mounted there, but put beside it"));
        }
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(failed())?,
        };
        let metadata = file.metadata().map_err(failed())?;
        if !access::is_private(&metadata) {
            let mode = metadata.mode() & 0o777;
            return Err(KeyError::Loose { path: path.to_owned(), mode, wanted: 0o600 });
        }
        if metadata.len() > FILE_MAX_BYTES {
            return Err(unusable("too long to be a key"));
        }
        let mut bytes = Zeroizing::new(Vec::new());
        file.take(FILE_MAX_BYTES).read_to_end(&mut bytes).map_err(failed())?;
        let text = std::str::from_utf8(&bytes).map_err(|_| unusable("not a text file"))?;
        let age = metadata.modified().map_err(failed())?.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Some((Zeroizing::new(text.to_owned()), Timestamp::from_millis(0) + age)))
    }
}

impl Locked<'_> {
    /// Adds a key.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add_key(&self, kid: &str, pkcs8: &[u8], life: &Life) -> Result<(), KeyError> {
        self.write(&self.folder.key_path(kid), key_file::render(pkcs8, life).as_bytes())
    }

    /// Writes a key's dates anew. `kid` is that of a key that was read from here.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn redate_key(&self, kid: &str, life: &Life) -> Result<(), KeyError> {
        let path = self.folder.key_path(kid);
        let unusable = |reason| KeyError::Unusable { path: path.clone(), reason };
        let (text, _) = self.folder.read_private(&path)?.ok_or_else(|| unusable("gone"))?;
        self.write(&path, key_file::render(&key_file::pkcs8(&text).map_err(unusable)?, life).as_bytes())
    }

    /// Takes a key away. `kid` is that of a key that was read from here.
    ///
    /// # Errors
    /// When the file is there and cannot be removed.
    pub fn remove_key(&self, kid: &str) -> Result<(), KeyError> {
        let path = self.folder.key_path(kid);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error("remove", &path)(error)),
            _ => self.sync(),
        }
    }

    /// Makes the secret behind refresh tokens; what another has made genuine is genuine no more.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn make_secret(&self) -> Result<Zeroizing<[u8; 32]>, KeyError> {
        let bytes = Zeroizing::new(random::bytes::<32>());
        let text = Zeroizing::new(format!("{}\n", STANDARD.encode(*bytes)));
        self.write(&self.folder.secret_path(), text.as_bytes())?;
        Ok(bytes)
    }

    /// Writes the keys that seal data, all of them anew.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn write_sealing_keys(&self, keys: &SealingKeys) -> Result<(), KeyError> {
        self.write(&self.folder.sealing_path(), keys.render().as_bytes())
    }

    /// Whole or not at all, even if the power fails: written aside, synced, renamed, folder synced.
    fn write(&self, path: &Path, content: &[u8]) -> Result<(), KeyError> {
        self.sweep()?;
        let aside =
            self.folder.path.join(format!(".{:016x}{TEMPORARY}", u64::from_be_bytes(random::bytes())));
        let written =
            OpenOptions::new().create_new(true).write(true).mode(0o600).open(&aside).and_then(|mut file| {
                file.write_all(content)?;
                file.sync_all()
            });
        written.and_then(|()| fs::rename(&aside, path)).map_err(io_error("write", path))?;
        self.sync()
    }

    /// Removes what a process that died while it held the lock has left half written.
    fn sweep(&self) -> Result<(), KeyError> {
        let failed = || io_error("read", &self.folder.path);
        for entry in fs::read_dir(&self.folder.path).map_err(failed())? {
            let path = entry.map_err(failed())?.path();
            if path.file_name().is_some_and(|name| is_temporary(&name.to_string_lossy())) {
                fs::remove_file(&path).map_err(io_error("remove", &path))?;
            }
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), KeyError> {
        let path = &self.folder.path;
        File::open(path).and_then(|folder| folder.sync_all()).map_err(io_error("write", path))
    }
}

fn is_temporary(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(TEMPORARY)
}

fn is_key_path(path: &Path) -> bool {
    let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    !hidden && path.extension().is_some_and(|extension| extension == "pem")
}

fn io_error(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> KeyError {
    move |source| KeyError::Io { what, path: path.to_owned(), source }
}

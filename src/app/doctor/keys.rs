//! The keys: whether they can be used, and whether they are those of the other nodes, as far as the store
//! that all share remembers.

use std::{path::Path, sync::Arc};

use super::{disks, finding::Finding, places::may_write};
use crate::{
    app::{StartError, back_ends::open_redis},
    config::{Database, Settings},
    domain::{
        causes::Causes,
        clock::{Clock, Timestamp},
        ids::SealingKeyId,
        installation::SecretFingerprint,
        refresh_token::RefreshSecret,
    },
    keys::{
        error::KeyError,
        folder::Folder,
        key_file::KeyFile,
        schedule::{self, NOTICE},
        sealing::SealingKeys,
    },
    store::{
        installation::InstallationStore,
        postgres::PostgresStore,
        redis::installation::{IN_USE, Signer},
        sqlite::SqliteStore,
    },
};

/// What the shared store remembers; nothing where it cannot be asked, which is said elsewhere.
#[derive(Default)]
struct Remembered {
    place: String,
    secret: Option<SecretFingerprint>,
    sealing: Option<SealingKeyId>,
    signers: Vec<Signer>,
}

impl Remembered {
    async fn remember(&mut self, store: &dyn InstallationStore) {
        self.secret = store.secret().await.ok().flatten();
        self.sealing = store.sealing_key().await.ok().flatten();
    }
}

pub(super) async fn examine(settings: &Settings, clock: &Arc<dyn Clock>) -> Vec<Finding> {
    let remembered = recall(settings, clock).await;
    let dir = &settings.keys.dir;
    let place = dir.display();
    let read = || -> Result<_, KeyError> {
        let folder = Folder::open(dir)?;
        Ok((folder.secret()?, folder.keys()?, folder.sealing_keys()?))
    };
    let (secret, keys, sealing) = match dir.exists().then(read).transpose() {
        Ok(read) => read.unwrap_or_default(),
        Err(error) => return vec![Finding::wrong("keys", Causes(&error).to_string())],
    };
    let lost = || Finding::wrong("keys", KeyError::SecretLost { path: dir.join(Folder::SECRET) }.to_string());
    let mut findings = match (secret, &remembered.secret) {
        (None, None) if keys.is_empty() => vec![of_empty(dir)],
        (None, _) => vec![lost()],
        (Some(ours), Some(known)) if SecretFingerprint::of(&RefreshSecret::new(&ours)) != *known => {
            let (file, place) = (dir.join(Folder::SECRET), remembered.place.clone());
            let error = StartError::OtherSecret { file, place };
            vec![Finding::wrong("keys", error.to_string())]
        }
        (Some(_), _) if keys.is_empty() => vec![of_empty(dir)],
        (Some(_), _) => of_signers(dir, &keys, &remembered.signers, settings),
    };
    findings.extend(if keys.is_empty() { None } else { of_sealing(dir, &sealing, &remembered) });
    // What is mounted for reading alone comes from elsewhere.
    findings.extend(if may_write(dir) { disks::of_keys(dir) } else { None });
    if findings.is_empty() {
        return vec![Finding::good("keys", format!("{} in {place}", keys.len()))];
    }
    findings
}

fn of_empty(dir: &Path) -> Finding {
    let place = dir.display();
    if may_write(dir) {
        Finding::note("keys", format!("{place} holds no key yet: the first start makes it"))
    } else {
        let text =
            format!("{place} holds no key, and none can be made there: put those of another node there");
        Finding::wrong("keys", text)
    }
}

/// Nodes open what the others seal, or do not start.
fn of_sealing(dir: &Path, keys: &SealingKeys, remembered: &Remembered) -> Option<Finding> {
    let file = dir.join(Folder::SEALING);
    match remembered.sealing {
        Some(id) if !keys.holds(id) => {
            let error = StartError::LacksSealingKey { id, file, place: remembered.place.clone() };
            Some(Finding::wrong("keys", error.to_string()))
        }
        None if keys.is_empty() && may_write(dir) => Some(Finding::note(
            "keys",
            format!("{} is not there yet: the next start makes it", file.display()),
        )),
        None if keys.is_empty() => {
            let text = "is not there, and cannot be made there: nothing can be sealed until `keyward key rotate \
                        --sealing` makes it where the keys come from";
            Some(Finding::note("keys", format!("{} {text}", file.display())))
        }
        _ => None,
    }
}

/// Nodes sign with keys of one folder, or refuse what the others sign.
fn of_signers(dir: &Path, keys: &[KeyFile], signers: &[Signer], settings: &Settings) -> Vec<Finding> {
    let lives: Vec<_> = keys.iter().map(|key| key.life).collect();
    let spans = schedule::spans(&lives, settings.tokens.lifetimes.access);
    let may_sign = |signer: &Signer| {
        let known = keys.iter().zip(&spans).find(|(key, _)| key.key.public().kid() == signer.kid);
        // A node hears of a change within that time, and its clock may lag.
        known.is_some_and(|(_, span)| span.stops.is_none_or(|stop| signer.noted_at < stop + NOTICE + NOTICE))
    };
    let strange = signers.iter().filter(|signer| !may_sign(signer));
    let finding = |signer: &Signer| {
        let text = format!(
            "a node signs with {}, which by {} none should: all nodes need the same keys folder (a key that was \
             deleted as compromised is named here for up to {} minutes)",
            signer.kid,
            dir.display(),
            IN_USE.as_secs() / 60
        );
        Finding::wrong("keys", text)
    };
    strange.map(finding).collect()
}

async fn recall(settings: &Settings, clock: &Arc<dyn Clock>) -> Remembered {
    let database = &settings.storage.database;
    let Some(redis) = &settings.storage.redis else {
        let Database::Sqlite(path) = database else { return Remembered::default() };
        let found = path.exists().then(|| SqliteStore::installation_in(path).ok()).flatten();
        let (secret, sealing) = found.unwrap_or_default();
        return Remembered { place: database.place(), secret, sealing, signers: Vec::new() };
    };
    let store = open_redis(redis, settings.tokens.lifetimes, &Arc::default(), clock).await.ok();
    let mut found = Remembered { place: redis.place(), ..Remembered::default() };
    if let Some(store) = &store {
        found.remember(store).await;
        found.signers = store.signers(clock.now()).await.unwrap_or_default();
    }
    if let Database::Postgres { url, tls_ca } = database {
        // It is what nodes go by, so nothing is known where it cannot be asked.
        found = Remembered { place: database.place(), signers: found.signers, ..Remembered::default() };
        if let Ok(store) = PostgresStore::connect(url, tls_ca.as_deref()).await {
            found.remember(&store).await;
        }
    }
    found
}

/// Every expiry is wrong where the clock is; a key that is not born yet shows it.
pub(super) fn of_clock(settings: &Settings, now: Timestamp) -> Finding {
    let folder = settings.keys.dir.exists().then(|| Folder::open(&settings.keys.dir));
    let keys = folder.and_then(Result::ok).and_then(|folder| folder.keys().ok()).unwrap_or_default();
    let latest = keys.iter().map(|key| key.life.born).max();
    match latest.filter(|born| *born > now) {
        Some(born) => Finding::wrong("clock", format!("it shows {now}, but a key was made at {born}")),
        None => Finding::good("clock", format!("it shows {now}")),
    }
}

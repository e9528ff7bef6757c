//! The key ring: signs, verifies and publishes. Signing and verifying wait for nobody: they use the
//! keys as they were when the folder was last read, and judge them by the time given.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use arc_swap::{ArcSwap, Guard};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::{
    claims::{self, Expected},
    error::{KeyError, TokenError},
    folder::Folder,
    header::{self, Parts, TOKEN_MAX_BYTES},
    prepare::{Making, add_key, no_keys, prepare},
    sealer::Sealer,
    sealing::SealingKeys,
    settings::KeySettings,
    snapshot::Snapshot,
};
use crate::domain::{
    algorithm::Algorithm,
    claims::AccessClaims,
    clock::{Clock, Timestamp},
    random,
    refresh_token::RefreshSecret,
};

/// The `max-age` to serve the JWKS with; a third of the time a key is published before it signs.
pub const JWKS_MAX_AGE: Duration = Duration::from_mins(5);

/// How often a token with an unknown `kid` may make the ring read the folder.
const UNKNOWN_KID_PAUSE: Duration = Duration::from_secs(1);
/// The length of every `kid`: a SHA-256 in base64url.
const KID_LENGTH: usize = 43;

/// The signing keys of this server, the secret behind its refresh tokens, and its sealing keys.
pub struct KeyRing {
    pub(super) folder: Arc<Folder>,
    pub(super) algorithm: Algorithm,
    pub(super) clock: Arc<dyn Clock>,
    expected: Expected,
    secret: RefreshSecret,
    sealer: Sealer,
    keys: ArcSwap<Snapshot>,
    /// Held while the folder is read, so that the newest reading stays.
    last_reading: Mutex<Reading>,
}

/// A reading of the folder.
struct Reading {
    at: Timestamp,
    failed: bool,
}

impl KeyRing {
    /// Reads the folder, and makes what is not there yet: the folder, the first key, and with that the
    /// secret. Makes a key of the configured algorithm if the youngest is of another.
    ///
    /// # Errors
    /// When the folder or a file in it cannot be used; the error says which and why.
    pub fn open(settings: KeySettings, clock: Arc<dyn Clock>) -> Result<Self, KeyError> {
        Self::open_making(Making::All, settings, clock)
    }

    /// The same, for an installation that has begun before: its secret is never made again.
    ///
    /// # Errors
    /// As [`KeyRing::open`], and when the secret is not there.
    pub fn open_again(settings: KeySettings, clock: Arc<dyn Clock>) -> Result<Self, KeyError> {
        Self::open_making(Making::Keys, settings, clock)
    }

    /// Reads the folder, and makes nothing.
    ///
    /// # Errors
    /// As [`KeyRing::open`], and when there is no key or no secret.
    pub fn open_existing(settings: KeySettings, clock: Arc<dyn Clock>) -> Result<Self, KeyError> {
        Self::open_making(Making::Nothing, settings, clock)
    }

    fn open_making(making: Making, settings: KeySettings, clock: Arc<dyn Clock>) -> Result<Self, KeyError> {
        let now = clock.now();
        let folder = match making {
            Making::All | Making::Keys => Folder::make(&settings.dir)?,
            Making::Nothing if settings.dir.exists() => Folder::open(&settings.dir)?,
            Making::Nothing => return Err(no_keys(&settings.dir)),
        };
        let secret = prepare(&folder, settings.algorithm, now, making)?;
        let keys = Snapshot::read(&folder, settings.access_ttl, now)?;
        let sealing = folder.sealing_keys()?;
        Ok(Self::of(folder, &secret, keys, sealing, settings, clock))
    }

    /// A ring that signs nothing and believes nothing, for tools that need neither: they work where the
    /// keys are not theirs to read.
    #[must_use]
    pub fn without_keys(settings: KeySettings, clock: Arc<dyn Clock>) -> Self {
        let folder = Folder::unread(settings.dir.clone());
        // Nobody else ever has this secret, so it makes nothing genuine.
        let secret = Zeroizing::new(random::bytes());
        Self::of(folder, &secret, Snapshot::empty(), SealingKeys::default(), settings, clock)
    }

    fn of(
        folder: Folder,
        secret: &[u8; 32],
        keys: Snapshot,
        sealing: SealingKeys,
        settings: KeySettings,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let KeySettings { dir: _, algorithm, access_ttl, issuer, audience } = settings;
        let folder = Arc::new(folder);
        Self {
            sealer: Sealer::new(Arc::clone(&folder), sealing, Arc::clone(&clock)),
            folder,
            algorithm,
            last_reading: Mutex::new(Reading { at: clock.now(), failed: false }),
            clock,
            expected: Expected { issuer, audience, access_ttl },
            secret: RefreshSecret::new(secret),
            keys: ArcSwap::from_pointee(keys),
        }
    }

    /// Reads the folder again: to be called once a minute and on SIGHUP. It writes only where no key is
    /// left to sign.
    ///
    /// # Errors
    /// As [`KeyRing::open`], and when the folder holds nothing any more; the keys read before stay in force.
    pub fn reload(&self) -> Result<(), KeyError> {
        // Each is read whatever becomes of the other.
        let (signing, sealing) = (self.read_folder(&mut self.reading()), self.sealer.reload());
        signing.and(sealing)
    }

    /// The token that says `claims`, signed with the key whose turn it is.
    ///
    /// # Errors
    /// When no key may sign, or the token would be too long.
    pub fn sign(&self, claims: &AccessClaims) -> Result<String, KeyError> {
        let keys = self.keys.load();
        let signer = keys
            .signer(self.clock.now())
            .ok_or_else(|| KeyError::NoSigner { folder: self.folder.path().to_owned() })?;
        let payload = URL_SAFE_NO_PAD.encode(claims::write(claims, &self.expected));
        let mut token = format!("{}.{payload}", signer.header);
        let signature = signer.key.sign(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        if token.len() > TOKEN_MAX_BYTES {
            return Err(KeyError::TokenTooLong { bytes: token.len() });
        }
        Ok(token)
    }

    /// What a token says, if it is genuine and for us. No claim is looked at before the signature is
    /// known to be good.
    ///
    /// # Errors
    /// [`TokenError::Expired`] if its time is all that is wrong; [`TokenError::KeysUnread`] if its key may be one
    /// that could not be read; else [`TokenError::Invalid`], whatever the cause.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<AccessClaims, TokenError> {
        let parts = Parts::of(token).ok_or(TokenError::Invalid)?;
        let header = parts.header().ok_or(TokenError::Invalid)?;
        let keys = self.keys_with(header.kid, now)?;
        let key = keys.find(header.kid, now).ok_or(TokenError::Invalid)?.key.public();
        if key.algorithm().as_str() != header.alg || !key.verify(parts.signed.as_bytes(), parts.signature) {
            return Err(TokenError::Invalid);
        }
        let payload = header::decode(parts.payload).ok_or(TokenError::Invalid)?;
        claims::read(&payload, &self.expected, now)
    }

    /// The JWK Set of all keys that may still verify, public members only (RFC 7517 section 5). To be
    /// served with [`JWKS_MAX_AGE`].
    #[must_use]
    pub fn jwks(&self) -> String {
        self.keys.load().jwks(self.clock.now())
    }

    /// The name of the key whose turn to sign it is.
    #[must_use]
    pub fn signer(&self) -> Option<String> {
        self.keys.load().signer(self.clock.now()).map(|entry| entry.kid().to_owned())
    }

    /// The `iss` of every token.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.expected.issuer
    }

    /// The `aud` of every token.
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.expected.audience
    }

    /// Another number whenever the set of accepted keys has changed. A cache of verified tokens takes it
    /// before it verifies and keeps it with the entry, which is void once the number is another.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.keys.load().epoch
    }

    /// What makes refresh tokens genuine.
    #[must_use]
    pub const fn refresh_secret(&self) -> &RefreshSecret {
        &self.secret
    }

    /// Seals and opens data.
    #[must_use]
    pub const fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    pub(super) fn keys(&self) -> Guard<Arc<Snapshot>> {
        self.keys.load()
    }

    pub(super) fn snapshot(&self, now: Timestamp) -> Result<Snapshot, KeyError> {
        Snapshot::read(&self.folder, self.expected.access_ttl, now)
    }

    /// The keys, read again if `kid` is not among them: another node may have made it just now. Whoever
    /// waited for a reading that began meanwhile profits from that one.
    fn keys_with(&self, kid: &str, now: Timestamp) -> Result<Guard<Arc<Snapshot>>, TokenError> {
        let keys = self.keys.load();
        if kid.len() != KID_LENGTH || keys.find(kid, now).is_some() {
            return Ok(keys);
        }
        let mut last = self.reading();
        let pause = last.at..last.at + UNKNOWN_KID_PAUSE;
        if !pause.contains(&self.clock.now()) {
            // A folder that cannot be read is reported by the reading that happens every minute.
            let _ = self.read_folder(&mut last);
        }
        let keys = self.keys.load();
        if last.failed && keys.find(kid, now).is_none() { Err(TokenError::KeysUnread) } else { Ok(keys) }
    }

    fn reading(&self) -> MutexGuard<'_, Reading> {
        self.last_reading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_folder(&self, last: &mut Reading) -> Result<(), KeyError> {
        // Noted before it is tried, so that a broken folder is not hammered either.
        *last = Reading { at: self.clock.now(), failed: true };
        let keys = self.living_keys(last.at)?;
        last.failed = false;
        self.keys.store(Arc::new(keys.after(&self.keys.load())));
        Ok(())
    }

    /// The keys of the folder; makes one where none is left to sign.
    fn living_keys(&self, now: Timestamp) -> Result<Snapshot, KeyError> {
        let keys = self.snapshot(now)?;
        if keys.signer(now).is_some() {
            return Ok(keys);
        }
        // Without the secret it is not the folder that was opened, but, say, one on which its volume is not
        // mounted any more: a key made there would take the place of all that are in use.
        if self.folder.secret()?.is_none() {
            return Err(KeyError::FolderLost { folder: self.folder.path().to_owned() });
        }
        let locked = self.folder.lock()?;
        let mut keys = self.snapshot(now)?;
        if keys.signer(now).is_none() {
            add_key(&locked, &keys, self.algorithm, now)?;
            keys = self.snapshot(now)?;
        }
        Ok(keys)
    }
}

//! The keys folder: what is made on first start and how, what is refused, and what is seen again.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink},
    path::Path,
    sync::Barrier,
    thread,
    time::{Duration, UNIX_EPOCH},
};

use keyward::{
    domain::{algorithm::Algorithm, clock::Timestamp, ids::SessionId, refresh_token::RefreshToken},
    keys::{
        error::KeyError, folder::Folder, key_file, ring::KeyRing, schedule::Life, signing_key::SigningKey,
    },
};
use rstest::rstest;

use super::{ALGORITHMS, KeysFolder, START, claims, kids};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("metadata").permissions().mode() & 0o777
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("mode");
}

fn refusal(place: &KeysFolder) -> KeyError {
    place.open(Algorithm::Es256).err().expect("refused")
}

#[test]
fn the_first_start_makes_a_private_folder_with_a_key_and_a_secret() {
    for algorithm in ALGORITHMS {
        let place = KeysFolder::new();
        let ring = place.ring(algorithm);
        let kid = ring.list()[0].kid.clone();
        let mut expected = vec![format!("{kid}.pem"), "refresh.secret".to_owned()];
        expected.sort();
        assert_eq!(place.files(), expected);
        assert_eq!(mode(&place.dir()), 0o700);
        for file in place.files() {
            assert_eq!(mode(&place.dir().join(file)), 0o600);
        }
        let text = fs::read_to_string(place.dir().join(format!("{kid}.pem"))).expect("text");
        assert!(text.starts_with("born: 2033-05-18T03:33:20Z\n-----BEGIN PRIVATE KEY-----\n"), "{algorithm}");
    }
}

#[test]
fn a_second_start_changes_nothing() {
    let place = KeysFolder::new();
    let first = place.ring(Algorithm::Es256);
    let token = first.sign(&claims(START)).expect("a token");
    let refresh = RefreshToken::first(SessionId::random(), first.refresh_secret());
    let files = place.files();
    let second = place.ring(Algorithm::Es256);
    assert_eq!(place.files(), files);
    assert!(second.verify(&token, START).is_ok());
    assert!(RefreshToken::parse(refresh.expose(), second.refresh_secret()).is_ok());
}

#[test]
fn nodes_that_start_at_once_on_one_folder_agree() {
    let place = KeysFolder::new();
    let start = Barrier::new(8);
    let rings: Vec<KeyRing> = thread::scope(|scope| {
        let nodes: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    place.ring(Algorithm::EdDsa)
                })
            })
            .collect();
        nodes.into_iter().map(|node| node.join().expect("a ring")).collect()
    });
    assert_eq!(place.files().len(), 2, "one key and one secret: {:?}", place.files());
    let refresh = RefreshToken::first(SessionId::random(), rings[0].refresh_secret());
    for ring in &rings {
        assert_eq!(ring.jwks(), rings[0].jwks());
        assert!(RefreshToken::parse(refresh.expose(), ring.refresh_secret()).is_ok());
    }
}

#[test]
fn changes_by_several_at_once_lose_none() {
    let place = KeysFolder::new();
    let ring = place.ring(Algorithm::EdDsa);
    let other = place.ring(Algorithm::EdDsa);
    thread::scope(|scope| {
        for ring in [&ring, &other, &ring, &other] {
            scope.spawn(move || {
                for _ in 0..5 {
                    ring.rotate().expect("rotated");
                    ring.reload().expect("reloaded");
                }
            });
        }
    });
    ring.reload().expect("reloaded");
    assert_eq!(ring.list().len(), 21);
    assert_eq!(place.files().len(), 22, "nothing half written is left");
}

#[rstest]
#[case(0o640)]
#[case(0o604)]
#[case(0o660)]
#[case(0o644)]
#[case(0o601)]
fn loose_files_are_refused(#[case] loose: u32) {
    let place = KeysFolder::new();
    drop(place.ring(Algorithm::Es256));
    for file in place.files() {
        let path = place.dir().join(file);
        chmod(&path, loose);
        let said = refusal(&place).to_string();
        let expected = format!("{} has mode {loose:03o}, which lets others in: chmod 600 it", path.display());
        assert_eq!(said, expected);
        chmod(&path, 0o400);
    }
    drop(place.ring(Algorithm::Es256));
}

#[test]
fn a_folder_that_others_may_write_to_is_refused() {
    let place = KeysFolder::new();
    drop(place.ring(Algorithm::Es256));
    for loose in [0o777, 0o770, 0o775, 0o720, 0o1777] {
        chmod(&place.dir(), loose);
        assert!(
            matches!(refusal(&place), KeyError::Loose { mode, .. } if mode == loose & 0o777),
            "{loose:o}"
        );
    }
    for closed in [0o755, 0o750, 0o711] {
        chmod(&place.dir(), closed);
        drop(place.ring(Algorithm::Es256));
    }
}

/// The keys of a keys folder as Kubernetes mounts a secret: links through `..data`, which others cannot change,
/// in a folder where everybody may make files.
fn mount(place: &KeysFolder) {
    drop(place.ring(Algorithm::Es256));
    let (dir, version) = (place.dir(), place.dir().join("..2026_11_21"));
    fs::create_dir(&version).expect("made");
    symlink("..2026_11_21", dir.join("..data")).expect("linked");
    for file in place.files().iter().filter(|name| !name.starts_with("..")) {
        fs::rename(dir.join(file), version.join(file)).expect("moved");
        chmod(&version.join(file), 0o440);
        symlink(Path::new("..data").join(file), dir.join(file)).expect("linked");
    }
    chmod(&version, 0o2755);
    chmod(&dir, 0o3777);
}

#[test]
fn a_secret_as_kubernetes_mounts_it_is_read_and_never_written_to() {
    let place = KeysFolder::new();
    mount(&place);
    let files = place.files();
    let ring = place.ring(Algorithm::Es256);
    ring.reload().expect("read again");
    assert_eq!(ring.list().len(), 1);
    let error = ring.rotate().expect_err("not ours to write to");
    assert!(matches!(error, KeyError::Mounted { .. }), "{error}");
    assert_eq!(place.files(), files);
}

#[test]
fn what_anybody_could_have_put_beside_a_mounted_secret_is_refused() {
    let stranger = KeysFolder::new();
    let strange = format!("{}.pem", stranger.ring(Algorithm::Es256).list()[0].kid);
    let brought = stranger.dir().join(&strange);
    let spoils: [&dyn Fn(&KeysFolder); 5] = [
        &|place| {
            fs::copy(&brought, place.dir().join(&strange)).expect("copied");
        },
        &|place| symlink(&brought, place.dir().join(&strange)).expect("linked"),
        &|place| chmod(&place.dir().join("..2026_11_21"), 0o2775),
        &|place| chmod(&place.dir(), 0o2777),
        &|place| {
            fs::remove_file(place.dir().join("..data")).expect("removed");
            fs::rename(place.dir().join("..2026_11_21"), place.dir().join("..data")).expect("renamed");
        },
    ];
    for (number, spoil) in spoils.iter().enumerate() {
        let place = KeysFolder::new();
        mount(&place);
        spoil(&place);
        let error = refusal(&place);
        assert!(matches!(error, KeyError::Loose { .. } | KeyError::Unusable { .. }), "{number}: {error}");
    }
}

#[test]
fn of_others_only_our_own_group_may_read_a_key_and_nobody_write_it() {
    let place = KeysFolder::new();
    mount(&place);
    let version = place.dir().join("..2026_11_21");
    let file = version.join("refresh.secret");
    for loose in [0o444, 0o460, 0o640, 0o450, 0o441] {
        chmod(&file, loose);
        assert!(matches!(refusal(&place), KeyError::Loose { mode, .. } if mode == loose), "{loose:o}");
    }
    chmod(&file, 0o440);
    drop(place.ring(Algorithm::Es256));
    // Only root can give a file to a group that it is not in.
    if fs::metadata("/proc/self").expect("/proc").uid() == 0 {
        chown(&file, None, Some(54_321)).expect("given away");
        assert!(matches!(refusal(&place), KeyError::Loose { mode: 0o440, .. }));
    }
}

#[test]
fn keys_without_their_secret_are_not_given_another() {
    let place = KeysFolder::new();
    drop(place.ring(Algorithm::Es256));
    let secret = place.dir().join("refresh.secret");
    fs::remove_file(&secret).expect("lost");
    let error = refusal(&place);
    assert!(matches!(&error, KeyError::SecretLost { path } if *path == secret), "{error}");
    assert!(error.to_string().contains("keyward key new-secret"), "{error}");
    assert!(!secret.exists());
}

#[test]
fn an_installation_that_has_begun_makes_keys_and_no_secret() {
    let place = KeysFolder::new();
    let settings = || super::settings(&place.dir(), Algorithm::Es256);
    let again = || KeyRing::open_again(settings(), place.clock.clone());
    assert!(matches!(again().err(), Some(KeyError::SecretLost { .. })));
    drop(place.ring(Algorithm::Es256));
    let key = place.files().into_iter().find(|name| name != "refresh.secret").expect("a key");
    fs::remove_file(place.dir().join(key)).expect("removed");
    assert_eq!(again().expect("a ring").list().len(), 1);
}

#[test]
fn a_start_that_was_cut_short_after_the_secret_goes_on_from_there() {
    let place = KeysFolder::new();
    let folder = Folder::make(&place.dir()).expect("a folder");
    let secret = folder.lock().and_then(|locked| locked.make_secret()).expect("a secret");
    drop(place.ring(Algorithm::Es256));
    assert_eq!(folder.secret().expect("readable"), Some(secret));
}

#[test]
fn to_open_what_exists_makes_nothing() {
    let place = KeysFolder::new();
    let open =
        || KeyRing::open_existing(super::settings(&place.dir(), Algorithm::Es256), place.clock.clone());
    assert!(matches!(open().err(), Some(KeyError::NoKeys { .. })));
    assert!(!place.dir().exists());
    drop(place.ring(Algorithm::EdDsa));
    let files = place.files();
    assert_eq!(open().expect("a ring").list().len(), 1, "no key of the other algorithm is made");
    assert_eq!(place.files(), files);
}

#[test]
fn a_path_that_is_no_folder_is_refused() {
    let place = KeysFolder::new();
    fs::write(place.dir(), "").expect("written");
    let error = refusal(&place);
    assert_eq!(error.to_string(), format!("cannot make {}", place.dir().display()));
    assert!(std::error::Error::source(&error).is_some());
}

#[rstest]
#[case("")]
#[case("c2hvcnQ=\n")]
#[case("not base64 at all, but of a plausible length")]
#[case("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
fn a_bad_secret_is_refused_and_not_replaced(#[case] text: &str) {
    let place = KeysFolder::new();
    drop(place.ring(Algorithm::Es256));
    let path = place.dir().join("refresh.secret");
    fs::write(&path, text).expect("written");
    assert_eq!(refusal(&place).to_string(), format!("{}: not 32 bytes in base64", path.display()));
    assert_eq!(fs::read_to_string(&path).expect("text"), text);
}

#[test]
fn a_key_under_a_wrong_name_is_refused_with_the_right_one() {
    let place = KeysFolder::new();
    let kid = place.ring(Algorithm::Es256).list()[0].kid.clone();
    let brought = place.dir().join("mine.pem");
    fs::rename(place.dir().join(format!("{kid}.pem")), &brought).expect("renamed");
    let said = refusal(&place).to_string();
    assert!(
        said.starts_with(&brought.display().to_string()) && said.contains(&format!("{kid}.pem")),
        "{said}"
    );
}

#[test]
fn a_file_too_long_or_not_text_is_refused() {
    for (bytes, reason) in [(vec![b'A'; 70_000], "too long to be a key"), (vec![0xFF; 9], "not a text file")]
    {
        let place = KeysFolder::new();
        drop(place.ring(Algorithm::Es256));
        let path = place.dir().join("x.pem");
        fs::write(&path, bytes).expect("written");
        chmod(&path, 0o600);
        assert_eq!(refusal(&place).to_string(), format!("{}: {reason}", path.display()));
    }
}

#[test]
fn files_that_are_not_keys_are_let_be() {
    let place = KeysFolder::new();
    drop(place.ring(Algorithm::Es256));
    for name in ["README.md", ".hidden.pem", "key.pem.bak"] {
        fs::write(place.dir().join(name), "text").expect("written");
    }
    assert_eq!(place.ring(Algorithm::Es256).list().len(), 1);
}

#[test]
fn a_key_brought_without_dates_was_born_when_its_file_was_written() {
    let place = KeysFolder::new();
    fs::create_dir(place.dir()).expect("a folder");
    let der = SigningKey::generate(Algorithm::Rs256).expect("a key");
    let key = SigningKey::from_pkcs8(&der).expect("a key");
    let secret = place.dir().join("refresh.secret");
    fs::write(&secret, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n").expect("written");
    chmod(&secret, 0o600);
    let born = Timestamp::from_secs(1_900_000_000);
    let text = key_file::render(&der, &Life { born, retired: None });
    let path = place.dir().join(format!("{}.pem", key.public().kid()));
    fs::write(&path, text.split_once('\n').expect("lines").1).expect("written");
    chmod(&path, 0o600);
    let file = fs::File::options().write(true).open(&path).expect("a file");
    file.set_modified(UNIX_EPOCH + Duration::from_secs(1_900_000_000)).expect("a date");
    let ring = place.ring(Algorithm::Rs256);
    assert_eq!((ring.list().len(), ring.list()[0].born), (1, born));
    // Retiring it writes the date down, which the new time of the file would otherwise change.
    let kid = ring.list()[0].kid.clone();
    ring.retire(&kid, keyward::keys::schedule::Retirement::Orderly).expect("retired");
    let text = fs::read_to_string(&path).expect("text");
    assert!(
        text.starts_with("born: 2030-03-17T17:46:40Z\nretired: 2033-05-18T03:33:20Z\n-----BEGIN"),
        "{text}"
    );
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn a_failed_reload_keeps_the_keys() {
    let place = KeysFolder::new();
    let ring = place.ring(Algorithm::Es256);
    let token = ring.sign(&claims(START)).expect("a token");
    let epoch = ring.epoch();
    let bad = place.dir().join("bad.pem");
    fs::write(&bad, "no key").expect("written");
    chmod(&bad, 0o600);
    assert!(ring.reload().is_err());
    assert!(ring.verify(&token, START).is_ok());
    fs::rename(place.dir(), place.folder.path().join("away")).expect("renamed");
    assert!(matches!(ring.reload(), Err(KeyError::Io { what: "read", .. })));
    assert!(ring.verify(&token, START).is_ok());
    assert_eq!(ring.epoch(), epoch);
}

#[test]
fn a_folder_emptied_by_hand_gets_a_new_key() {
    let place = KeysFolder::new();
    let ring = place.ring(Algorithm::Es256);
    let token = ring.sign(&claims(START)).expect("a token");
    let old = kids(&ring.jwks());
    fs::remove_file(place.dir().join(format!("{}.pem", old[0]))).expect("removed");
    ring.reload().expect("reloaded");
    assert!(ring.verify(&token, START).is_err(), "a deleted key must not verify");
    assert!(ring.sign(&claims(START)).is_ok());
    assert_ne!(kids(&ring.jwks()), old);
}

#[test]
fn a_crash_while_writing_leaves_nothing_that_counts() {
    let place = KeysFolder::new();
    let ring = place.ring(Algorithm::Es256);
    let half = place.dir().join(".0123456789abcdef.tmp");
    fs::write(&half, "born: 2033-05-18T03:33:20Z\n-----BEGIN PRIV").expect("written");
    ring.reload().expect("reloaded");
    assert_eq!(place.ring(Algorithm::Es256).list(), ring.list());
    ring.rotate().expect("rotated");
    assert!(!half.exists());
}

#[test]
fn readers_never_see_half_a_key() {
    let place = KeysFolder::new();
    let ring = place.ring(Algorithm::EdDsa);
    let folder = Folder::open(&place.dir()).expect("a folder");
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for _ in 0..20 {
                let kid = ring.rotate().expect("rotated").kid;
                ring.retire(&kid, keyward::keys::schedule::Retirement::Orderly).expect("retired");
            }
        });
        while !writer.is_finished() {
            folder.keys().expect("whole keys");
        }
    });
}

#[test]
fn a_mass_sign_out_that_is_cut_short_leaves_a_key() {
    let place = KeysFolder::new();
    let ring = place.ring(Algorithm::EdDsa);
    let before = ring.list();
    // The names alone, which are there or not at one moment: a key may be gone until it is read.
    let keys = || {
        let files = fs::read_dir(place.dir()).expect("a folder").flatten();
        files.filter(|file| file.path().extension().is_some_and(|extension| extension == "pem")).count()
    };
    thread::scope(|scope| {
        let writer = scope.spawn(|| (0..20).for_each(|_| ring.replace_all().expect("replaced")));
        while !writer.is_finished() {
            assert!(keys() > 0, "a node that starts now would make a key of its own");
        }
    });
    let [after] = &ring.list()[..] else { panic!("one key is left") };
    assert!(before.iter().all(|key| key.kid != after.kid));
    assert_eq!(ring.signer(), Some(after.kid.clone()));
}

#[test]
fn nothing_secret_is_printed() {
    let place = KeysFolder::new();
    let ring = place.ring(Algorithm::EdDsa);
    let keys = Folder::open(&place.dir()).expect("a folder").keys().expect("keys");
    let kid = &ring.list()[0].kid;
    assert_eq!(format!("{:?}", keys[0].key), format!("SigningKey(EdDSA {kid})"));
    assert_eq!(format!("{:?}", ring.refresh_secret()), "RefreshSecret(…)");
}

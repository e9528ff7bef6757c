//! The keys folder: what is made on first start and how, what is refused, and what is seen again.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
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

use super::{ALGORITHMS, Home, START, claims, kids};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("metadata").permissions().mode() & 0o777
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("mode");
}

fn refusal(home: &Home) -> KeyError {
    home.open(Algorithm::Es256).err().expect("refused")
}

#[test]
fn the_first_start_makes_a_private_folder_with_a_key_and_a_secret() {
    for algorithm in ALGORITHMS {
        let home = Home::new();
        let ring = home.ring(algorithm);
        let kid = ring.list()[0].kid.clone();
        let mut expected = vec![format!("{kid}.pem"), "refresh.secret".to_owned()];
        expected.sort();
        assert_eq!(home.files(), expected);
        assert_eq!(mode(&home.dir()), 0o700);
        for file in home.files() {
            assert_eq!(mode(&home.dir().join(file)), 0o600);
        }
        let text = fs::read_to_string(home.dir().join(format!("{kid}.pem"))).expect("text");
        assert!(text.starts_with("born: 2033-05-18T03:33:20Z\n-----BEGIN PRIVATE KEY-----\n"), "{algorithm}");
    }
}

#[test]
fn a_second_start_changes_nothing() {
    let home = Home::new();
    let first = home.ring(Algorithm::Es256);
    let token = first.sign(&claims(START)).expect("a token");
    let refresh = RefreshToken::first(SessionId::random(), first.refresh_secret());
    let files = home.files();
    let second = home.ring(Algorithm::Es256);
    assert_eq!(home.files(), files);
    assert!(second.verify(&token, START).is_ok());
    assert!(RefreshToken::parse(refresh.expose(), second.refresh_secret()).is_ok());
}

#[test]
fn nodes_that_start_at_once_on_one_folder_agree() {
    let home = Home::new();
    let start = Barrier::new(8);
    let rings: Vec<KeyRing> = thread::scope(|scope| {
        let nodes: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    home.ring(Algorithm::EdDsa)
                })
            })
            .collect();
        nodes.into_iter().map(|node| node.join().expect("a ring")).collect()
    });
    assert_eq!(home.files().len(), 2, "one key and one secret: {:?}", home.files());
    let refresh = RefreshToken::first(SessionId::random(), rings[0].refresh_secret());
    for ring in &rings {
        assert_eq!(ring.jwks(), rings[0].jwks());
        assert!(RefreshToken::parse(refresh.expose(), ring.refresh_secret()).is_ok());
    }
}

#[test]
fn changes_by_several_at_once_lose_none() {
    let home = Home::new();
    let ring = home.ring(Algorithm::EdDsa);
    let other = home.ring(Algorithm::EdDsa);
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
    assert_eq!(home.files().len(), 22, "nothing half written is left");
}

#[rstest]
#[case(0o640)]
#[case(0o604)]
#[case(0o660)]
#[case(0o644)]
#[case(0o601)]
fn loose_files_are_refused(#[case] loose: u32) {
    let home = Home::new();
    drop(home.ring(Algorithm::Es256));
    for file in home.files() {
        let path = home.dir().join(file);
        chmod(&path, loose);
        let said = refusal(&home).to_string();
        let expected = format!("{} has mode {loose:03o}, which lets others in: chmod 600 it", path.display());
        assert_eq!(said, expected);
        chmod(&path, 0o400);
    }
    drop(home.ring(Algorithm::Es256));
}

#[test]
fn a_folder_that_everybody_may_write_to_is_refused() {
    let home = Home::new();
    drop(home.ring(Algorithm::Es256));
    chmod(&home.dir(), 0o777);
    assert!(matches!(refusal(&home), KeyError::Loose { mode: 0o777, .. }));
    chmod(&home.dir(), 0o755);
    drop(home.ring(Algorithm::Es256));
}

#[test]
fn a_path_that_is_no_folder_is_refused() {
    let home = Home::new();
    fs::write(home.dir(), "").expect("written");
    let error = refusal(&home);
    assert_eq!(error.to_string(), format!("cannot make {}", home.dir().display()));
    assert!(std::error::Error::source(&error).is_some());
}

#[rstest]
#[case("")]
#[case("c2hvcnQ=\n")]
#[case("not base64 at all, but of a plausible length")]
#[case("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
fn a_bad_secret_is_refused_and_not_replaced(#[case] text: &str) {
    let home = Home::new();
    drop(home.ring(Algorithm::Es256));
    let path = home.dir().join("refresh.secret");
    fs::write(&path, text).expect("written");
    assert_eq!(refusal(&home).to_string(), format!("{}: not 32 bytes in base64", path.display()));
    assert_eq!(fs::read_to_string(&path).expect("text"), text);
}

#[test]
fn a_key_under_a_wrong_name_is_refused_with_the_right_one() {
    let home = Home::new();
    let kid = home.ring(Algorithm::Es256).list()[0].kid.clone();
    let brought = home.dir().join("mine.pem");
    fs::rename(home.dir().join(format!("{kid}.pem")), &brought).expect("renamed");
    let said = refusal(&home).to_string();
    assert!(
        said.starts_with(&brought.display().to_string()) && said.contains(&format!("{kid}.pem")),
        "{said}"
    );
}

#[test]
fn a_file_too_long_or_not_text_is_refused() {
    for (bytes, reason) in [(vec![b'A'; 70_000], "too long to be a key"), (vec![0xFF; 9], "not a text file")]
    {
        let home = Home::new();
        drop(home.ring(Algorithm::Es256));
        let path = home.dir().join("x.pem");
        fs::write(&path, bytes).expect("written");
        chmod(&path, 0o600);
        assert_eq!(refusal(&home).to_string(), format!("{}: {reason}", path.display()));
    }
}

#[test]
fn files_that_are_not_keys_are_let_be() {
    let home = Home::new();
    drop(home.ring(Algorithm::Es256));
    for name in ["README.md", ".hidden.pem", "key.pem.bak"] {
        fs::write(home.dir().join(name), "text").expect("written");
    }
    assert_eq!(home.ring(Algorithm::Es256).list().len(), 1);
}

#[test]
fn a_key_brought_without_dates_was_born_when_its_file_was_written() {
    let home = Home::new();
    fs::create_dir(home.dir()).expect("a folder");
    let der = SigningKey::generate(Algorithm::Rs256).expect("a key");
    let key = SigningKey::from_pkcs8(&der).expect("a key");
    let born = Timestamp::from_secs(1_900_000_000);
    let text = key_file::render(&der, &Life { born, retired: None });
    let path = home.dir().join(format!("{}.pem", key.public().kid()));
    fs::write(&path, text.split_once('\n').expect("lines").1).expect("written");
    chmod(&path, 0o600);
    let file = fs::File::options().write(true).open(&path).expect("a file");
    file.set_modified(UNIX_EPOCH + Duration::from_secs(1_900_000_000)).expect("a date");
    let ring = home.ring(Algorithm::Rs256);
    assert_eq!((ring.list().len(), ring.list()[0].born), (1, born));
    // Retiring it writes the date down, which the new time of the file would otherwise change.
    let kid = ring.list()[0].kid.clone();
    ring.retire(&kid, keyward::keys::operate::Retirement::Orderly).expect("retired");
    let text = fs::read_to_string(&path).expect("text");
    assert!(
        text.starts_with("born: 2030-03-17T17:46:40Z\nretired: 2033-05-18T03:33:20Z\n-----BEGIN"),
        "{text}"
    );
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn a_failed_reload_keeps_the_keys() {
    let home = Home::new();
    let ring = home.ring(Algorithm::Es256);
    let token = ring.sign(&claims(START)).expect("a token");
    let epoch = ring.epoch();
    let bad = home.dir().join("bad.pem");
    fs::write(&bad, "no key").expect("written");
    chmod(&bad, 0o600);
    assert!(ring.reload().is_err());
    assert!(ring.verify(&token, START).is_ok());
    fs::rename(home.dir(), home.folder.path().join("away")).expect("renamed");
    assert!(matches!(ring.reload(), Err(KeyError::Io { what: "read", .. })));
    assert!(ring.verify(&token, START).is_ok());
    assert_eq!(ring.epoch(), epoch);
}

#[test]
fn a_folder_emptied_by_hand_gets_a_new_key() {
    let home = Home::new();
    let ring = home.ring(Algorithm::Es256);
    let token = ring.sign(&claims(START)).expect("a token");
    let old = kids(&ring.jwks());
    fs::remove_file(home.dir().join(format!("{}.pem", old[0]))).expect("removed");
    ring.reload().expect("reloaded");
    assert!(ring.verify(&token, START).is_err(), "a deleted key must not verify");
    assert!(ring.sign(&claims(START)).is_ok());
    assert_ne!(kids(&ring.jwks()), old);
}

#[test]
fn a_crash_while_writing_leaves_nothing_that_counts() {
    let home = Home::new();
    let ring = home.ring(Algorithm::Es256);
    let half = home.dir().join(".0123456789abcdef.tmp");
    fs::write(&half, "born: 2033-05-18T03:33:20Z\n-----BEGIN PRIV").expect("written");
    ring.reload().expect("reloaded");
    assert_eq!(home.ring(Algorithm::Es256).list(), ring.list());
    ring.rotate().expect("rotated");
    assert!(!half.exists());
}

#[test]
fn readers_never_see_half_a_key() {
    let home = Home::new();
    let ring = home.ring(Algorithm::EdDsa);
    let folder = Folder::open(&home.dir()).expect("a folder");
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for _ in 0..20 {
                let kid = ring.rotate().expect("rotated").kid;
                ring.retire(&kid, keyward::keys::operate::Retirement::Orderly).expect("retired");
            }
        });
        while !writer.is_finished() {
            folder.keys().expect("whole keys");
        }
    });
}

#[test]
fn nothing_secret_is_printed() {
    let home = Home::new();
    let ring = home.ring(Algorithm::EdDsa);
    let keys = Folder::open(&home.dir()).expect("a folder").keys().expect("keys");
    let kid = &ring.list()[0].kid;
    assert_eq!(format!("{:?}", keys[0].key), format!("SigningKey(EdDSA {kid})"));
    assert_eq!(format!("{:?}", ring.refresh_secret()), "RefreshSecret(…)");
}

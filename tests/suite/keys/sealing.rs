//! Sealed data: who can open it, what is left of it when it was changed, and the life of the keys.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    sync::Barrier,
    thread,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use keyward::{
    domain::{algorithm::Algorithm, ids::SealingKeyId},
    keys::{
        error::KeyError,
        ring::KeyRing,
        schedule::{PUBLISH_LEAD, Retirement},
        sealer::{OpenError, Purpose, Sealer},
        sealing::SealingState,
    },
};
use rstest::rstest;

use super::{KeysFolder, START};

const PURPOSE: Purpose<'static> = Purpose::new("test", "alice");
const CONTENT: &[u8] = b"a seed of twenty byte";

/// A ring whose sealer has a key.
fn begun(place: &KeysFolder) -> KeyRing {
    let ring = place.ring(Algorithm::EdDsa);
    ring.sealer().begin().expect("a sealing key");
    ring
}

fn sealed(sealer: &Sealer) -> String {
    sealer.seal(PURPOSE, CONTENT).expect("sealed")
}

#[track_caller]
fn opens(sealer: &Sealer, text: &str) {
    assert_eq!(sealer.open(PURPOSE, text).expect("opened").expose(), CONTENT);
}

fn states(sealer: &Sealer) -> Vec<SealingState> {
    sealer.list().iter().map(|key| key.state).collect()
}

#[rstest]
#[case(b"")]
#[case(b"x")]
#[case(&[0xFF; 5000])]
fn what_was_sealed_opens_on_every_node(#[case] content: &[u8]) {
    let place = KeysFolder::new();
    let (ring, other) = (begun(&place), begun(&place));
    let text = ring.sealer().seal(PURPOSE, content).expect("sealed");
    assert_eq!(other.sealer().open(PURPOSE, &text).expect("opened").expose(), content);
    assert_ne!(text, ring.sealer().seal(PURPOSE, content).expect("sealed"), "never the same twice");
}

#[test]
fn a_text_in_which_any_bit_was_changed_does_not_open() {
    let place = KeysFolder::new();
    let ring = begun(&place);
    let bytes = URL_SAFE_NO_PAD.decode(sealed(ring.sealer())).expect("base64url");
    assert_eq!(bytes.len(), 1 + 8 + 12 + CONTENT.len() + 16);
    for place in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[place] ^= 1 << bit;
            let opened = ring.sealer().open(PURPOSE, &URL_SAFE_NO_PAD.encode(&changed));
            let expected = match place {
                0 => OpenError::Version,
                1..=8 => OpenError::Key(SealingKeyId::from_bytes(changed[1..9].try_into().expect("8 bytes"))),
                _ => OpenError::Invalid,
            };
            assert_eq!(opened.err(), Some(expected), "byte {place}, bit {bit}");
        }
    }
    for length in 0..bytes.len() {
        assert!(ring.sealer().open(PURPOSE, &URL_SAFE_NO_PAD.encode(&bytes[..length])).is_err(), "{length}");
    }
    let longer = [&bytes[..], &[0]].concat();
    assert_eq!(ring.sealer().open(PURPOSE, &URL_SAFE_NO_PAD.encode(longer)).err(), Some(OpenError::Invalid));
}

#[test]
fn a_text_has_one_form() {
    let place = KeysFolder::new();
    let ring = begun(&place);
    let text = sealed(ring.sealer());
    for other in [format!("{text}="), format!(" {text}"), format!("{text}\n"), text.replace('_', "/") + "+"] {
        assert_eq!(ring.sealer().open(PURPOSE, &other).err(), Some(OpenError::Invalid), "{other}");
    }
    opens(ring.sealer(), &text);
}

#[test]
fn what_was_sealed_for_one_purpose_opens_for_no_other() {
    let place = KeysFolder::new();
    let ring = begun(&place);
    let text = sealed(ring.sealer());
    for (what, whose) in
        [("other", "alice"), ("test", "bob"), ("test", ""), ("", "testalice"), ("testalice", "")]
    {
        let opened = ring.sealer().open(Purpose::new(what, whose), &text);
        assert_eq!(opened.err(), Some(OpenError::Invalid), "{what} {whose}");
    }
    opens(ring.sealer(), &text);
}

#[test]
fn another_installation_opens_nothing() {
    let (place, stranger) = (KeysFolder::new(), KeysFolder::new());
    let (ring, other) = (begun(&place), begun(&stranger));
    let opened = other.sealer().open(PURPOSE, &sealed(ring.sealer()));
    assert_eq!(opened.err(), Some(OpenError::Key(ring.sealer().sealing().expect("a key"))));
}

#[test]
fn a_new_key_seals_once_every_node_can_have_read_it_and_the_old_one_opens_on() {
    let place = KeysFolder::new();
    let ring = begun(&place);
    let before = sealed(ring.sealer());
    let old = ring.sealer().sealing().expect("a key");
    place.clock.advance(Duration::from_secs(1));
    let new = ring.sealer().rotate().expect("rotated");
    assert_eq!((new.state, new.seals_from), (SealingState::Waiting, place.now() + PUBLISH_LEAD));

    place.clock.advance(PUBLISH_LEAD.saturating_sub(Duration::from_millis(1)));
    assert_eq!(ring.sealer().sealing(), Some(old));
    place.clock.advance(Duration::from_millis(1));
    assert_eq!(ring.sealer().sealing(), Some(new.id));
    assert_eq!(states(ring.sealer()), [SealingState::Opening, SealingState::Sealing]);
    let after = sealed(ring.sealer());
    for ring in [&ring, &place.ring(Algorithm::EdDsa)] {
        opens(ring.sealer(), &before);
        opens(ring.sealer(), &after);
    }
}

#[test]
fn a_node_that_has_not_read_of_a_key_yet_reads_when_it_meets_it() {
    let place = KeysFolder::new();
    let (ring, late) = (begun(&place), begun(&place));
    let new = ring.sealer().rotate().expect("rotated");
    place.clock.set(new.seals_from);
    assert_eq!(ring.sealer().sealing(), Some(new.id));
    opens(late.sealer(), &sealed(ring.sealer()));
}

#[test]
fn texts_of_unknown_keys_make_nobody_read_all_the_time() {
    let place = KeysFolder::new();
    let (ring, late) = (begun(&place), begun(&place));
    place.clock.advance(Duration::from_secs(5));
    let stranger = KeysFolder::new();
    assert!(late.sealer().open(PURPOSE, &sealed(begun(&stranger).sealer())).is_err());
    let id = ring.sealer().rotate().expect("rotated").id;
    let old = ring.sealer().sealing().expect("a key");
    ring.sealer().retire(old, Retirement::Compromised).expect("retired");
    let text = sealed(ring.sealer());
    assert_eq!(late.sealer().open(PURPOSE, &text).err(), Some(OpenError::Key(id)), "it has just read");
    place.clock.advance(Duration::from_secs(1));
    opens(late.sealer(), &text);
}

#[test]
fn what_a_retired_key_sealed_opens_no_more() {
    let place = KeysFolder::new();
    let (ring, other) = (begun(&place), begun(&place));
    let text = sealed(ring.sealer());
    let old = ring.sealer().sealing().expect("a key");
    let refused = ring.sealer().retire(old, Retirement::Orderly).expect_err("it seals");
    assert!(matches!(refused, KeyError::StillSeals { id } if id == old), "{refused}");
    let new = ring.sealer().rotate().expect("rotated");
    place.clock.set(new.seals_from);
    assert!(ring.sealer().retire(old, Retirement::Orderly).expect("retired"));
    assert!(!ring.sealer().retire(old, Retirement::Orderly).expect("retired before"));
    other.reload().expect("read again");
    for ring in [&ring, &other] {
        assert_eq!(ring.sealer().open(PURPOSE, &text).err(), Some(OpenError::Key(old)));
        assert_eq!(states(ring.sealer()), [SealingState::Sealing]);
    }
}

#[test]
fn where_the_only_key_is_compromised_a_new_one_seals_at_once() {
    let place = KeysFolder::new();
    let ring = begun(&place);
    let old = ring.sealer().sealing().expect("a key");
    ring.sealer().retire(old, Retirement::Compromised).expect("retired");
    assert_ne!(ring.sealer().sealing(), Some(old));
    assert_eq!(states(ring.sealer()), [SealingState::Sealing]);
    opens(ring.sealer(), &sealed(ring.sealer()));
}

#[test]
fn a_clock_that_was_set_back_changes_no_order() {
    let place = KeysFolder::new();
    let ring = begun(&place);
    let first = ring.sealer().rotate().expect("rotated").id;
    place.clock.set(START - Duration::from_hours(1));
    let second = ring.sealer().rotate().expect("rotated").id;
    assert!(ring.sealer().is_older(first, second));
    assert_eq!(states(ring.sealer())[0], SealingState::Sealing, "the first seals whatever the clock shows");
}

#[test]
fn the_file_is_private_and_its_form_is_known() {
    let place = KeysFolder::new();
    let ring = begun(&place);
    ring.sealer().rotate().expect("rotated");
    let path = place.dir().join("sealing.secret");
    assert_eq!(fs::metadata(&path).expect("a file").mode() & 0o777, 0o600);
    let text = fs::read_to_string(&path).expect("text");
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("2033-05-18T03:33:20Z ") && lines.len() == 2, "{text}");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("mode");
    assert!(matches!(place.open(Algorithm::EdDsa).err(), Some(KeyError::Loose { mode: 0o640, .. })));
}

#[rstest]
#[case("2033-05-18T03:33:20Z\n")]
#[case("2033-05-18T03:33:20Z c2hvcnQ=\n")]
#[case("yesterday AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n")]
#[case("2033-05-18T03:33:20Z AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n")]
#[case("2033-05-18T03:33:20Z AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n")]
fn a_file_of_another_form_is_refused_and_left_as_it_is(#[case] text: &str) {
    let place = KeysFolder::new();
    drop(begun(&place));
    let path = place.dir().join("sealing.secret");
    fs::write(&path, text).expect("written");
    let error = place.open(Algorithm::EdDsa).err().expect("refused");
    assert_eq!(error.to_string(), format!("{}: not lines of a date and 32 bytes in base64", path.display()));
    assert_eq!(fs::read_to_string(&path).expect("text"), text);
}

#[test]
fn a_key_twice_is_refused() {
    let place = KeysFolder::new();
    drop(begun(&place));
    let path = place.dir().join("sealing.secret");
    let text = fs::read_to_string(&path).expect("text");
    fs::write(&path, text.repeat(2)).expect("written");
    assert!(place.open(Algorithm::EdDsa).err().expect("refused").to_string().ends_with("it has a key twice"));
}

#[test]
fn nodes_that_begin_and_rotate_at_once_lose_no_key() {
    let place = KeysFolder::new();
    let rings: Vec<_> = (0..4).map(|_| place.ring(Algorithm::EdDsa)).collect();
    let start = Barrier::new(4);
    thread::scope(|scope| {
        for ring in &rings {
            let start = &start;
            scope.spawn(move || {
                start.wait();
                ring.sealer().begin().expect("begun");
                for _ in 0..5 {
                    ring.sealer().rotate().expect("rotated");
                }
            });
        }
    });
    for ring in &rings {
        ring.reload().expect("read again");
        assert_eq!(ring.sealer().list(), rings[0].sealer().list());
    }
    assert_eq!(rings[0].sealer().list().len(), 21, "one first key, and each rotation");
    assert_eq!(place.files().len(), 3, "nothing half written is left: {:?}", place.files());
}

#[test]
fn a_file_that_is_lost_while_a_node_runs_leaves_it_its_keys() {
    let place = KeysFolder::new();
    let ring = begun(&place);
    let text = sealed(ring.sealer());
    fs::remove_file(place.dir().join("sealing.secret")).expect("removed");
    assert!(matches!(ring.reload(), Err(KeyError::SealingKeysLost { .. })));
    opens(ring.sealer(), &text);
    assert!(ring.sign(&super::claims(START)).is_ok());
}

#[test]
fn without_a_key_nothing_is_sealed() {
    let place = KeysFolder::new();
    let ring = place.ring(Algorithm::EdDsa);
    assert!(matches!(ring.sealer().seal(PURPOSE, CONTENT), Err(KeyError::NoSealingKey { .. })));
    assert_eq!(place.files().len(), 2, "to open the ring makes none");
}

#[test]
fn nothing_sealed_is_printed() {
    let place = KeysFolder::new();
    let ring = begun(&place);
    let opened = ring.sealer().open(PURPOSE, &sealed(ring.sealer())).expect("opened");
    assert_eq!(format!("{opened:?}"), "Opened(…)");
    let keys = keyward::keys::folder::Folder::open(&place.dir()).and_then(|folder| folder.sealing_keys());
    let id = ring.sealer().sealing().expect("a key");
    assert_eq!(format!("{:?}", keys.expect("keys")), format!("SealingKeys([SealingKey({id})])"));
}

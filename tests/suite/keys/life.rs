//! Keys through time: rotation, retirement, a change of algorithm, and several nodes on one folder.

use std::{
    fs::{self, DirBuilder},
    os::unix::fs::DirBuilderExt,
    time::Duration,
};

use keyward::{
    domain::algorithm::Algorithm,
    keys::{
        error::{KeyError, TokenError},
        folder::Folder,
        ring::{JWKS_MAX_AGE, KeyRing},
        schedule::{KeyState, Life, NOTICE, PUBLISH_LEAD, Retirement, Span, spans},
    },
};
use proptest::prelude::*;
use serde_json::Value;

use super::{ACCESS_TTL, ALGORITHMS, KeysFolder, START, claims, kids};

const A_MOMENT: Duration = Duration::from_millis(1);

fn states(ring: &KeyRing) -> Vec<KeyState> {
    ring.list().iter().map(|key| key.state).collect()
}

fn kid_of(token: &str) -> String {
    let header: Value = serde_json::from_slice(
        &keyward::keys::header::decode(token.split('.').next().expect("a header")).expect("base64url"),
    )
    .expect("JSON");
    header["kid"].as_str().expect("kid").to_owned()
}

#[test]
fn what_is_signed_is_read_back() {
    for algorithm in ALGORITHMS {
        let place = KeysFolder::new();
        let ring = place.ring(algorithm);
        let claims = claims(place.now());
        let token = ring.sign(&claims).expect("a token");
        assert_eq!(ring.verify(&token, place.now()), Ok(claims), "{algorithm}");
    }
}

#[test]
fn the_jwks_holds_public_members_only() {
    for (algorithm, members) in [
        (Algorithm::Es256, &["alg", "crv", "kid", "kty", "use", "x", "y"][..]),
        (Algorithm::EdDsa, &["alg", "crv", "kid", "kty", "use", "x"]),
        (Algorithm::Rs256, &["alg", "e", "kid", "kty", "n", "use"]),
    ] {
        let ring = KeysFolder::new().ring(algorithm);
        let set: Value = serde_json::from_str(&ring.jwks()).expect("JSON");
        let keys = set["keys"].as_array().expect("keys");
        assert_eq!(keys.len(), 1);
        let names: Vec<_> = keys[0].as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(names, members);
        assert_eq!((&keys[0]["use"], &keys[0]["alg"]), (&"sig".into(), &algorithm.as_str().into()));
    }
}

#[test]
fn a_rotation_from_publication_to_the_last_token() {
    let place = KeysFolder::new();
    let ring = place.ring(Algorithm::Es256);
    let old = ring.list()[0].kid.clone();
    place.clock.advance(Duration::from_hours(24));
    let new = ring.rotate().expect("rotated");
    assert_eq!((new.state, new.signs_from), (KeyState::Published, place.now() + PUBLISH_LEAD));
    assert_eq!(kids(&ring.jwks()), [old.clone(), new.kid.clone()]);
    assert!(JWKS_MAX_AGE * 2 < PUBLISH_LEAD);

    place.clock.advance(Duration::from_secs(899));
    let last_claims = claims(place.now());
    let last_token = ring.sign(&last_claims).expect("a token");
    assert_eq!(kid_of(&last_token), old);
    place.clock.advance(Duration::from_millis(999));
    assert_eq!(kid_of(&ring.sign(&claims(place.now())).expect("a token")), old);
    place.clock.advance(A_MOMENT);
    assert_eq!(kid_of(&ring.sign(&claims(place.now())).expect("a token")), new.kid);
    assert_eq!(states(&ring), [KeyState::Verifying, KeyState::Signing]);

    // Its last token is over 899 seconds after the next key took over, a minute before it is gone.
    place.clock.advance(Duration::from_millis(898_999));
    assert_eq!(ring.verify(&last_token, place.now()), Ok(last_claims));
    place.clock.advance(Duration::from_secs(1) + NOTICE);
    assert!(matches!(ring.verify(&last_token, place.now()), Err(TokenError::Expired(_))));
    assert_eq!(kids(&ring.jwks()), [old, new.kid.clone()]);
    place.clock.advance(A_MOMENT);
    assert_eq!(ring.verify(&last_token, place.now()), Err(TokenError::Invalid));
    assert_eq!(kids(&ring.jwks()), [new.kid]);
}

#[test]
fn the_file_of_a_key_that_is_over_goes_with_the_next_change() {
    let place = KeysFolder::new();
    let ring = place.ring(Algorithm::EdDsa);
    let first = ring.list()[0].kid.clone();
    place.clock.advance(A_MOMENT);
    ring.rotate().expect("rotated");
    place.clock.advance(PUBLISH_LEAD + ACCESS_TTL + NOTICE);
    assert!(place.files().contains(&format!("{first}.pem")));
    ring.rotate().expect("rotated");
    assert!(!place.files().contains(&format!("{first}.pem")));
    assert_eq!(states(&ring), [KeyState::Signing, KeyState::Published]);
}

#[test]
fn an_orderly_retirement_keeps_the_tokens_and_replaces_the_signer() {
    let place = KeysFolder::new();
    let ring = place.ring(Algorithm::Es256);
    let old = ring.list()[0].kid.clone();
    let claims = claims(place.now());
    let token = ring.sign(&claims).expect("a token");
    ring.retire(&old, Retirement::Orderly).expect("retired");
    assert_eq!(states(&ring), [KeyState::Verifying, KeyState::Signing]);
    assert_eq!(ring.verify(&token, place.now()), Ok(claims));
    assert_ne!(kid_of(&ring.sign(&super::claims(place.now())).expect("a token")), old);
    // Again, later: the date that counts is the first one.
    place.clock.advance(Duration::from_mins(1));
    let before = ring.list();
    ring.retire(&old, Retirement::Orderly).expect("retired");
    assert_eq!(ring.list(), before);
    place.clock.advance(ACCESS_TTL);
    assert_eq!(ring.verify(&token, place.now()), Err(TokenError::Invalid));
}

#[test]
fn a_compromised_key_is_gone_at_once() {
    let place = KeysFolder::new();
    let ring = place.ring(Algorithm::Es256);
    let old = ring.list()[0].kid.clone();
    let token = ring.sign(&claims(place.now())).expect("a token");
    let epoch = ring.epoch();
    ring.retire(&old, Retirement::Compromised).expect("retired");
    assert_eq!(ring.verify(&token, place.now()), Err(TokenError::Invalid));
    assert_ne!(ring.epoch(), epoch);
    assert_eq!(states(&ring), [KeyState::Signing]);
    assert!(!kids(&ring.jwks()).contains(&old));
    assert!(!place.files().contains(&format!("{old}.pem")));
    assert!(ring.sign(&claims(place.now())).is_ok());
}

#[test]
fn a_published_key_steps_in_for_a_compromised_one() {
    let place = KeysFolder::new();
    let ring = place.ring(Algorithm::Es256);
    let old = ring.list()[0].kid.clone();
    let new = ring.rotate().expect("rotated").kid;
    ring.retire(&old, Retirement::Compromised).expect("retired");
    assert_eq!(states(&ring), [KeyState::Signing]);
    assert_eq!(ring.list()[0].kid, new);
}

#[test]
fn a_key_that_is_not_there_cannot_be_retired() {
    let place = KeysFolder::new();
    let ring = place.ring(Algorithm::Es256);
    let files = place.files();
    for kid in ["", "../keys/refresh.secret", "refresh.secret", "A", &"A".repeat(43)] {
        let error = ring.retire(kid, Retirement::Compromised).expect_err(kid);
        assert!(matches!(error, KeyError::NoSuchKey { .. }), "{error}");
    }
    assert_eq!(place.files(), files);
}

#[test]
fn a_retirement_cut_short_is_made_good() {
    let place = KeysFolder::new();
    let ring = place.ring(Algorithm::EdDsa);
    place.clock.advance(A_MOMENT);
    ring.rotate().expect("rotated");
    place.clock.advance(PUBLISH_LEAD + A_MOMENT);
    // As if the process had died between writing the date and making the next key.
    let folder = Folder::open(&place.dir()).expect("a folder");
    let signing = folder.keys().expect("keys").remove(1);
    let life = Life { retired: Some(place.now()), ..signing.life };
    folder.lock().and_then(|locked| locked.redate_key(signing.key.public().kid(), &life)).expect("written");
    let opened = place.ring(Algorithm::EdDsa);
    ring.reload().expect("reloaded");
    for ring in [ring, opened] {
        assert_eq!(states(&ring), [KeyState::Verifying, KeyState::Verifying, KeyState::Signing]);
        assert!(ring.sign(&claims(place.now())).is_ok());
    }
}

#[test]
fn another_algorithm_makes_a_key_that_waits_for_its_time() {
    let place = KeysFolder::new();
    let es256 = place.ring(Algorithm::Es256);
    let token = es256.sign(&claims(place.now())).expect("a token");
    place.clock.advance(A_MOMENT);
    let eddsa = place.ring(Algorithm::EdDsa);
    let algorithms = |ring: &KeyRing| ring.list().iter().map(|key| key.algorithm).collect::<Vec<_>>();
    assert_eq!(algorithms(&eddsa), [Algorithm::Es256, Algorithm::EdDsa]);
    assert_eq!(states(&eddsa), [KeyState::Signing, KeyState::Published]);
    assert!(eddsa.verify(&token, place.now()).is_ok());
    place.clock.advance(PUBLISH_LEAD);
    let token = eddsa.sign(&claims(place.now())).expect("a token");
    assert!(eddsa.verify(&token, place.now()).is_ok());
    assert_eq!(states(&eddsa), [KeyState::Verifying, KeyState::Signing]);
    // Opened again with the same setting it has what it needs; with the old one it goes back.
    assert_eq!(algorithms(&place.ring(Algorithm::EdDsa)).len(), 2);
    assert_eq!(algorithms(&place.ring(Algorithm::Es256)).last(), Some(&Algorithm::Es256));
}

#[test]
fn nodes_on_one_folder_agree() {
    let place = KeysFolder::new();
    let (one, two) = (place.ring(Algorithm::Es256), place.ring(Algorithm::Es256));
    let of_one = claims(place.now());
    let token = one.sign(&of_one).expect("a token");
    assert_eq!(two.verify(&token, place.now()), Ok(of_one));
    one.rotate().expect("rotated");
    place.clock.advance(Duration::from_mins(1));
    let epoch = two.epoch();
    two.reload().expect("reloaded");
    assert_eq!(two.epoch(), epoch + 1);
    two.reload().expect("reloaded");
    assert_eq!(two.epoch(), epoch + 1, "nothing has changed");
    place.clock.advance(PUBLISH_LEAD);
    assert_eq!(one.list(), two.list());
    assert_eq!(one.jwks(), two.jwks());
    assert_eq!(
        kid_of(&one.sign(&claims(START)).expect("a token")),
        kid_of(&two.sign(&claims(START)).expect("a token"))
    );
}

#[test]
fn an_unknown_kid_is_looked_for_in_the_folder() {
    let place = KeysFolder::new();
    let (one, two) = (place.ring(Algorithm::Es256), place.ring(Algorithm::Es256));
    place.clock.advance(Duration::from_secs(5));
    one.retire(&one.list()[0].kid, Retirement::Orderly).expect("retired");
    let claims = claims(place.now());
    let token = one.sign(&claims).expect("a token");
    assert_eq!(two.verify(&token, place.now()), Ok(claims));
}

/// As where a volume is not mounted any more: a key made there would take the place of all that are in use.
#[test]
fn an_empty_folder_is_not_taken_for_a_new_one() {
    let place = KeysFolder::new();
    let ring = place.ring(Algorithm::Es256);
    let claims = claims(place.now());
    let token = ring.sign(&claims).expect("a token");
    fs::remove_dir_all(place.dir()).expect("removed");
    DirBuilder::new().mode(0o700).create(place.dir()).expect("made");
    place.clock.advance(Duration::from_mins(1));
    let error = ring.reload().expect_err("there is nothing");
    assert!(matches!(error, KeyError::FolderLost { .. }), "{error}");
    assert_eq!(place.files(), [] as [String; 0]);
    assert_eq!(ring.verify(&token, place.now()), Ok(claims));
    assert!(ring.sign(&super::claims(place.now())).is_ok());
}

#[test]
fn a_token_of_a_key_that_cannot_be_read_is_neither_good_nor_bad() {
    let place = KeysFolder::new();
    let (one, two) = (place.ring(Algorithm::Es256), place.ring(Algorithm::Es256));
    place.clock.advance(Duration::from_secs(5));
    one.retire(&one.list()[0].kid, Retirement::Orderly).expect("retired");
    let claims = claims(place.now());
    let token = one.sign(&claims).expect("a token");
    let elsewhere = place.dir().with_extension("away");
    fs::rename(place.dir(), &elsewhere).expect("moved");
    for _ in 0..2 {
        assert_eq!(two.verify(&token, place.now()), Err(TokenError::KeysUnread));
    }
    assert_eq!(two.verify("nonsense", place.now()), Err(TokenError::Invalid));
    fs::rename(&elsewhere, place.dir()).expect("moved back");
    place.clock.advance(Duration::from_secs(1));
    assert_eq!(two.verify(&token, place.now()), Ok(claims));
}

#[test]
fn a_token_no_verifier_would_take_is_not_signed() {
    let place = KeysFolder::new();
    let ring = place.ring(Algorithm::Es256);
    let mut claims = claims(place.now());
    let role = |index| keyward::domain::user::Role::parse(&format!("{index:048}")).expect("a role");
    claims.roles = (0..70).map(role).collect();
    assert!(matches!(ring.sign(&claims), Err(KeyError::TokenTooLong { bytes: 4097.. })));
    claims.roles.truncate(40);
    let token = ring.sign(&claims).expect("a token");
    assert_eq!(ring.verify(&token, place.now()), Ok(claims));
}

fn lives() -> impl Strategy<Value = Vec<Life>> {
    let life = (0_i64..5000, proptest::option::of(0_i64..5000)).prop_map(|(born, age)| {
        let born = START + Duration::from_secs(born.unsigned_abs());
        Life { born, retired: age.map(|age| born + Duration::from_secs(age.unsigned_abs())) }
    });
    proptest::collection::vec(life, 1..8).prop_map(|mut lives| {
        lives.sort_by_key(|life| life.born);
        lives
    })
}

proptest! {
    /// At every moment at most one key signs; exactly one does if the youngest is not retired; a retired one never does; and no key is gone while a token of it may live.
    #[test]
    fn one_key_signs(lives in lives(), secs in 0_u64..20_000) {
        let now = START + Duration::from_secs(secs);
        let spans: Vec<Span> = spans(&lives, ACCESS_TTL);
        let signing: Vec<usize> =
            (0..lives.len()).filter(|index| spans[*index].state(now) == KeyState::Signing).collect();
        prop_assert!(signing.len() <= 1, "{signing:?} sign");
        let steady = lives.last().is_some_and(|youngest| youngest.retired.is_none());
        prop_assert!(!steady || signing.len() == 1, "none signs");
        for (life, span) in lives.iter().zip(&spans) {
            let retired = life.retired.is_some_and(|retired| retired <= now);
            prop_assert!(!(retired && span.state(now) == KeyState::Signing));
            prop_assert!(span.signs_from <= life.born + PUBLISH_LEAD);
            if let (Some(stops), Some(ends)) = (span.stops, span.ends) {
                prop_assert!(ends >= stops + ACCESS_TTL);
            }
        }
    }
}

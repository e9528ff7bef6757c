//! The keys, as contract 4 has them.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use std::time::Duration;

use super::{back_end, names, session_key, soon, with_prefix};
use crate::support::{
    backends::{BackEnd, FIRST_USE, GRACE, LIFETIMES, SessionsOn, SignedIn, with_tokens},
    keyspace::Keyspace,
    servers::redis::{self, Server},
};
use keyward::{
    domain::{
        app::AppName,
        ids::{TokenId, UserId},
        key_proof::KeyThumbprint,
        proved::Proved,
        refresh_token::{Chain, RefreshToken},
        session::{DEVICE_MAX_BYTES, Device, EndReason, SessionFacts, USER_AGENT_MAX_BYTES},
        sign_in::{Method, Methods},
    },
    store::{
        counters::Counter,
        redis::{connection::target::Mode, keys::RefreshKeys},
        sessions::{Ending, Rotation},
    },
};

pub(super) fn refresh_key(token: &RefreshToken) -> String {
    format!("refresh:{}", URL_SAFE_NO_PAD.encode(token.sha256()))
}

#[tokio::test]
async fn a_session_has_its_keys_and_no_others() {
    let back_end = back_end().await;
    let client = back_end.sign_in().await;
    let (session, user) = (client.session(), client.user);
    let around = ["sessions:app:default".to_owned(), format!("sessions:user:{user}")];
    let mut expected = vec![refresh_key(&client.token), session_key(&client)];
    expected.extend(around.clone());
    assert_eq!(names(&back_end), expected);

    let space = back_end.keyspace();
    assert_eq!(space.ask::<String>("GET", &refresh_key(&client.token), ""), session.to_string());
    let life = i64::try_from(LIFETIMES.refresh.as_secs()).expect("seconds");
    for name in &expected {
        let left: i64 = space.ask("TTL", name, "");
        assert!((life - 3..=life).contains(&left), "{name}: {left}");
    }
    for name in around {
        assert_eq!(space.ask::<Vec<String>>("ZRANGE", &name, "0 -1"), [session.to_string()]);
        assert_eq!(space.ask::<i64>("ZSCORE", &name, &session.to_string()), back_end.now().millis());
    }
}

#[tokio::test]
async fn only_the_current_and_the_parent_token_have_a_key() {
    let back_end = back_end().await;
    let mut chain = vec![back_end.sign_in().await.token];
    for round in 0..5 {
        chain.push(back_end.refreshed(&chain[round]).await);
        let mut expected = [refresh_key(&chain[round]), refresh_key(&chain[round + 1])];
        expected.sort();
        assert_eq!(with_prefix(&names(&back_end), "refresh:"), expected);
    }
    back_end.refreshed(&chain[4]).await;
    assert_eq!(with_prefix(&names(&back_end), "refresh:").len(), 2, "and a repetition adds none");
}

#[tokio::test]
async fn an_end_leaves_the_reasons_and_nothing_that_leads_back() {
    let back_end = back_end().await;
    let client = back_end.sign_in().await;
    back_end.refreshed(&client.token).await;
    let (jti, over) = (TokenId::random(), TokenId::random());
    for (id, until) in [(jti, soon(&back_end)), (over, back_end.now())] {
        let token = Some((id, until));
        back_end
            .end_as(&Ending { session: client.session(), owner: None, token, reason: EndReason::Admin })
            .await;
    }
    let refused = format!("blacklist:session:{}", client.session());
    let mut expected = [format!("blacklist:{jti}"), refused.clone(), session_key(&client)];
    expected.sort();
    assert_eq!(names(&back_end), expected, "nothing for a token that was over");

    let space = back_end.keyspace();
    for (name, life) in [(format!("blacklist:{jti}"), 610), (refused, 910)] {
        assert_eq!(space.ask::<String>("GET", &name, ""), "admin");
        let left: i64 = space.ask("TTL", &name, "");
        assert!((life - 3..=life).contains(&left), "{name}: {left}");
    }
}

#[tokio::test]
async fn no_token_is_in_a_key_or_value_unless_that_was_asked_for() {
    let back_end = back_end().await;
    let client = back_end.sign_in().await;
    let child = back_end.refreshed(&client.token).await;
    let everything = everything(&back_end);
    for token in [&client.token, &child] {
        let secret = token.expose();
        assert!(!everything.contains(secret) && !everything.contains(&secret[4..]));
    }

    let mut plain = Keyspace::of(vec![redis::shared().url()], Mode::Single);
    plain.refresh_keys = RefreshKeys::Plain;
    let back_end = BackEnd::in_keyspace(plain).await;
    let client = back_end.sign_in().await;
    assert_eq!(with_prefix(&names(&back_end), "refresh:"), [format!("refresh:{}", client.token.expose())]);
    let child = back_end.refreshed(&client.token).await;
    assert_eq!(encoding(&back_end, &client), "listpack");
    back_end.end(child.session(), EndReason::Logout).await;
    assert!(with_prefix(&names(&back_end), "refresh:").is_empty(), "found without the token");
}

/// Every name and every value of a hash or string.
fn everything(back_end: &BackEnd) -> String {
    let names = names(back_end);
    let values =
        names.iter().map(|name| match back_end.keyspace().ask::<String>("TYPE", name, "").as_str() {
            "hash" => back_end.keyspace().ask::<Vec<Vec<u8>>>("HVALS", name, "").concat(),
            "string" => back_end.keyspace().ask::<Vec<u8>>("GET", name, ""),
            _ => Vec::new(),
        });
    let values = values.collect::<Vec<_>>().concat();
    format!("{names:?} {}", String::from_utf8_lossy(&values))
}

#[tokio::test]
async fn an_operator_who_deletes_a_refresh_key_has_revoked_that_token() {
    let back_end = back_end().await;
    let client = back_end.sign_in().await;
    back_end.keyspace().ask::<()>("DEL", &refresh_key(&client.token), "");
    assert_eq!(back_end.refresh(&client.token).await, Rotation::Withdrawn);

    let client = back_end.sign_in().await;
    let child = back_end.refreshed(&client.token).await;
    back_end.keyspace().ask::<()>("DEL", &refresh_key(&client.token), "");
    assert_eq!(back_end.refresh(&client.token).await, Rotation::Withdrawn, "the parent");
    let grandchild = back_end.refreshed(&child).await;
    back_end.refreshed(&grandchild).await;
    back_end.elapse(GRACE).await;
    assert_eq!(
        back_end.refresh(&client.token).await,
        Rotation::Reused,
        "one that is too old is theft all the same"
    );
}

#[tokio::test]
async fn in_a_cluster_a_missing_refresh_key_is_mended_and_signs_nobody_out() {
    let back_end = BackEnd::on(SessionsOn::Cluster).await;
    let client = back_end.sign_in().await;
    back_end.keyspace().delete("refresh:");
    let child = back_end.refreshed(&client.token).await;
    back_end.keyspace().delete("refresh:");
    assert_eq!(back_end.refreshed(&client.token).await, child, "by the parent");
    let mut expected = [&client.token, &child].map(refresh_key);
    expected.sort();
    assert_eq!(with_prefix(&names(&back_end), "refresh:"), expected, "both are there again");
    back_end.keyspace().delete("refresh:");
    back_end.refreshed(&child).await;
}

#[tokio::test]
async fn what_a_deleted_key_withdrew_is_not_given_out_again() {
    let back_end = back_end().await;
    let client = back_end.sign_in().await;
    let child = back_end.refreshed(&client.token).await;
    // The version before wrote the key a moment after the hash.
    back_end.elapse(Duration::from_secs(6)).await;
    back_end.keyspace().ask::<()>("DEL", &refresh_key(&child), "");
    assert_eq!(back_end.refresh(&client.token).await, Rotation::Withdrawn, "to who holds the parent");
    assert_eq!(back_end.refresh(&child).await, Rotation::Withdrawn);
}

#[tokio::test]
async fn a_session_takes_as_much_room_after_a_thousand_refreshes_as_after_eight() {
    let server = Server::start(&[]);
    let mut space = Keyspace::of(vec![server.url()], Mode::Single);
    space.prefix.clear();
    let back_end = BackEnd::in_keyspace(space).await;
    let mut token = back_end.sign_in().await.token;
    let mut after = async |refreshes: u32| {
        for _ in 0..refreshes {
            token = back_end.refreshed(&token).await;
        }
        room(&back_end, &server)
    };
    let [after_one, after_eight, after_a_thousand] = [after(1).await, after(7).await, after(992).await];
    eprintln!(
        "bytes of a session in Redis: {after_one} after 1 refresh, {after_eight} after 8, {after_a_thousand} \
         after 1,000"
    );
    assert_eq!(after_a_thousand, after_eight, "when eight were replaced is remembered");
    assert!(after_eight < 960, "{after_eight}");
}

/// What Redis says that all keys take, the indexes of one session included.
fn room(back_end: &BackEnd, server: &Server) -> i64 {
    names(back_end).iter().map(|name| server.ask::<i64>(&format!("MEMORY USAGE {name}"))).sum()
}

#[tokio::test]
async fn a_long_device_does_not_change_how_the_hash_is_kept() {
    let back_end = back_end().await;
    let user = UserId::new(back_end.now());
    let (name, agent) = ("é".repeat(DEVICE_MAX_BYTES / 2), "ü".repeat(USER_AGENT_MAX_BYTES / 2));
    let device = Device::new(Some(&name), "2001:db8::ffff:192.0.2.1".parse().ok(), Some(&agent));
    let app = AppName::parse(&"a".repeat(64)).expect("a name");
    let facts = SessionFacts {
        user,
        app,
        device,
        created_at: back_end.now(),
        proved: Proved::at_once(Methods::of(&[Method::Password]), back_end.now()),
        bound_to: Some(KeyThumbprint::from_bytes([0xFF; 32])),
    };
    let (new, token) = with_tokens(facts.clone(), &back_end.secret);
    back_end.sessions.open(&new, None).await.expect("opened");
    let chain = Chain::of(token.clone(), &back_end.secret).proved_by(facts.bound_to);
    let rotated = back_end.sessions.rotate(&chain, &FIRST_USE, back_end.now()).await;
    assert!(matches!(rotated, Ok(Rotation::Granted(_))), "{rotated:?}");
    back_end.confirm(&chain.successor).await;
    assert_eq!(back_end.find(new.id).await.expect("alive").facts, facts);
    assert_eq!(encoding(&back_end, &SignedIn { user, token }), "listpack");
}

fn encoding(back_end: &BackEnd, client: &SignedIn) -> String {
    let key = format!("{}{}", back_end.keyspace().prefix, session_key(client));
    redis::shared().ask(&format!("OBJECT ENCODING {key}"))
}

#[tokio::test]
async fn a_counter_that_was_left_without_an_end_is_given_one() {
    let back_end = back_end().await;
    let counter = Counter::LoginUser("x".into());
    back_end.keyspace().ask::<()>("SET", "rate:login:user:x", "7");
    let window = std::time::Duration::from_mins(1);
    assert_eq!(back_end.counters.add(&counter, window, back_end.now()).await.expect("an answer").value, 8);
    let left: i64 = back_end.keyspace().ask("TTL", "rate:login:user:x", "");
    assert!((57..=60).contains(&left), "{left}");
}

#[tokio::test]
async fn a_change_of_what_names_refresh_keys_signs_nobody_out() {
    let mut space = Keyspace::single();
    for (before, after) in
        [(RefreshKeys::Plain, RefreshKeys::Hashed), (RefreshKeys::Hashed, RefreshKeys::Plain)]
    {
        space.refresh_keys = before;
        let mut later = Keyspace::single().not_ours();
        later.prefix.clone_from(&space.prefix);
        later.refresh_keys = after;
        let back_end = BackEnd::in_keyspace(space).await;
        let current = back_end.sign_in().await;
        let (parent, withdrawn) = (back_end.sign_in().await, back_end.sign_in().await);
        back_end.refreshed(&parent.token).await;
        let key = with_prefix(&names(&back_end), "refresh:")
            .into_iter()
            .find(|key| back_end.keyspace().ask::<String>("GET", key, "") == withdrawn.session().to_string());
        back_end.keyspace().ask::<()>("DEL", &key.expect("a key"), "");

        let changed = BackEnd::in_keyspace(later).await;
        let child = changed.refreshed(&current.token).await;
        changed.refreshed(&child).await;
        for _ in 0..2 {
            changed.refreshed(&parent.token).await;
        }
        assert_eq!(changed.refresh(&withdrawn.token).await, Rotation::Withdrawn);
        for client in [&current, &parent, &withdrawn] {
            changed.end(client.session(), EndReason::Logout).await;
        }
        assert!(with_prefix(&names(&back_end), "refresh:").is_empty(), "and leaves no key behind");
        space = Keyspace::single();
    }
}

#[tokio::test]
async fn an_index_that_nobody_lists_does_not_grow_for_ever() {
    let back_end = back_end().await;
    let user = UserId::new(back_end.now());
    for _ in 0..60 {
        back_end.sign_in_as(user, &AppName::default_app()).await;
        back_end.elapse(std::time::Duration::from_hours(24)).await;
    }
    for index in [format!("sessions:user:{user}"), "sessions:app:default".to_owned()] {
        let count: i64 = back_end.keyspace().ask("ZCARD", &index, "");
        assert!(count <= 9, "{index}: {count}");
    }
    assert_eq!(back_end.ids_of_user(user).await.len(), 6);
}

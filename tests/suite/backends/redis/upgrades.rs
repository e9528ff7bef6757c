//! What earlier versions wrote is read, and goes on.

use std::{collections::BTreeMap, time::Duration};

use super::{back_end, keys::refresh_key, session_key};
use crate::support::backends::{BackEnd, GRACE, SessionsOn, with_tokens};
use keyward::{
    domain::{
        app::AppName,
        clock::Timestamp,
        ids::UserId,
        proved::Proved,
        session::{Device, EndReason, NewSession, SessionFacts},
        sign_in::{Method, Methods},
    },
    store::sessions::{Ended, Rotation, StepUp, SteppedUp},
};
use rstest::rstest;

/// A user and a device of whom an earlier version wrote.
fn facts_of_then() -> SessionFacts {
    let user = UserId::from_uuid("01890000-0000-7000-8000-000000000001".parse().expect("an id"));
    let device = Device::new(Some("phone"), "192.0.2.7".parse().ok(), Some("Browser/1"));
    let app = AppName::parse("shop").expect("a name");
    SessionFacts {
        user,
        app,
        device,
        created_at: Timestamp::from_millis(1_999_999_990_001),
        proved: Proved::at_once(Methods::of(&[Method::Password]), Timestamp::from_millis(1_999_999_990_001)),
        bound_to: None,
    }
}

/// Word for word what version 0.1 wrote of a session that was refreshed twice and then seen.
#[rstest]
#[tokio::test]
async fn a_session_that_an_earlier_version_wrote_goes_on(
    #[values(SessionsOn::Redis, SessionsOn::Cluster)] on: SessionsOn,
) {
    let back_end = BackEnd::on(on).await;
    let (NewSession { id, facts, .. }, token) = with_tokens(facts_of_then(), &back_end.secret);
    let [current, parent] = [2, 1].map(|generation| token.of_generation(generation, &back_end.secret));
    back_end.keyspace().write_hash(
        &format!("session:{id}"),
        &[
            ("u", facts.user.uuid().as_bytes()),
            ("a", b"shop"),
            ("n", b"2"),
            ("i", b"1999999995003"),
            ("s", b"1999999990001"),
            ("l", b"1999999996004"),
            ("e", b"2000604790003"),
            ("z", b"2000000895000"),
            ("k", &current.sha256()),
            ("p", &parent.sha256()),
            ("d", b"phone"),
            ("o", b"192.0.2.7"),
            ("1", b"Browser/1"),
            ("c", b"1999999996004"),
            ("r", &1_999_999_995_003_i64.to_be_bytes()[2..]),
        ],
    );
    for token in [&current, &parent] {
        back_end.keyspace().write_text(&refresh_key(token), &id.to_string());
    }
    let found = back_end.find(id).await.expect("alive");
    assert_eq!((found.generation, &found.facts), (2, &facts));
    assert_eq!(found.last_seen_at, Timestamp::from_millis(1_999_999_996_004));
    assert_eq!(back_end.refreshed(&parent).await, current, "seen in use 4 s ago");
    assert_eq!(back_end.refreshed(&current).await.generation(), 3);
    assert_eq!(back_end.ids_of_user(facts.user).await, [id], "and entered where it was missing");
    back_end.elapse(GRACE).await;
    assert_eq!(back_end.refresh(&token).await, Rotation::Reused, "as the record knew");
}

/// And of one that had ended.
#[rstest]
#[tokio::test]
async fn an_end_that_an_earlier_version_wrote_is_known(
    #[values(SessionsOn::Redis, SessionsOn::Cluster)] on: SessionsOn,
) {
    let back_end = BackEnd::on(on).await;
    let (NewSession { id, facts, .. }, token) = with_tokens(facts_of_then(), &back_end.secret);
    back_end.keyspace().write_hash(
        &format!("session:{id}"),
        &[
            ("u", facts.user.uuid().as_bytes()),
            ("a", b"shop"),
            ("k", &token.sha256()),
            ("e", b"2000604790003"),
            ("z", b"2000000895000"),
            ("x", b"logout"),
            ("t", b"1999999996004"),
            ("y", b"12345678"),
        ],
    );
    assert_eq!(back_end.find(id).await, None);
    assert_eq!(back_end.refresh(&token).await, Rotation::Ended(EndReason::Logout));
    assert_eq!(back_end.end(id, EndReason::Admin).await, Ended::Before);
}

/// Contract 5.3: it counts as one factor, from its login.
#[tokio::test]
async fn a_session_that_an_earlier_version_wrote_is_stepped_up() {
    let back_end = back_end().await;
    let client = back_end.sign_in().await;
    back_end.keyspace().ask::<()>("HDEL", &session_key(&client), "f h m");
    let at_sign_in = Proved::at_once(Methods::of(&[Method::Password]), back_end.now());
    assert_eq!(back_end.find(client.session()).await.expect("alive").facts.proved, at_sign_in);
    back_end.elapse(Duration::from_secs(1)).await;
    let to = Proved::at_once(Methods::of(&[Method::Totp]), back_end.now());
    let step_up = StepUp { session: client.session(), from: at_sign_in, to };
    let outcome = back_end.sessions.step_up(&step_up, back_end.now()).await.expect("an answer");
    assert!(matches!(outcome, SteppedUp::Done(_)), "{outcome:?}");
    assert_eq!(back_end.find(client.session()).await.expect("alive").facts.proved, to);
}

#[tokio::test]
async fn a_record_of_the_version_before_is_read() {
    let back_end = back_end().await;
    let client = back_end.sign_in().await;
    let child = back_end.refreshed(&client.token).await;
    back_end.confirm(&child).await;
    back_end.keyspace().ask::<()>("HDEL", &session_key(&client), "r v w z");
    let grandchild = back_end.refreshed(&child).await;
    assert_eq!(back_end.refreshed(&client.token).await, grandchild, "which it knew to be in use since then");
    let claims = back_end.claims(&client);
    back_end.keyspace().ask::<()>("HDEL", &session_key(&client), "r v w z");
    back_end.end(client.session(), EndReason::Logout).await;
    back_end.elapse(Duration::from_hours(23)).await;
    assert_eq!(back_end.refusal(&claims).await, Some(EndReason::Logout), "as long as any token may live");
}

/// Nodes of two versions share a session while they are restarted one after the other, so what this one writes has
/// the form that the one before reads: a field of another form needs another name, and one that is new is one that
/// the version before carries along without knowing it.
#[tokio::test]
async fn what_this_version_writes_of_a_session_has_the_form_that_the_one_before_reads() {
    let back_end = back_end().await;
    let client = back_end.sign_in().await;
    let child = back_end.refreshed(&client.token).await;
    back_end.confirm(&child).await;
    let from = back_end.find(client.session()).await.expect("alive").facts.proved;
    let to = Proved::at_once(Methods::of(&[Method::Password, Method::Totp]), back_end.now());
    let step_up = StepUp { session: client.session(), from, to };
    back_end.sessions.step_up(&step_up, back_end.now()).await.expect("an answer");
    let record: BTreeMap<String, Vec<u8>> = back_end.keyspace().ask("HGETALL", &session_key(&client), "");
    let is_moment = |value: &[u8]| {
        let text = str::from_utf8(value).unwrap_or_default();
        text.len() == 13 && text.parse::<i64>().is_ok()
    };
    for (name, value) in &record {
        let has_form = match name.as_str() {
            "i" | "s" | "l" | "e" | "z" | "c" | "f" | "h" => is_moment(value),
            "n" | "v" | "w" => str::from_utf8(value).is_ok_and(|text| text.parse::<u64>().is_ok()),
            "u" | "b" => value.len() == 16,
            "k" | "p" => value.len() == 32,
            "r" => value.len().is_multiple_of(6),
            "m" => value == b"password totp",
            "a" | "d" | "o" | "1" | "2" | "3" | "4" => str::from_utf8(value).is_ok(),
            _ => panic!("{name} is new: is it one that the version before may pass over?"),
        };
        assert!(has_form, "{name}: {value:?}");
    }
    for needed in ["u", "a", "n", "i", "s", "l", "e", "k", "p"] {
        assert!(record.contains_key(needed), "{needed} in {record:?}");
    }
    assert_eq!(record["n"], b"1");
}

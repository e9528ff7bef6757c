//! The rules of the stream, each by its word.

use serde_json::json;

use crate::{
    app::App,
    http::until,
    scripted::{Scripted, TRUST},
};

async fn becomes(app: &App, token: &str, status: u16) -> String {
    let answer = until("the status", async || {
        Some(app.get("/me", token).await).filter(|answer| answer.status == status)
    });
    let answer = answer.await;
    if status == 200 { String::new() } else { answer.refusal().1 }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_let_in_before_the_first_status() {
    let keyward = Scripted::start().await;
    let verifier = keyward_tower::Keyward::local(&keyward.url, "reports", "secret").build().expect("a way");
    let app = App::start(&verifier).await;
    let following = keyward.followed().await;
    assert_eq!(app.get("/me", &keyward.token()).await.status, 503);
    let nobody_yet = async || {
        for _ in 0..20 {
            assert_eq!(app.get("/me", &keyward.token()).await.status, 503);
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    // Of what has not come, or not come whole, a status says nothing.
    following.say("status", "", TRUST);
    following.say("snapshot", "", r#"{"first":true,"last":false,"entries":[]}"#);
    following.say("status", "", TRUST);
    nobody_yet().await;
    following.say("snapshot", "a-0", r#"{"first":false,"last":true,"entries":[]}"#);
    nobody_yet().await;
    following.say("status", "", TRUST);
    becomes(&app, &keyward.token(), 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_claim_is_refused_until_its_time_and_a_user_can_be_restored() {
    let keyward = Scripted::start().await;
    let (verifier, following) = keyward.verifier().await;
    let app = App::start(&verifier).await;
    let later = jsonwebtoken::get_current_timestamp() + 600;
    let mut id = 0;
    for (claim, value) in [("jti", "a-token"), ("sid", "a-session"), ("sub", "a-user")] {
        let mut say = |event: &str, until: u64| {
            id += 1;
            let entry =
                json!({ "claim": claim, "value": value, "until": until, "reason": "admin", "new": {} });
            following.say(event, &format!("a-{id}"), &entry.to_string());
        };
        becomes(&app, &keyward.token(), 200).await;
        say("revoked", later);
        assert_eq!(becomes(&app, &keyward.token(), 401).await, "token_revoked", "{claim}");
        say("restored", 0);
    }
    becomes(&app, &keyward.token(), 200).await;
    following.say("tomorrow", "a-99", r#"{"of a kind":"that nobody knows"}"#);
    // Over already.
    following.say("revoked", "a-100", r#"{"claim":"sid","value":"a-session","until":1}"#);
    following.say("revoked", "a-101", &json!({ "claim": "sid", "value": "b", "until": later }).to_string());
    assert_eq!(becomes(&app, &keyward.token_with("sid", json!("b")), 401).await, "token_revoked");
    assert_eq!(app.get("/me", &keyward.token()).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn issued_before_refuses_older_tokens_alone() {
    let keyward = Scripted::start().await;
    let (verifier, following) = keyward.verifier().await;
    let app = App::start(&verifier).await;
    let now = jsonwebtoken::get_current_timestamp();
    let entry = json!({ "claim": "sub", "value": "a-user", "until": now + 600, "issued_before": now - 10 });
    following.say("revoked", "a-1", &entry.to_string());
    let older = keyward.token_with("iat", json!(now - 11));
    assert_eq!(becomes(&app, &older, 401).await, "token_outdated");
    let since = keyward.token_with("iat", json!(now - 10));
    assert_eq!(app.get("/me", &since).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_put_in_place_at_once_when_its_last_part_has_come() {
    let keyward = Scripted::start().await;
    let (verifier, following) = keyward.verifier().await;
    let app = App::start(&verifier).await;
    let later = jsonwebtoken::get_current_timestamp() + 600;
    let part = |first: bool, last: bool, session: &str| {
        let entry = json!({ "claim": "sid", "value": session, "until": later });
        json!({ "first": first, "last": last, "entries": [entry] }).to_string()
    };
    let of = |session: &str| keyward.token_with("sid", json!(session));
    following.say("snapshot", "a-1", &part(true, true, "old"));
    becomes(&app, &of("old"), 401).await;

    following.say("snapshot", "", &part(true, false, "lost"));
    following.say("snapshot", "", &part(true, false, "one"));
    following.say("status", "", TRUST);
    for _ in 0..20 {
        assert_eq!(app.get("/me", &of("one")).await.status, 200, "not before the last part");
        assert_eq!(app.get("/me", &of("old")).await.status, 401, "what was known stays until then");
    }
    following.say("snapshot", "a-2", &part(false, true, "two"));
    becomes(&app, &of("two"), 401).await;
    assert_eq!(app.get("/me", &of("one")).await.status, 401);
    assert_eq!(app.get("/me", &of("old")).await.status, 200, "what is no longer listed is forgotten");
    assert_eq!(app.get("/me", &of("lost")).await.status, 200, "a snapshot begun anew is another one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_cut_is_taken_up_where_it_broke_off() {
    let keyward = Scripted::start().await;
    let (verifier, following) = keyward.verifier().await;
    let app = App::start(&verifier).await;
    assert_eq!(following.last_event_id, None);
    let later = jsonwebtoken::get_current_timestamp() + 600;
    following.say("revoked", "a-7", &json!({ "claim": "sid", "value": "b", "until": later }).to_string());
    becomes(&app, &keyward.token_with("sid", json!("b")), 401).await;
    drop(following);

    let following = keyward.followed().await;
    assert_eq!(following.last_event_id.as_deref(), Some("a-7"));
    assert_eq!(app.get("/me", &keyward.token()).await.status, 200, "it is believed as long as it said");
    assert_eq!(
        app.get("/me", &keyward.token_with("sid", json!("b"))).await.status,
        401,
        "nothing is forgotten"
    );
    // What cannot be read is cut, and asked for again.
    following.say("revoked", "a-8", r#"{"claim":"sid"}"#);
    let again = keyward.followed().await;
    assert_eq!(again.last_event_id.as_deref(), Some("a-7"), "what was not taken in is not counted as had");
}

#[tokio::test(flavor = "multi_thread")]
async fn trust_that_is_taken_back_is_over_at_once() {
    let keyward = Scripted::start().await;
    let (verifier, following) = keyward.verifier().await;
    let app = App::start(&verifier).await;
    becomes(&app, &keyward.token(), 200).await;
    following.say("status", "", r#"{"following":false,"good_for":0,"heartbeat":60}"#);
    assert_eq!(becomes(&app, &keyward.token(), 503).await, "store_unavailable");
    following.say("status", "", TRUST);
    becomes(&app, &keyward.token(), 200).await;
    // In the middle of a snapshot too.
    following.say("snapshot", "", r#"{"first":true,"last":false,"entries":[]}"#);
    following.say("status", "", r#"{"following":false,"good_for":0,"heartbeat":60}"#);
    becomes(&app, &keyward.token(), 503).await;
    following.say("snapshot", "a-1", r#"{"first":false,"last":true,"entries":[]}"#);
    following.say("status", "", TRUST);
    becomes(&app, &keyward.token(), 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_broke_off_is_not_gone_on_with() {
    let keyward = Scripted::start().await;
    let (verifier, following) = keyward.verifier().await;
    let app = App::start(&verifier).await;
    let later = jsonwebtoken::get_current_timestamp() + 600;
    following.say("revoked", "a-1", &json!({ "claim": "sid", "value": "b", "until": later }).to_string());
    becomes(&app, &keyward.token_with("sid", json!("b")), 401).await;
    following.say("snapshot", "", r#"{"first":true,"last":false,"entries":[]}"#);
    drop(following);
    let following = keyward.followed().await;
    following.say("snapshot", "a-2", r#"{"first":false,"last":true,"entries":[]}"#);
    let again = keyward.followed().await;
    assert_eq!(again.last_event_id.as_deref(), Some("a-1"), "what has no beginning is not taken in");
    assert_eq!(app.get("/me", &keyward.token_with("sid", json!("b"))).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_only_keeps_its_connection_is_silent() {
    let keyward = Scripted::start().await;
    let (_verifier, following) = keyward.verifier().await;
    // From now on, four seconds without a word are silence.
    following.say("status", "", r#"{"following":true,"good_for":600,"heartbeat":1}"#);
    let keeping = tokio::spawn(async move {
        while following.comment() {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    });
    let again =
        tokio::time::timeout(crate::server::PATIENCE, keyward.followed()).await.expect("it comes back");
    assert_eq!(again.last_event_id.as_deref(), Some("a-0"));
    keeping.await.expect("no panic");
}

//! Contract 3: no honest user is ever logged out, no thief stays in.

use std::time::{Duration, Instant};

use super::{
    actor::Actor,
    install::{Install, PATIENCE, wait_for},
};

#[tokio::test]
async fn a_refresh_brings_a_new_pair_of_the_same_session() {
    let install = Install::new();
    let server = install.start().await;
    let old = server.admin().await;
    let new = old.refreshed().await;
    assert_eq!(new.session, old.session);
    assert!(new.refresh != old.refresh && new.access != old.access);
    assert!(new.refresh.starts_with("kwr_"));
    assert_eq!(old.check().await.status, 200, "the older access token lives on");
    assert_eq!(new.check().await.status, 200);
}

#[tokio::test]
async fn fifty_callers_with_one_token_get_one_child() {
    let install = Install::new();
    let server = install.start().await;
    let parent = server.admin().await;
    let callers = (0..50).map(|_| {
        let caller = parent.clone();
        tokio::spawn(async move { caller.refreshed().await })
    });
    let mut children = Vec::new();
    for caller in callers.collect::<Vec<_>>() {
        children.push(caller.await.expect("an answer"));
    }
    assert!(children.iter().all(|child| child.refresh == children[0].refresh));
    children[0].refreshed().await;
}

#[tokio::test]
async fn a_lost_answer_may_be_asked_for_again() {
    let install = Install::new().with("KEYWARD_TOKENS_REUSE_GRACE", "0");
    let server = install.start().await;
    let parent = server.admin().await;
    let lost = parent.refreshed().await;
    let again = parent.refreshed().await;
    assert_eq!(again.refresh, lost.refresh);
    assert_eq!(again.check().await.status, 200);
    // Now the child is known to have arrived, and there is no grace.
    parent.refreshes().await.problem(401, "refresh_reused");
    again.check().await.refused(401, "token_revoked");
    again.refreshes().await.problem_with_reason(401, "session_ended", "reuse_detected");
    parent.refreshes().await.problem_with_reason(401, "session_ended", "reuse_detected");
}

#[tokio::test]
async fn within_the_grace_a_confirmed_parent_is_still_answered() {
    let install = Install::new().with("KEYWARD_TOKENS_REUSE_GRACE", "5m");
    let server = install.start().await;
    let parent = server.admin().await;
    let child = parent.refreshed().await;
    assert_eq!(child.check().await.status, 200);
    assert_eq!(parent.refreshed().await.refresh, child.refresh);
    let grandchild = child.refreshed().await;
    assert_eq!(child.refreshed().await.refresh, grandchild.refresh);
    // A tab whose request was overtaken by another tab's next refresh.
    assert_eq!(parent.refreshed().await.refresh, grandchild.refresh);
    assert_eq!(grandchild.check().await.status, 200);
    grandchild.refreshed().await;
}

#[tokio::test]
async fn after_the_grace_a_confirmed_parent_is_theft() {
    let install = Install::new().with("KEYWARD_TOKENS_REUSE_GRACE", "1s");
    let server = install.start().await;
    let thief = server.admin().await;
    let owner = thief.refreshed().await;
    assert_eq!(owner.check().await.status, 200);
    theft_is_seen(&thief).await;
    owner.check().await.refused(401, "token_revoked");
    owner.get("/v1/me").await.problem_with_reason(401, "token_revoked", "reuse_detected");
}

#[tokio::test]
async fn with_the_timer_a_generation_is_confirmed_by_time() {
    let install =
        Install::new().with("KEYWARD_TOKENS_CONFIRM", "timer").with("KEYWARD_TOKENS_REUSE_GRACE", "1s");
    let server = install.start().await;
    let thief = server.admin().await;
    let owner = thief.refreshed().await;
    theft_is_seen(&thief).await;
    owner.check().await.refused(401, "token_revoked");
}

/// Presents the token again and again until it is over.
async fn theft_is_seen(thief: &Actor) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = thief.refreshes().await;
        if answer.status == 401 {
            answer.problem(401, "refresh_reused");
            return;
        }
        assert!(Instant::now() < deadline, "the old token is answered for ever");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn any_authenticated_endpoint_confirms() {
    for path in ["/v1/me", "/v1/sessions", "/v1/check"] {
        let install = Install::new().with("KEYWARD_TOKENS_REUSE_GRACE", "0");
        let server = install.start().await;
        let parent = server.admin().await;
        let child = parent.refreshed().await;
        assert_eq!(child.get(path).await.status, 200);
        parent.refreshes().await.problem(401, "refresh_reused");
    }
}

#[tokio::test]
async fn an_older_access_token_does_not_confirm() {
    let install = Install::new().with("KEYWARD_TOKENS_REUSE_GRACE", "0");
    let server = install.start().await;
    let parent = server.admin().await;
    let child = parent.refreshed().await;
    assert_eq!(parent.check().await.status, 200);
    assert_eq!(parent.refreshed().await.refresh, child.refresh);
}

#[tokio::test]
async fn what_is_not_genuine_is_refused() {
    let install = Install::new();
    let server = install.start().await;
    let admin = server.admin().await;
    let other = Install::new();
    let elsewhere = other.start().await;
    let foreign = elsewhere.admin().await.refresh;
    let cut = &admin.refresh[..admin.refresh.len() - 1];
    let changed = format!("{cut}{}", if admin.refresh.ends_with('A') { 'B' } else { 'A' });
    for token in
        ["", "kwr_", "kwr_AAAA", "nothing", &admin.access, &foreign, cut, &changed, &admin.refresh[4..]]
    {
        let answer = admin.with_refresh(token).refreshes().await;
        answer.problem(401, "refresh_invalid");
    }
    admin.refreshed().await;
}

#[tokio::test]
async fn a_refresh_token_expires() {
    let install = Install::new().with("KEYWARD_TOKENS_REFRESH_TTL", "1s");
    let server = install.start().await;
    let admin = server.admin().await;
    // To try it would begin its life anew.
    let is_over = || (!install.good(&["session", "list"]).contains(&admin.session)).then_some(());
    wait_for(is_over).expect("it is over after a second");
    admin.refreshes().await.problem(401, "refresh_expired");
}

#[tokio::test]
async fn a_session_ends_at_its_age_whatever_the_activity() {
    let install =
        Install::new().with("KEYWARD_TOKENS_SESSION_MAX_AGE", "2s").with("KEYWARD_TOKENS_REUSE_GRACE", "5m");
    let server = install.start().await;
    let answer = server.client().login("admin", &server.admin_password()).await;
    let body = answer.json();
    for name in ["expires_in", "refresh_expires_in"] {
        assert!(body[name].as_u64().is_some_and(|seconds| seconds <= 2), "{name} in {body}");
    }
    let mut admin = server.client().with_tokens(&answer);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = admin.refreshes().await;
        if answer.status == 401 {
            answer.problem(401, "refresh_expired");
            break;
        }
        assert!(Instant::now() < deadline, "the session goes on for ever");
        admin = admin.with_tokens(&answer);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(admin.check().await.status, 401);
}

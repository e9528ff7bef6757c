//! Revocations: what the set and the back end say of an access token, for how long, and on which node.

use std::time::Duration;

use crate::support::backends::{BackEnd, GRACE, LIFETIMES, SessionsOn, eventually, session_back_ends};
use keyward::{
    domain::{
        claims::AccessClaims,
        clock::Clock,
        limits::{ACCESS_TTL_MAX, CLOCKS_APART, Lifetimes},
        session::EndReason,
    },
    store::revocations::{Outdated, Refusal},
};
use rstest_reuse::apply;

#[apply(session_back_ends)]
#[tokio::test]
async fn a_new_back_end_refuses_nobody_and_knows_that_it_knows(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let client = back_end.sign_in().await;
    assert!(back_end.set.is_following());
    assert_eq!(back_end.set.unheard(back_end.clock.passed()), Duration::ZERO);
    assert_eq!(back_end.refusal(&back_end.claims(&client)).await, None);
}

#[apply(session_back_ends)]
#[tokio::test]
async fn it_goes_on_hearing_from_its_back_end(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    back_end.elapse(back_end.lifetimes.access).await;
    eventually("heard", || back_end.set.unheard(back_end.clock.passed()).is_zero()).await;
    assert!(back_end.set.is_following());
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_refused_user_is_refused_until_admitted(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let (client, other) = (back_end.sign_in().await, back_end.sign_in().await);
    let reason = EndReason::AccountDisabled;
    back_end.revocations.refuse_user(client.user, reason, back_end.now()).await.unwrap();
    assert_eq!(back_end.refusal(&back_end.claims(&client)).await, Some(reason));
    assert_eq!(back_end.refusal(&back_end.claims(&other)).await, None);

    for _ in 0..2 {
        back_end.revocations.admit_user(client.user).await.unwrap();
        assert_eq!(back_end.refusal(&back_end.claims(&client)).await, None);
    }
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_revocation_lasts_until_no_token_it_is_about_can_be_alive(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let (ended, refused) = (back_end.sign_in().await, back_end.sign_in().await);
    let claims = [back_end.claims(&ended), back_end.claims(&refused)];
    back_end.end(ended.session(), EndReason::Logout).await;
    back_end.revocations.refuse_user(refused.user, EndReason::AccountDisabled, back_end.now()).await.unwrap();

    back_end.elapse(back_end.lifetimes.access).await;
    assert!(claims.iter().all(|claims| claims.expires_at <= back_end.now()));
    let moment = back_end.elapse_almost(CLOCKS_APART).await;
    assert_eq!(
        back_end.refusal(&claims[0]).await,
        Some(EndReason::Logout),
        "for nodes whose clocks are behind"
    );
    back_end.elapse(moment).await;
    assert_eq!(back_end.set.snapshot(back_end.now()).len(), 1, "and no longer");

    // Of a user's tokens nobody knows which lives longest.
    let moment = back_end.elapse_almost(ACCESS_TTL_MAX.saturating_sub(back_end.lifetimes.access)).await;
    assert_eq!(back_end.refusal(&claims[1]).await, Some(EndReason::AccountDisabled));
    back_end.elapse(moment).await;
    assert!(back_end.set.snapshot(back_end.now()).is_empty());
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_revocation_lasts_as_long_as_tokens_that_were_issued_under_a_longer_life(
    on: SessionsOn,
    #[values(false, true)] refreshed_since: bool,
) {
    let long = Lifetimes { access: Duration::from_hours(1), ..LIFETIMES };
    let back_end = BackEnd::with(on, long).await;
    let client = back_end.sign_in().await;
    let claims = back_end.claims(&client);
    let back_end = back_end.reopen_with(Lifetimes { access: Duration::from_secs(4), ..LIFETIMES }).await;
    if refreshed_since {
        back_end.refreshed(&client.token).await;
    }
    back_end.end(client.session(), EndReason::Logout).await;
    let moment = back_end.elapse_almost(back_end.now().until(claims.expires_at)).await;
    assert_eq!(back_end.refusal(&claims).await, Some(EndReason::Logout));
    back_end.elapse(moment + CLOCKS_APART).await;
    assert!(back_end.set.snapshot(back_end.now()).is_empty(), "and no longer");
}

#[apply(session_back_ends)]
#[tokio::test]
async fn each_refresh_lengthens_the_refusal_to_come(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let client = back_end.sign_in().await;
    back_end.elapse(back_end.lifetimes.access / 2).await;
    back_end.refreshed(&client.token).await;
    let claims = back_end.claims(&client);
    back_end.end(client.session(), EndReason::Logout).await;
    let moment = back_end.elapse_almost(back_end.lifetimes.access).await;
    assert_eq!(back_end.refusal(&claims).await, Some(EndReason::Logout));
    back_end.elapse(moment + CLOCKS_APART).await;
    assert!(back_end.set.snapshot(back_end.now()).is_empty(), "and no longer");
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_restart_forgets_no_revocation(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let (ended, refused, admitted) =
        (back_end.sign_in().await, back_end.sign_in().await, back_end.sign_in().await);
    back_end.end(ended.session(), EndReason::Admin).await;
    let reason = EndReason::AccountDisabled;
    back_end.revocations.refuse_user(refused.user, reason, back_end.now()).await.unwrap();
    back_end.revocations.refuse_user(admitted.user, reason, back_end.now()).await.unwrap();
    back_end.revocations.admit_user(admitted.user).await.unwrap();

    let back_end = back_end.reopen().await;
    assert!(back_end.set.is_following());
    assert_eq!(back_end.refusal(&back_end.claims(&ended)).await, Some(EndReason::Admin));
    assert_eq!(back_end.refusal(&back_end.claims(&refused)).await, Some(EndReason::AccountDisabled));
    assert_eq!(back_end.refusal(&back_end.claims(&admitted)).await, None);
    back_end.elapse(back_end.lifetimes.access).await;
    assert_eq!(back_end.refusal(&back_end.claims(&ended)).await, Some(EndReason::Admin));
    back_end.elapse(ACCESS_TTL_MAX).await;
    let back_end = back_end.reopen().await;
    assert!(back_end.set.snapshot(back_end.now()).is_empty(), "nor brings one back that is over");
}

#[apply(session_back_ends)]
#[tokio::test]
async fn another_node_learns_of_it(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let node = back_end.another_node().await;
    let (ended, refused, thief) =
        (back_end.sign_in().await, back_end.sign_in().await, back_end.sign_in().await);
    let claims = [&ended, &refused, &thief].map(|client| back_end.claims(client));

    back_end.end(ended.session(), EndReason::Logout).await;
    back_end.revocations.refuse_user(refused.user, EndReason::AccountDisabled, back_end.now()).await.unwrap();
    let child = back_end.refreshed(&thief.token).await;
    back_end.refreshed(&child).await;
    back_end.elapse(GRACE).await;
    back_end.refresh(&thief.token).await;
    let known = |number: usize| node.set.find(&claims[number], back_end.now()).and_then(Refusal::reason);
    eventually("a session's end", || known(0) == Some(EndReason::Logout)).await;
    eventually("a user's refusal", || known(1) == Some(EndReason::AccountDisabled)).await;
    eventually("a theft", || known(2) == Some(EndReason::ReuseDetected)).await;

    back_end.revocations.admit_user(refused.user).await.unwrap();
    eventually("a user's admission", || known(1).is_none()).await;
    assert_eq!(known(0), Some(EndReason::Logout), "which takes nothing else back");
    let asked = node.revocations.ask(&claims[0], back_end.now()).await.unwrap();
    assert_eq!(asked, Some(Refusal::Revoked(EndReason::Logout)));
    assert!(node.set.is_following());
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_token_is_refused_alone_and_until_it_is_over(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let node = back_end.another_node().await;
    let client = back_end.sign_in().await;
    let (token, sibling) = (back_end.claims(&client), back_end.claims(&client));
    let reason = EndReason::Logout;
    for _ in 0..2 {
        back_end.revocations.refuse_token(token.id, token.expires_at, reason, back_end.now()).await.unwrap();
        assert_eq!(back_end.refusal(&token).await, Some(reason));
        assert_eq!(back_end.refusal(&sibling).await, None);
    }
    eventually("heard elsewhere", || node.set.find(&token, back_end.now()) == Some(Refusal::Revoked(reason)))
        .await;
    drop(node);

    let back_end = back_end.reopen().await;
    assert_eq!(back_end.refusal(&token).await, Some(reason));
    back_end.elapse(back_end.now().until(token.expires_at)).await;
    assert_eq!(back_end.refusal(&token).await, Some(reason), "for nodes whose clocks are behind");
    back_end.elapse(CLOCKS_APART).await;
    assert!(back_end.set.snapshot(back_end.now()).is_empty(), "and no longer");
    back_end.refreshed(&client.token).await;
}

#[apply(session_back_ends)]
#[tokio::test]
async fn tokens_of_before_a_change_are_outdated_and_those_of_after_pass(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let node = back_end.another_node().await;
    let (client, other) = (back_end.sign_in().await, back_end.sign_in().await);
    let (second, user) = (Duration::from_secs(1), client.user);
    let old = back_end.claims(&client);
    let of = |at| AccessClaims { roles_at: at, ..old.clone() };
    let change = |at| Outdated { user, issued_before: at };
    let [first, later] = [back_end.now() + second * 2, back_end.now() + second * 3];
    // The later one first: it is not moved back.
    for (at, known) in [(later, later), (first, later), (later, later)] {
        back_end.revocations.outdate_user(change(at), back_end.now()).await.unwrap();
        for outdated in [&old, &of(first)] {
            assert_eq!(back_end.refused(outdated).await, Some(Refusal::Outdated));
        }
        assert_eq!(back_end.refused(&of(known)).await, None);
    }
    assert_eq!(back_end.refused(&back_end.claims(&other)).await, None, "nobody else");
    eventually("heard elsewhere", || node.set.find(&old, back_end.now()) == Some(Refusal::Outdated)).await;
    drop(node);

    let back_end = back_end.reopen().await;
    assert_eq!(back_end.refused(&of(first)).await, Some(Refusal::Outdated));
    assert_eq!(back_end.refused(&of(later)).await, None);
    back_end.elapse(ACCESS_TTL_MAX + second * 66).await;
    let back_end = back_end.reopen().await;
    assert!(back_end.set.outdated(back_end.now()).is_empty(), "and no longer than a token can live");
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_user_is_disabled_and_outdated_at_once_and_each_ends_by_itself(
    on: SessionsOn,
    #[values(true, false)] outdated_first: bool,
) {
    let back_end = BackEnd::on(on).await;
    let client = back_end.sign_in().await;
    let node = back_end.another_node().await;
    let old = back_end.claims(&client);
    let at = back_end.now() + Duration::from_secs(2);
    let new = AccessClaims { roles_at: at, ..old.clone() };
    let outdated = Outdated { user: client.user, issued_before: at };
    let disabled = Refusal::Revoked(EndReason::AccountDisabled);
    if outdated_first {
        back_end.revocations.outdate_user(outdated, back_end.now()).await.unwrap();
    }
    back_end.revocations.refuse_user(client.user, EndReason::AccountDisabled, back_end.now()).await.unwrap();
    if !outdated_first {
        back_end.revocations.outdate_user(outdated, back_end.now()).await.unwrap();
    }
    assert_eq!([back_end.refused(&old).await, back_end.refused(&new).await], [Some(disabled); 2]);
    eventually("heard elsewhere", || node.set.find(&new, back_end.now()) == Some(disabled)).await;

    back_end.revocations.admit_user(client.user).await.unwrap();
    let back_end = back_end.reopen().await;
    assert_eq!(back_end.refused(&old).await, Some(Refusal::Outdated), "which enabling does not forget");
    assert_eq!(back_end.refused(&new).await, None);
    eventually("heard elsewhere", || node.set.find(&new, back_end.now()).is_none()).await;
    assert_eq!(node.set.find(&old, back_end.now()), Some(Refusal::Outdated));
}

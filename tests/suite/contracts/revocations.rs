//! Revocations: what the set and the home say of an access token, for how long, and on which node.

use std::time::Duration;

use crate::support::backends::{GRACE, Home, LIFETIMES, SessionsOn, eventually, session_back_ends};
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
async fn a_new_home_refuses_nobody_and_knows_that_it_knows(on: SessionsOn) {
    let home = Home::on(on).await;
    let client = home.sign_in().await;
    assert!(home.set.is_following());
    assert_eq!(home.set.unheard(home.clock.passed()), Duration::ZERO);
    assert_eq!(home.refusal(&home.claims(&client)).await, None);
}

#[apply(session_back_ends)]
#[tokio::test]
async fn it_goes_on_hearing_from_its_home(on: SessionsOn) {
    let home = Home::on(on).await;
    home.elapse(home.lifetimes.access).await;
    eventually("heard", || home.set.unheard(home.clock.passed()).is_zero()).await;
    assert!(home.set.is_following());
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_refused_user_is_refused_until_admitted(on: SessionsOn) {
    let home = Home::on(on).await;
    let (client, other) = (home.sign_in().await, home.sign_in().await);
    let reason = EndReason::AccountDisabled;
    home.revocations.refuse_user(client.user, reason, home.now()).await.unwrap();
    assert_eq!(home.refusal(&home.claims(&client)).await, Some(reason));
    assert_eq!(home.refusal(&home.claims(&other)).await, None);

    for _ in 0..2 {
        home.revocations.admit_user(client.user).await.unwrap();
        assert_eq!(home.refusal(&home.claims(&client)).await, None);
    }
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_revocation_lasts_until_no_token_it_is_about_can_be_alive(on: SessionsOn) {
    let home = Home::on(on).await;
    let (ended, refused) = (home.sign_in().await, home.sign_in().await);
    let claims = [home.claims(&ended), home.claims(&refused)];
    home.end(ended.session(), EndReason::Logout).await;
    home.revocations.refuse_user(refused.user, EndReason::AccountDisabled, home.now()).await.unwrap();

    home.elapse(home.lifetimes.access).await;
    assert!(claims.iter().all(|claims| claims.expires_at <= home.now()));
    let moment = home.elapse_almost(CLOCKS_APART).await;
    assert_eq!(home.refusal(&claims[0]).await, Some(EndReason::Logout), "for nodes whose clocks are behind");
    home.elapse(moment).await;
    assert_eq!(home.set.snapshot(home.now()).len(), 1, "and no longer");

    // Of a user's tokens nobody knows which lives longest.
    let moment = home.elapse_almost(ACCESS_TTL_MAX.saturating_sub(home.lifetimes.access)).await;
    assert_eq!(home.refusal(&claims[1]).await, Some(EndReason::AccountDisabled));
    home.elapse(moment).await;
    assert!(home.set.snapshot(home.now()).is_empty());
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_revocation_lasts_as_long_as_tokens_that_were_issued_under_a_longer_life(
    on: SessionsOn,
    #[values(false, true)] refreshed_since: bool,
) {
    let long = Lifetimes { access: Duration::from_hours(1), ..LIFETIMES };
    let home = Home::with(on, long).await;
    let client = home.sign_in().await;
    let claims = home.claims(&client);
    let home = home.reopen_with(Lifetimes { access: Duration::from_secs(4), ..LIFETIMES }).await;
    if refreshed_since {
        home.refreshed(&client.token).await;
    }
    home.end(client.session(), EndReason::Logout).await;
    let moment = home.elapse_almost(home.now().until(claims.expires_at)).await;
    assert_eq!(home.refusal(&claims).await, Some(EndReason::Logout));
    home.elapse(moment + CLOCKS_APART).await;
    assert!(home.set.snapshot(home.now()).is_empty(), "and no longer");
}

#[apply(session_back_ends)]
#[tokio::test]
async fn each_refresh_lengthens_the_refusal_to_come(on: SessionsOn) {
    let home = Home::on(on).await;
    let client = home.sign_in().await;
    home.elapse(home.lifetimes.access / 2).await;
    home.refreshed(&client.token).await;
    let claims = home.claims(&client);
    home.end(client.session(), EndReason::Logout).await;
    let moment = home.elapse_almost(home.lifetimes.access).await;
    assert_eq!(home.refusal(&claims).await, Some(EndReason::Logout));
    home.elapse(moment + CLOCKS_APART).await;
    assert!(home.set.snapshot(home.now()).is_empty(), "and no longer");
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_restart_forgets_no_revocation(on: SessionsOn) {
    let home = Home::on(on).await;
    let (ended, refused, admitted) = (home.sign_in().await, home.sign_in().await, home.sign_in().await);
    home.end(ended.session(), EndReason::Admin).await;
    let reason = EndReason::AccountDisabled;
    home.revocations.refuse_user(refused.user, reason, home.now()).await.unwrap();
    home.revocations.refuse_user(admitted.user, reason, home.now()).await.unwrap();
    home.revocations.admit_user(admitted.user).await.unwrap();

    let home = home.reopen().await;
    assert!(home.set.is_following());
    assert_eq!(home.refusal(&home.claims(&ended)).await, Some(EndReason::Admin));
    assert_eq!(home.refusal(&home.claims(&refused)).await, Some(EndReason::AccountDisabled));
    assert_eq!(home.refusal(&home.claims(&admitted)).await, None);
    home.elapse(home.lifetimes.access).await;
    assert_eq!(home.refusal(&home.claims(&ended)).await, Some(EndReason::Admin));
    home.elapse(ACCESS_TTL_MAX).await;
    let home = home.reopen().await;
    assert!(home.set.snapshot(home.now()).is_empty(), "nor brings one back that is over");
}

#[apply(session_back_ends)]
#[tokio::test]
async fn another_node_learns_of_it(on: SessionsOn) {
    let home = Home::on(on).await;
    let node = home.another_node().await;
    let (ended, refused, thief) = (home.sign_in().await, home.sign_in().await, home.sign_in().await);
    let claims = [&ended, &refused, &thief].map(|client| home.claims(client));

    home.end(ended.session(), EndReason::Logout).await;
    home.revocations.refuse_user(refused.user, EndReason::AccountDisabled, home.now()).await.unwrap();
    let child = home.refreshed(&thief.token).await;
    home.refreshed(&child).await;
    home.elapse(GRACE).await;
    home.refresh(&thief.token).await;
    let known = |number: usize| node.set.find(&claims[number], home.now()).and_then(Refusal::reason);
    eventually("a session's end", || known(0) == Some(EndReason::Logout)).await;
    eventually("a user's refusal", || known(1) == Some(EndReason::AccountDisabled)).await;
    eventually("a theft", || known(2) == Some(EndReason::ReuseDetected)).await;

    home.revocations.admit_user(refused.user).await.unwrap();
    eventually("a user's admission", || known(1).is_none()).await;
    assert_eq!(known(0), Some(EndReason::Logout), "which takes nothing else back");
    let asked = node.revocations.ask(&claims[0], home.now()).await.unwrap();
    assert_eq!(asked, Some(Refusal::Revoked(EndReason::Logout)));
    assert!(node.set.is_following());
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_token_is_refused_alone_and_until_it_is_over(on: SessionsOn) {
    let home = Home::on(on).await;
    let node = home.another_node().await;
    let client = home.sign_in().await;
    let (token, sibling) = (home.claims(&client), home.claims(&client));
    let reason = EndReason::Logout;
    for _ in 0..2 {
        home.revocations.refuse_token(token.id, token.expires_at, reason, home.now()).await.unwrap();
        assert_eq!(home.refusal(&token).await, Some(reason));
        assert_eq!(home.refusal(&sibling).await, None);
    }
    eventually("heard elsewhere", || node.set.find(&token, home.now()) == Some(Refusal::Revoked(reason)))
        .await;
    drop(node);

    let home = home.reopen().await;
    assert_eq!(home.refusal(&token).await, Some(reason));
    home.elapse(home.now().until(token.expires_at)).await;
    assert_eq!(home.refusal(&token).await, Some(reason), "for nodes whose clocks are behind");
    home.elapse(CLOCKS_APART).await;
    assert!(home.set.snapshot(home.now()).is_empty(), "and no longer");
    home.refreshed(&client.token).await;
}

#[apply(session_back_ends)]
#[tokio::test]
async fn tokens_of_before_a_change_are_outdated_and_those_of_after_pass(on: SessionsOn) {
    let home = Home::on(on).await;
    let node = home.another_node().await;
    let (client, other) = (home.sign_in().await, home.sign_in().await);
    let (second, user) = (Duration::from_secs(1), client.user);
    let old = home.claims(&client);
    let of = |at| AccessClaims { roles_at: at, ..old.clone() };
    let change = |at| Outdated { user, issued_before: at };
    let [first, later] = [home.now() + second * 2, home.now() + second * 3];
    // The later one first: it is not moved back.
    for (at, known) in [(later, later), (first, later), (later, later)] {
        home.revocations.outdate_user(change(at), home.now()).await.unwrap();
        for outdated in [&old, &of(first)] {
            assert_eq!(home.refused(outdated).await, Some(Refusal::Outdated));
        }
        assert_eq!(home.refused(&of(known)).await, None);
    }
    assert_eq!(home.refused(&home.claims(&other)).await, None, "nobody else");
    eventually("heard elsewhere", || node.set.find(&old, home.now()) == Some(Refusal::Outdated)).await;
    drop(node);

    let home = home.reopen().await;
    assert_eq!(home.refused(&of(first)).await, Some(Refusal::Outdated));
    assert_eq!(home.refused(&of(later)).await, None);
    home.elapse(ACCESS_TTL_MAX + second * 66).await;
    let home = home.reopen().await;
    assert!(home.set.outdated(home.now()).is_empty(), "and no longer than a token can live");
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_user_is_disabled_and_outdated_at_once_and_each_ends_by_itself(
    on: SessionsOn,
    #[values(true, false)] outdated_first: bool,
) {
    let home = Home::on(on).await;
    let client = home.sign_in().await;
    let node = home.another_node().await;
    let old = home.claims(&client);
    let at = home.now() + Duration::from_secs(2);
    let new = AccessClaims { roles_at: at, ..old.clone() };
    let outdated = Outdated { user: client.user, issued_before: at };
    let disabled = Refusal::Revoked(EndReason::AccountDisabled);
    if outdated_first {
        home.revocations.outdate_user(outdated, home.now()).await.unwrap();
    }
    home.revocations.refuse_user(client.user, EndReason::AccountDisabled, home.now()).await.unwrap();
    if !outdated_first {
        home.revocations.outdate_user(outdated, home.now()).await.unwrap();
    }
    assert_eq!([home.refused(&old).await, home.refused(&new).await], [Some(disabled); 2]);
    eventually("heard elsewhere", || node.set.find(&new, home.now()) == Some(disabled)).await;

    home.revocations.admit_user(client.user).await.unwrap();
    let home = home.reopen().await;
    assert_eq!(home.refused(&old).await, Some(Refusal::Outdated), "which enabling does not forget");
    assert_eq!(home.refused(&new).await, None);
    eventually("heard elsewhere", || node.set.find(&new, home.now()).is_none()).await;
    assert_eq!(node.set.find(&old, home.now()), Some(Refusal::Outdated));
}

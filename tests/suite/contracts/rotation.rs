//! The rule of refresh (contract 3), row by row.

use std::time::Duration;

use crate::support::backends::{BackEnd, FIRST_USE, GRACE, SessionsOn, TICK, TIMER, session_back_ends};
use futures_util::future::join_all;
use keyward::{
    domain::{
        refresh_token::{Chain, RefreshToken},
        rotation::{Contested, Reissue, ReusePolicy},
        session::EndReason,
    },
    store::sessions::{Confirmation, Issue, Living, Rotation},
};
use rstest_reuse::apply;

impl BackEnd {
    async fn is_granted(&self, policy: &ReusePolicy, token: &RefreshToken) -> bool {
        matches!(self.refresh_under(policy, token).await, Rotation::Granted(_))
    }

    async fn generation(&self, token: &RefreshToken) -> u32 {
        self.find(token.session()).await.expect("alive").generation
    }

    /// The session has ended by theft, and no token of it is good for anything.
    async fn is_ended_by_theft(&self, tokens: &[&RefreshToken]) {
        for token in tokens {
            assert_eq!(self.refresh(token).await, Rotation::Ended(EndReason::ReuseDetected));
            assert_eq!(self.confirm(token).await, Confirmation::Ended(EndReason::ReuseDetected));
            assert_eq!(self.find(token.session()).await, None);
        }
    }
}

#[apply(session_back_ends)]
#[tokio::test]
async fn the_current_token_gets_the_next_generation(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let client = back_end.sign_in().await;
    let facts = back_end.find(client.session()).await.expect("alive").facts;
    back_end.elapse(Duration::from_hours(1)).await;

    let session = Living { facts, expires_at: back_end.now() + back_end.lifetimes.refresh };
    let tokens_until = back_end.now() + back_end.lifetimes.access;
    let (issued_at, life) = (back_end.now(), back_end.lifetimes.refresh);
    let issue = Issue { session, generation: 1, issued_at, life, tokens_until, reissue: None };
    assert_eq!(back_end.refresh(&client.token).await, Rotation::Granted(issue.into()));
    assert_eq!(back_end.generation(&client.token).await, 1);

    let child = client.token.successor(&back_end.secret);
    let grandchild = back_end.refreshed(&child).await;
    assert_eq!((grandchild.generation(), back_end.generation(&client.token).await), (2, 2));
}

#[apply(session_back_ends)]
#[tokio::test]
async fn the_parent_of_an_unconfirmed_token_gets_that_one_again_days_later(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let client = back_end.sign_in().await;
    let facts = back_end.find(client.session()).await.expect("alive").facts;
    let child = back_end.refreshed(&client.token).await;
    for reissue in [Reissue::Late, Reissue::Usual, Reissue::Usual] {
        back_end.elapse(Duration::from_hours(6 * 24)).await;
        let session =
            Living { facts: facts.clone(), expires_at: back_end.now() + back_end.lifetimes.refresh };
        let tokens_until = back_end.now() + back_end.lifetimes.access;
        let (issued_at, life) = (back_end.now(), back_end.lifetimes.refresh);
        let issue = Issue { session, generation: 1, issued_at, life, tokens_until, reissue: Some(reissue) };
        assert_eq!(
            back_end.refresh(&client.token).await,
            Rotation::Granted(issue.into()),
            "its life begun anew"
        );
        assert_eq!(back_end.generation(&client.token).await, 1, "the same generation again");
    }
    assert_eq!(back_end.refreshed(&child).await.generation(), 2, "which is as good as ever");
}

#[apply(session_back_ends)]
#[case::first_use(FIRST_USE)]
#[case::timer(TIMER)]
#[tokio::test]
async fn the_parent_of_a_token_seen_in_use_is_good_for_the_grace_to_the_millisecond(
    on: SessionsOn,
    #[case] policy: ReusePolicy,
) {
    let back_end = BackEnd::on(on).await;
    let client = back_end.sign_in().await;
    let child = back_end.refreshed(&client.token).await;
    assert_eq!(back_end.confirm(&child).await, Confirmation::Seen);

    back_end.elapse(GRACE.saturating_sub(TICK)).await;
    assert_eq!(back_end.confirm(&child).await, Confirmation::Seen, "which counts from the first sight only");
    assert!(back_end.is_granted(&policy, &client.token).await);
    back_end.elapse(TICK).await;
    assert_eq!(back_end.refresh_under(&policy, &client.token).await, Rotation::Reused);
    back_end.is_ended_by_theft(&[&client.token, &child]).await;
}

#[apply(session_back_ends)]
#[tokio::test]
async fn under_the_timer_a_token_is_confirmed_a_grace_after_it_was_first_issued(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let client = back_end.sign_in().await;
    let child = back_end.refreshed(&client.token).await;
    back_end.elapse((GRACE * 2).saturating_sub(TICK)).await;
    assert!(back_end.is_granted(&TIMER, &client.token).await, "nobody has used the child yet");
    back_end.elapse(TICK).await;
    assert_eq!(back_end.refresh_under(&TIMER, &client.token).await, Rotation::Reused);
    back_end.is_ended_by_theft(&[&client.token, &child]).await;
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_token_that_was_overtaken_gets_the_current_one_for_the_grace_after_it_was_replaced(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let client = back_end.sign_in().await;
    let child = back_end.refreshed(&client.token).await;
    let grandchild = back_end.refreshed(&child).await;
    assert_eq!(back_end.refreshed(&client.token).await, grandchild, "overtaken by the next refresh");
    back_end.elapse(GRACE.saturating_sub(TICK)).await;
    assert_eq!(back_end.refreshed(&client.token).await, grandchild);
    back_end.elapse(TICK).await;
    assert_eq!(back_end.refreshed(&child).await, grandchild, "which nobody has used yet");
    assert_eq!(back_end.refresh(&client.token).await, Rotation::Reused);
    back_end.is_ended_by_theft(&[&client.token, &child, &grandchild]).await;
}

#[apply(session_back_ends)]
#[tokio::test]
async fn when_the_last_eight_were_replaced_is_remembered_and_what_is_older_is_theft(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let first = back_end.sign_in().await.token;
    let mut tokens = vec![first];
    for generation in 0..9 {
        tokens.push(back_end.refreshed(&tokens[generation]).await);
    }
    for token in &tokens[1..] {
        assert_eq!(back_end.refreshed(token).await.generation(), 9 + u32::from(token.generation() == 9));
    }
    let back_end = back_end.reopen().await;
    assert_eq!(back_end.refreshed(&tokens[2]).await.generation(), 10);
    assert_eq!(back_end.refresh(&tokens[1]).await, Rotation::Reused, "nine before the current one");
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_request_is_judged_as_of_its_arrival_however_late_it_is_carried_out(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let client = back_end.sign_in().await;
    let child = back_end.refreshed(&client.token).await;
    back_end.elapse(Duration::from_hours(1)).await;
    let arrived_at = back_end.now();
    back_end.confirm(&child).await;
    back_end.elapse(GRACE * 3).await;
    let chain = Chain::of(client.token.clone(), &back_end.secret);
    let answer = back_end.sessions.rotate(&chain, &FIRST_USE, arrived_at).await.expect("an answer");
    assert!(matches!(answer, Rotation::Granted(_)), "{answer:?}");
    assert_eq!(back_end.refresh(&client.token).await, Rotation::Reused, "one that comes now");
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_generation_is_issued_when_its_request_is_carried_out(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let client = back_end.sign_in().await;
    let arrived_at = back_end.now();
    back_end.elapse(GRACE * 3).await;
    let chain = Chain::of(client.token.clone(), &back_end.secret);
    let answer = back_end.sessions.rotate(&chain, &TIMER, arrived_at).await.expect("an answer");
    let Rotation::Granted(issue) = answer else { panic!("{answer:?}") };
    assert_eq!((issue.issued_at, issue.life), (back_end.now(), back_end.lifetimes.refresh));
    // That answer came too late for its client: the retry is not late, and no theft.
    let retried = back_end.refresh_under(&TIMER, &client.token).await;
    let Rotation::Granted(issue) = retried else { panic!("{retried:?}") };
    assert_eq!((issue.generation, issue.reissue), (1, Some(Reissue::Usual)));
}

#[apply(session_back_ends)]
#[tokio::test]
async fn three_generations_in_a_row_that_were_reissued_late_are_contested(
    on: SessionsOn,
    #[values(Contested::Alarm, Contested::End)] contested: Contested,
) {
    let back_end = BackEnd::on(on).await;
    let policy = ReusePolicy { contested, ..FIRST_USE };
    let mut token = back_end.sign_in().await.token;
    for told in [Reissue::Late, Reissue::Late, Reissue::Contested] {
        back_end.refreshed(&token).await;
        back_end.elapse(GRACE + TICK).await;
        let answer = back_end.refresh_under(&policy, &token).await;
        if told == Reissue::Contested && contested == Contested::End {
            assert_eq!(answer, Rotation::Contested);
            assert_eq!(back_end.refresh(&token).await, Rotation::Ended(EndReason::Contested));
            return;
        }
        let Rotation::Granted(issue) = answer else { panic!("{answer:?}") };
        assert_eq!(issue.reissue, Some(told));
        token = token.successor(&back_end.secret);
    }
    assert_eq!(contested, Contested::Alarm);
    assert!(back_end.is_granted(&policy, &token).await, "an alarm ends nothing");
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_generation_that_arrived_breaks_the_row_of_late_ones(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let policy = ReusePolicy { contested: Contested::End, ..FIRST_USE };
    let mut token = back_end.sign_in().await.token;
    for is_late in [true, true, false, true, true] {
        back_end.refreshed(&token).await;
        back_end.elapse(GRACE + TICK).await;
        if is_late {
            assert!(back_end.is_granted(&policy, &token).await);
        }
        token = token.successor(&back_end.secret);
    }
}

#[apply(session_back_ends)]
#[tokio::test]
async fn the_use_of_a_refresh_token_confirms_it(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let client = back_end.sign_in().await;
    let child = back_end.refreshed(&client.token).await;
    let grandchild = back_end.refreshed(&child).await;
    // The child was used, so the grandchild is what its holder may not have got.
    back_end.elapse(Duration::from_hours(1)).await;
    assert!(back_end.is_granted(&FIRST_USE, &child).await);
    assert_eq!(back_end.generation(&child).await, grandchild.generation());
    assert_eq!(back_end.refresh(&client.token).await, Rotation::Reused, "replaced an hour ago");
}

#[apply(session_back_ends)]
#[tokio::test]
async fn an_access_token_of_another_generation_confirms_nothing(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let client = back_end.sign_in().await;
    assert_eq!(back_end.confirm(&client.token).await, Confirmation::Seen);
    let child = back_end.refreshed(&client.token).await;
    assert_eq!(
        back_end.confirm(&client.token).await,
        Confirmation::Seen,
        "the parent's access token still lives"
    );
    back_end.elapse(Duration::from_hours(1)).await;
    assert!(back_end.is_granted(&FIRST_USE, &client.token).await);
    assert_eq!(back_end.generation(&child).await, 1);
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_new_generation_is_not_confirmed_by_the_one_before(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let client = back_end.sign_in().await;
    let child = back_end.refreshed(&client.token).await;
    back_end.confirm(&child).await;
    back_end.refreshed(&child).await;
    back_end.elapse(GRACE * 2).await;
    assert!(back_end.is_granted(&FIRST_USE, &child).await);
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_token_newer_than_the_record_is_followed(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let client = back_end.sign_in().await;
    let lost = client.token.successor(&back_end.secret).successor(&back_end.secret);
    assert!(back_end.is_granted(&FIRST_USE, &lost).await, "its rotation was lost with a store that failed");
    assert_eq!(back_end.generation(&client.token).await, 3);
    assert_eq!(back_end.refreshed(&client.token).await.generation(), 3, "overtaken, as far as is known");
    back_end.elapse(GRACE).await;
    assert_eq!(back_end.refresh(&client.token).await, Rotation::Reused);
}

#[apply(session_back_ends)]
#[tokio::test(flavor = "multi_thread")]
async fn fifty_at_once_with_one_token_all_get_the_one_child(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let nodes = [back_end.another_node().await, back_end.another_node().await];
    let client = back_end.sign_in().await;
    let mut token = client.token;
    for round in 1..=3 {
        let rotations = (0..50).map(|number| {
            let sessions = nodes[number % nodes.len()].sessions.clone();
            let (chain, now) = (Chain::of(token.clone(), &back_end.secret), back_end.now());
            tokio::spawn(async move { sessions.rotate(&chain, &FIRST_USE, now).await.unwrap() })
        });
        for rotation in join_all(rotations).await {
            assert!(matches!(rotation.expect("no panic"), Rotation::Granted(_)));
        }
        assert_eq!(back_end.generation(&token).await, round, "one child, not fifty");
        token = token.successor(&back_end.secret);
    }
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_restart_forgets_no_rotation_and_no_confirmation(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let (first, second) = (back_end.sign_in().await, back_end.sign_in().await);
    let child = back_end.refreshed(&first.token).await;
    back_end.confirm(&child).await;
    back_end.refreshed(&second.token).await;

    let back_end = back_end.reopen().await;
    back_end.elapse(GRACE).await;
    assert_eq!(back_end.refresh(&first.token).await, Rotation::Reused);
    assert!(back_end.is_granted(&FIRST_USE, &second.token).await);
    let back_end = back_end.reopen().await;
    back_end.is_ended_by_theft(&[&first.token, &child]).await;
    assert_eq!(back_end.generation(&second.token).await, 1);
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_token_that_was_made_with_the_secret_alone_is_refused_and_changes_nothing(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let client = back_end.sign_in().await;
    let parent = back_end.refreshed(&client.token).await;
    let current = back_end.refreshed(&parent).await;
    back_end.confirm(&current).await;
    back_end.elapse(Duration::from_hours(1)).await;
    let before = back_end.find(client.session()).await;
    // Older than what is forgiven, the parent, the current one, and one of the future.
    let forged = RefreshToken::first(client.session(), &back_end.secret);
    for generation in [0, 1, 2, 7] {
        let forged = forged.of_generation(generation, &back_end.secret);
        assert_eq!(back_end.refresh(&forged).await, Rotation::Forged);
    }
    assert_eq!(back_end.find(client.session()).await, before);
    assert!(back_end.is_granted(&FIRST_USE, &current).await);
}

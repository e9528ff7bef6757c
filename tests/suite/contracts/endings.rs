//! How sessions end, and that nothing revives them.

use std::time::Duration;

use crate::support::backends::{BackEnd, GRACE, SessionsOn, SignedIn, session_back_ends};
use keyward::{
    domain::{
        app::AppName,
        ids::{SessionId, UserId},
        refresh_token::RefreshToken,
        session::EndReason,
    },
    store::sessions::{Confirmation, Ended, Ending, Rotation},
};
use rstest_reuse::apply;

impl BackEnd {
    async fn end_of_user(
        &self,
        user: UserId,
        except: Option<SessionId>,
        reason: EndReason,
    ) -> Vec<SessionId> {
        let ended = self.sessions.end_of_user(user, except, reason, self.now()).await;
        let mut ended = ended.expect("an answer");
        ended.sort();
        ended
    }

    async fn is_over(&self, client: &SignedIn, token: &RefreshToken, reason: EndReason) {
        assert_eq!(self.refresh(token).await, Rotation::Ended(reason));
        assert_eq!(self.confirm(token).await, Confirmation::Ended(reason));
        self.sessions.touch(client.session(), self.now()).await.expect("an answer");
        assert_eq!(self.find(client.session()).await, None);
        assert!(!self.ids_of_user(client.user).await.contains(&client.session()));
        let page = self.sessions.of_app(&AppName::default_app(), None, 100, self.now()).await;
        let page = page.expect("an answer");
        assert!(page.sessions.iter().all(|session| session.id != client.session()));
    }

    async fn is_alive(&self, client: &SignedIn) {
        assert!(self.find(client.session()).await.is_some());
        assert_eq!(self.confirm(&client.token).await, Confirmation::Seen);
        assert_eq!(self.refusal(&self.claims(client)).await, None);
    }
}

#[apply(session_back_ends)]
#[tokio::test]
async fn an_ended_session_is_over_and_nothing_revives_it(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let client = back_end.sign_in().await;
    let child = back_end.refreshed(&client.token).await;
    assert_eq!(back_end.end(client.session(), EndReason::Logout).await, Ended::Now);
    for token in [&client.token, &child, &child.successor(&back_end.secret)] {
        back_end.is_over(&client, token, EndReason::Logout).await;
    }
    back_end.is_over(&client, &child, EndReason::Logout).await;
    let back_end = back_end.reopen().await;
    back_end.is_over(&client, &child, EndReason::Logout).await;
}

#[apply(session_back_ends)]
#[tokio::test]
async fn ending_it_again_says_that_it_was_over_and_keeps_the_reason(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let client = back_end.sign_in().await;
    let owner = Some(client.user);
    let ending = Ending { session: client.session(), owner, token: None, reason: EndReason::Logout };
    assert_eq!(back_end.end_as(&ending).await, Ended::Now);
    assert_eq!(back_end.end_as(&ending).await, Ended::Before);
    assert_eq!(back_end.end(client.session(), EndReason::Admin).await, Ended::Before);
    back_end.is_over(&client, &client.token, EndReason::Logout).await;
    assert_eq!(back_end.refusal(&back_end.claims(&client)).await, Some(EndReason::Logout));
}

#[apply(session_back_ends)]
#[tokio::test]
async fn the_reason_is_told_until_the_session_would_have_expired(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let client = back_end.sign_in().await;
    back_end.elapse(Duration::from_hours(24)).await;
    let child = back_end.refreshed(&client.token).await;
    back_end.end(client.session(), EndReason::PasswordChanged).await;
    let moment = back_end.elapse_almost(back_end.lifetimes.refresh).await;
    back_end.is_over(&client, &child, EndReason::PasswordChanged).await;
    back_end.elapse(moment).await;
    assert_eq!(back_end.refresh(&child).await, Rotation::Expired);
}

#[apply(session_back_ends)]
#[tokio::test]
async fn every_access_token_of_an_ended_session_is_refused(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let (client, other) = (back_end.sign_in().await, back_end.sign_in().await);
    let (presented, sibling) = (back_end.claims(&client), back_end.claims(&client));
    let ending = Ending {
        session: client.session(),
        owner: Some(client.user),
        token: Some((presented.id, presented.expires_at)),
        reason: EndReason::Logout,
    };
    assert_eq!(back_end.refusal(&presented).await, None);
    assert_eq!(back_end.end_as(&ending).await, Ended::Now);
    assert_eq!(back_end.refusal(&presented).await, Some(EndReason::Logout));
    assert_eq!(back_end.refusal(&sibling).await, Some(EndReason::Logout));
    back_end.is_alive(&other).await;

    // By its own name, too: as if it were of another session.
    let alone = keyward::domain::claims::AccessClaims { session: other.session(), ..presented };
    assert_eq!(back_end.refusal(&alone).await, Some(EndReason::Logout));
}

#[apply(session_back_ends)]
#[tokio::test]
async fn without_an_owner_asked_for_an_unknown_sessions_tokens_are_refused_all_the_same(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let token = RefreshToken::first(SessionId::random(), &back_end.secret);
    let client = SignedIn { user: UserId::new(back_end.now()), token };
    let claims = back_end.claims(&client);
    let token = Some((claims.id, claims.expires_at));
    let ending = Ending { session: client.session(), owner: None, token, reason: EndReason::Logout };
    assert_eq!(back_end.end_as(&ending).await, Ended::Before);
    assert_eq!(back_end.refusal(&claims).await, Some(EndReason::Logout));
    assert_eq!(back_end.refusal(&back_end.claims(&client)).await, Some(EndReason::Logout));
    assert_eq!(back_end.find(client.session()).await, None);
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_session_whose_time_is_over_can_be_ended_all_the_same(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let client = back_end.sign_in().await;
    back_end.elapse(back_end.lifetimes.refresh).await;
    assert_eq!(back_end.end(client.session(), EndReason::Logout).await, Ended::Before);
    assert_eq!(back_end.refusal(&back_end.claims(&client)).await, Some(EndReason::Logout));
    let owner = Some(client.user);
    let ending = Ending { session: client.session(), owner, token: None, reason: EndReason::Logout };
    assert_eq!(back_end.end_as(&ending).await, Ended::NotFound, "but for its owner there is none");
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_session_of_another_owner_is_not_found_and_nothing_is_changed(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let (client, stranger) = (back_end.sign_in().await, back_end.sign_in().await);
    let claims = back_end.claims(&client);
    let unknown = SessionId::random();
    for session in [client.session(), unknown] {
        let token = Some((claims.id, claims.expires_at));
        let ending = Ending { session, owner: Some(stranger.user), token, reason: EndReason::Logout };
        assert_eq!(back_end.end_as(&ending).await, Ended::NotFound);
    }
    assert_eq!(back_end.refusal(&claims).await, None);
    back_end.is_alive(&client).await;
    assert!(back_end.set.snapshot(back_end.now()).is_empty());

    back_end.end(client.session(), EndReason::Logout).await;
    let owner = Some(stranger.user);
    let ending = Ending { session: client.session(), owner, token: None, reason: EndReason::Admin };
    assert_eq!(back_end.end_as(&ending).await, Ended::NotFound, "not when it is over either");
}

#[apply(session_back_ends)]
#[tokio::test]
async fn every_session_of_a_user_but_one_is_ended(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let user = UserId::new(back_end.now());
    let mut clients = Vec::new();
    for name in ["default", "default", "shop", "default"] {
        clients.push(back_end.sign_in_as(user, &AppName::parse(name).expect("a name")).await);
    }
    let stranger = back_end.sign_in().await;
    let kept = clients.remove(0);
    let before = clients.remove(0);
    back_end.end(before.session(), EndReason::Logout).await;

    let mut others: Vec<_> = clients.iter().map(SignedIn::session).collect();
    others.sort();
    let ended = back_end.end_of_user(user, Some(kept.session()), EndReason::PasswordChanged).await;
    assert_eq!(ended, others, "those that were alive");
    for client in &clients {
        back_end.is_over(client, &client.token, EndReason::PasswordChanged).await;
        assert_eq!(back_end.refusal(&back_end.claims(client)).await, Some(EndReason::PasswordChanged));
    }
    back_end.is_over(&before, &before.token, EndReason::Logout).await;
    back_end.is_alive(&kept).await;
    back_end.is_alive(&stranger).await;
}

#[apply(session_back_ends)]
#[tokio::test]
async fn every_session_of_a_user_is_ended(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let client = back_end.sign_in().await;
    let expired = client.clone();
    back_end.elapse(back_end.lifetimes.refresh).await;
    let present = back_end.sign_in_as(client.user, &AppName::default_app()).await;

    let ended = back_end.end_of_user(client.user, None, EndReason::LogoutAll).await;
    assert_eq!(ended, [present.session()], "not one whose time was over");
    assert_eq!(back_end.refresh(&expired.token).await, Rotation::Expired);
    back_end.is_over(&present, &present.token, EndReason::LogoutAll).await;
    assert!(back_end.end_of_user(client.user, None, EndReason::LogoutAll).await.is_empty());
    assert!(back_end.end_of_user(UserId::new(back_end.now()), None, EndReason::LogoutAll).await.is_empty());

    let again = back_end.sign_in_as(client.user, &AppName::default_app()).await;
    back_end.is_alive(&again).await;
}

#[apply(session_back_ends)]
#[tokio::test]
async fn theft_refuses_the_sessions_access_tokens(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let client = back_end.sign_in().await;
    let child = back_end.refreshed(&client.token).await;
    back_end.refreshed(&child).await;
    back_end.elapse(GRACE).await;
    let claims = back_end.claims(&client);
    assert_eq!(back_end.refresh(&client.token).await, Rotation::Reused);
    assert_eq!(back_end.refusal(&claims).await, Some(EndReason::ReuseDetected));
    back_end.is_over(&client, &child, EndReason::ReuseDetected).await;
}

//! How sessions end, and that nothing revives them.

use std::time::Duration;

use crate::support::backends::{GRACE, Home, SessionsOn, SignedIn, session_back_ends};
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

impl Home {
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
    let home = Home::on(on).await;
    let client = home.sign_in().await;
    let child = home.refreshed(&client.token).await;
    assert_eq!(home.end(client.session(), EndReason::Logout).await, Ended::Now);
    for token in [&client.token, &child, &child.successor(&home.secret)] {
        home.is_over(&client, token, EndReason::Logout).await;
    }
    home.is_over(&client, &child, EndReason::Logout).await;
    let home = home.reopen().await;
    home.is_over(&client, &child, EndReason::Logout).await;
}

#[apply(session_back_ends)]
#[tokio::test]
async fn ending_it_again_says_that_it_was_over_and_keeps_the_reason(on: SessionsOn) {
    let home = Home::on(on).await;
    let client = home.sign_in().await;
    let owner = Some(client.user);
    let ending = Ending { session: client.session(), owner, token: None, reason: EndReason::Logout };
    assert_eq!(home.end_as(&ending).await, Ended::Now);
    assert_eq!(home.end_as(&ending).await, Ended::Before);
    assert_eq!(home.end(client.session(), EndReason::Admin).await, Ended::Before);
    home.is_over(&client, &client.token, EndReason::Logout).await;
    assert_eq!(home.refusal(&home.claims(&client)).await, Some(EndReason::Logout));
}

#[apply(session_back_ends)]
#[tokio::test]
async fn the_reason_is_told_until_the_session_would_have_expired(on: SessionsOn) {
    let home = Home::on(on).await;
    let client = home.sign_in().await;
    home.elapse(Duration::from_hours(24)).await;
    let child = home.refreshed(&client.token).await;
    home.end(client.session(), EndReason::PasswordChanged).await;
    let moment = home.elapse_almost(home.lifetimes.refresh).await;
    home.is_over(&client, &child, EndReason::PasswordChanged).await;
    home.elapse(moment).await;
    assert_eq!(home.refresh(&child).await, Rotation::Expired);
}

#[apply(session_back_ends)]
#[tokio::test]
async fn every_access_token_of_an_ended_session_is_refused(on: SessionsOn) {
    let home = Home::on(on).await;
    let (client, other) = (home.sign_in().await, home.sign_in().await);
    let (presented, sibling) = (home.claims(&client), home.claims(&client));
    let ending = Ending {
        session: client.session(),
        owner: Some(client.user),
        token: Some((presented.id, presented.expires_at)),
        reason: EndReason::Logout,
    };
    assert_eq!(home.refusal(&presented).await, None);
    assert_eq!(home.end_as(&ending).await, Ended::Now);
    assert_eq!(home.refusal(&presented).await, Some(EndReason::Logout));
    assert_eq!(home.refusal(&sibling).await, Some(EndReason::Logout));
    home.is_alive(&other).await;

    // By its own name, too: as if it were of another session.
    let alone = keyward::domain::claims::AccessClaims { session: other.session(), ..presented };
    assert_eq!(home.refusal(&alone).await, Some(EndReason::Logout));
}

#[apply(session_back_ends)]
#[tokio::test]
async fn without_an_owner_asked_for_an_unknown_sessions_tokens_are_refused_all_the_same(on: SessionsOn) {
    let home = Home::on(on).await;
    let token = RefreshToken::first(SessionId::random(), &home.secret);
    let client = SignedIn { user: UserId::new(home.now()), token };
    let claims = home.claims(&client);
    let token = Some((claims.id, claims.expires_at));
    let ending = Ending { session: client.session(), owner: None, token, reason: EndReason::Logout };
    assert_eq!(home.end_as(&ending).await, Ended::Before);
    assert_eq!(home.refusal(&claims).await, Some(EndReason::Logout));
    assert_eq!(home.refusal(&home.claims(&client)).await, Some(EndReason::Logout));
    assert_eq!(home.find(client.session()).await, None);
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_session_whose_time_is_over_can_be_ended_all_the_same(on: SessionsOn) {
    let home = Home::on(on).await;
    let client = home.sign_in().await;
    home.elapse(home.lifetimes.refresh).await;
    assert_eq!(home.end(client.session(), EndReason::Logout).await, Ended::Before);
    assert_eq!(home.refusal(&home.claims(&client)).await, Some(EndReason::Logout));
    let owner = Some(client.user);
    let ending = Ending { session: client.session(), owner, token: None, reason: EndReason::Logout };
    assert_eq!(home.end_as(&ending).await, Ended::NotFound, "but for its owner there is none");
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_session_of_another_owner_is_not_found_and_nothing_is_changed(on: SessionsOn) {
    let home = Home::on(on).await;
    let (client, stranger) = (home.sign_in().await, home.sign_in().await);
    let claims = home.claims(&client);
    let unknown = SessionId::random();
    for session in [client.session(), unknown] {
        let token = Some((claims.id, claims.expires_at));
        let ending = Ending { session, owner: Some(stranger.user), token, reason: EndReason::Logout };
        assert_eq!(home.end_as(&ending).await, Ended::NotFound);
    }
    assert_eq!(home.refusal(&claims).await, None);
    home.is_alive(&client).await;
    assert!(home.set.snapshot(home.now()).is_empty());

    home.end(client.session(), EndReason::Logout).await;
    let owner = Some(stranger.user);
    let ending = Ending { session: client.session(), owner, token: None, reason: EndReason::Admin };
    assert_eq!(home.end_as(&ending).await, Ended::NotFound, "not when it is over either");
}

#[apply(session_back_ends)]
#[tokio::test]
async fn every_session_of_a_user_but_one_is_ended(on: SessionsOn) {
    let home = Home::on(on).await;
    let user = UserId::new(home.now());
    let mut clients = Vec::new();
    for name in ["default", "default", "shop", "default"] {
        clients.push(home.sign_in_as(user, &AppName::parse(name).expect("a name")).await);
    }
    let stranger = home.sign_in().await;
    let kept = clients.remove(0);
    let before = clients.remove(0);
    home.end(before.session(), EndReason::Logout).await;

    let mut others: Vec<_> = clients.iter().map(SignedIn::session).collect();
    others.sort();
    let ended = home.end_of_user(user, Some(kept.session()), EndReason::PasswordChanged).await;
    assert_eq!(ended, others, "those that were alive");
    for client in &clients {
        home.is_over(client, &client.token, EndReason::PasswordChanged).await;
        assert_eq!(home.refusal(&home.claims(client)).await, Some(EndReason::PasswordChanged));
    }
    home.is_over(&before, &before.token, EndReason::Logout).await;
    home.is_alive(&kept).await;
    home.is_alive(&stranger).await;
}

#[apply(session_back_ends)]
#[tokio::test]
async fn every_session_of_a_user_is_ended(on: SessionsOn) {
    let home = Home::on(on).await;
    let client = home.sign_in().await;
    let expired = client.clone();
    home.elapse(home.lifetimes.refresh).await;
    let present = home.sign_in_as(client.user, &AppName::default_app()).await;

    let ended = home.end_of_user(client.user, None, EndReason::LogoutAll).await;
    assert_eq!(ended, [present.session()], "not one whose time was over");
    assert_eq!(home.refresh(&expired.token).await, Rotation::Expired);
    home.is_over(&present, &present.token, EndReason::LogoutAll).await;
    assert!(home.end_of_user(client.user, None, EndReason::LogoutAll).await.is_empty());
    assert!(home.end_of_user(UserId::new(home.now()), None, EndReason::LogoutAll).await.is_empty());

    let again = home.sign_in_as(client.user, &AppName::default_app()).await;
    home.is_alive(&again).await;
}

#[apply(session_back_ends)]
#[tokio::test]
async fn theft_refuses_the_sessions_access_tokens(on: SessionsOn) {
    let home = Home::on(on).await;
    let client = home.sign_in().await;
    let child = home.refreshed(&client.token).await;
    home.refreshed(&child).await;
    home.elapse(GRACE).await;
    let claims = home.claims(&client);
    assert_eq!(home.refresh(&client.token).await, Rotation::Reused);
    assert_eq!(home.refusal(&claims).await, Some(EndReason::ReuseDetected));
    home.is_over(&client, &child, EndReason::ReuseDetected).await;
}

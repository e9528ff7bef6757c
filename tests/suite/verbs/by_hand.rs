//! What an operator writes into Redis by hand: a `blacklist:` key refuses all that leads to a session.

use crate::support::{
    actor::{PASSWORD, Server, USER, name, occasion, password, signed_in},
    backends::{BackEnd, SessionsOn, eventually},
};
use keyward::{
    auth::{error::AuthError, sign_in::login::Login},
    domain::{
        session::{Device, EndReason, Transport},
        session_token::SessionToken,
    },
};

async fn server() -> Server {
    Server::on(BackEnd::on(SessionsOn::Redis).await).await
}

async fn cookie(server: &Server) -> SessionToken {
    let device = Device::new(None, None, None);
    let login = Login {
        username: name(USER),
        password: password(PASSWORD),
        app: None,
        device,
        transport: Transport::Body,
        key: None,
        kept: Vec::new(),
    };
    signed_in(server.auth.login_to_session(login, &occasion()).await.expect("an answer")).token
}

/// Writes the key, and waits until the node has heard of it.
async fn refuse(server: &Server, key: &str) {
    server.back_end.keyspace().ask::<()>("SET", key, "admin EX 900");
    eventually("heard", || !server.back_end.set.snapshot(server.now()).is_empty()).await;
}

fn reason<T: std::fmt::Debug>(answer: Result<T, AuthError>) -> Option<EndReason> {
    answer.expect_err("refused").reason()
}

#[tokio::test]
async fn a_hand_written_key_of_a_session_stops_its_cookie() {
    let server = server().await;
    let token = cookie(&server).await;
    server.auth.identify_session(token.expose()).await.expect("passes");
    refuse(&server, &format!("blacklist:session:{}", token.session())).await;
    assert_eq!(reason(server.auth.identify_session(token.expose()).await), Some(EndReason::Admin));
    // It does not come back with the end of the key.
    server.back_end.keyspace().delete("blacklist:");
    assert_eq!(reason(server.auth.identify_session(token.expose()).await), Some(EndReason::Admin));
}

#[tokio::test]
async fn a_hand_written_key_of_a_user_stops_the_cookie() {
    let server = server().await;
    let token = cookie(&server).await;
    refuse(&server, &format!("blacklist:user:{}", server.user.id)).await;
    assert_eq!(reason(server.auth.identify_session(token.expose()).await), Some(EndReason::Admin));
}

#[tokio::test]
async fn a_hand_written_key_of_a_session_stops_its_refresh_token() {
    let server = server().await;
    let tokens = server.login().await;
    refuse(&server, &format!("blacklist:session:{}", tokens.session)).await;
    assert_eq!(reason(server.refresh(tokens.refresh_token.expose()).await.map(drop)), Some(EndReason::Admin));
    server.back_end.keyspace().delete("blacklist:");
    assert_eq!(reason(server.refresh(tokens.refresh_token.expose()).await.map(drop)), Some(EndReason::Admin));
}

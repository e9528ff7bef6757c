//! Sessions bound to a key, through the verbs and by a clock that stands still: proofs are good once, on all nodes, and
//! for a minute; and none is kept that its own session does not take.

use std::time::Duration;

use keyward::{
    auth::{Auth, error::AuthError, tokens::issue::TokenSet},
    domain::{
        key_proof::{KeyProof, KeyProofFault, KeyThumbprint},
        session::{Device, EndReason, Transport},
    },
};
use rstest_reuse::apply;

use crate::support::{
    actor::{Options, PASSWORD, Server, USER, name, occasion, password, signed_in},
    backends::{BackEnd, GRACE, SessionsOn, session_back_ends},
    client_key::ClientKey,
};

const REFRESH: &str = "http://127.0.0.1:8080/v1/refresh";

fn thumbprint(key: &ClientKey) -> KeyThumbprint {
    KeyThumbprint::parse(&key.thumbprint()).expect("a thumbprint")
}

async fn bound_to(server: &Server, key: &ClientKey) -> TokenSet {
    let login = keyward::auth::sign_in::login::Login {
        username: name(USER),
        password: password(PASSWORD),
        app: None,
        device: Device::new(None, None, None),
        transport: Transport::Body,
        key: Some(thumbprint(key)),
        kept: Vec::new(),
    };
    signed_in(server.auth.login(login, &occasion()).await.expect("an answer"))
}

/// Reads a proof of now.
fn proof(server: &Server, key: &ClientKey) -> KeyProof {
    let text = key.proof(REFRESH, server.now().secs());
    server.auth.key_proof(&text, "/v1/refresh").expect("a proof")
}

async fn refresh(auth: &Auth, tokens: &TokenSet, proof: Option<&KeyProof>) -> Result<TokenSet, AuthError> {
    auth.refresh(tokens.refresh_token.expose(), proof, auth.now(), &occasion()).await
}

#[track_caller]
fn is_unproved(outcome: Result<TokenSet, AuthError>, fault: KeyProofFault) {
    match outcome {
        Err(AuthError::Unproved(said)) => assert_eq!(said, fault),
        other => panic!("{:?}", other.map(|tokens| tokens.refresh_token)),
    }
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_proof_is_good_for_one_refresh_on_all_nodes(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let two = server.second_node(Options::default()).await;
    let key = ClientKey::es256();
    let first = bound_to(&server, &key).await;
    let proof = proof(&server, &key);
    let next = refresh(&server.auth, &first, Some(&proof)).await.expect("refreshed");
    for auth in [&server.auth, &two] {
        is_unproved(refresh(auth, &first, Some(&proof)).await, KeyProofFault::Used);
        is_unproved(refresh(auth, &next, Some(&proof)).await, KeyProofFault::Used);
    }
    // The same to the end of its time, whatever a node whose clock is behind thinks of that.
    server.elapse(Duration::from_mins(1)).await;
    is_unproved(refresh(&two, &next, Some(&proof)).await, KeyProofFault::Used);
    assert!(refresh(&two, &next, Some(&self::proof(&server, &key))).await.is_ok(), "nothing was lost");
}

/// It was read by a node that stood still then, until nobody remembers that another one has taken it.
#[apply(session_back_ends)]
#[tokio::test]
async fn a_proof_that_was_read_long_ago_is_not_taken(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let key = ClientKey::es256();
    let first = bound_to(&server, &key).await;
    let proof = proof(&server, &key);
    let next = refresh(&server.auth, &first, Some(&proof)).await.expect("refreshed");
    server.elapse(Duration::from_mins(3)).await;
    is_unproved(refresh(&server.auth, &next, Some(&proof)).await, KeyProofFault::Moment);
}

#[apply(session_back_ends)]
#[tokio::test]
async fn of_one_proof_shown_at_two_nodes_at_once_one_is_taken(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let two = server.second_node(Options::default()).await;
    let key = ClientKey::ed25519();
    let mut tokens = bound_to(&server, &key).await;
    for _ in 0..8 {
        let proof = proof(&server, &key);
        let (one, other) =
            tokio::join!(refresh(&server.auth, &tokens, Some(&proof)), refresh(&two, &tokens, Some(&proof)));
        let (good, bad) = if one.is_ok() { (one, other) } else { (other, one) };
        is_unproved(bad, KeyProofFault::Used);
        tokens = good.expect("one of them");
    }
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_thief_without_the_key_gets_nothing_and_ends_nothing(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let (key, thiefs) = (ClientKey::es256(), ClientKey::es256());
    let first = bound_to(&server, &key).await;
    let next = refresh(&server.auth, &first, Some(&proof(&server, &key))).await.expect("refreshed");
    server.check(&next.access_token).await.expect("good");
    server.elapse(GRACE * 2).await;
    for stolen in [&first, &next] {
        is_unproved(refresh(&server.auth, stolen, None).await, KeyProofFault::Missing);
        let other = proof(&server, &thiefs);
        is_unproved(refresh(&server.auth, stolen, Some(&other)).await, KeyProofFault::OtherKey);
    }
    server.check(&next.access_token).await.expect("the session lives");
    let again = refresh(&server.auth, &next, Some(&proof(&server, &key))).await.expect("and goes on");
    let claims = server.auth.identify(&again.access_token).await.expect("good");
    assert_eq!(claims.claims().bound_to, Some(thumbprint(&key)));
    let late = refresh(&server.auth, &first, Some(&proof(&server, &key))).await;
    assert!(matches!(late, Err(AuthError::RefreshReused)), "with the key a replaced token is theft");
    let ended = refresh(&server.auth, &again, Some(&proof(&server, &key))).await;
    assert!(matches!(ended, Err(AuthError::SessionEnded(EndReason::ReuseDetected))));
}

/// Else whoever saw a proof could spend it before its owner does, and a flood of proofs could fill the store.
#[apply(session_back_ends)]
#[tokio::test]
async fn a_proof_is_spent_by_the_session_of_its_key_alone(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let (key, others) = (ClientKey::es256(), ClientKey::es256());
    let (owner, other) = (bound_to(&server, &key).await, bound_to(&server, &others).await);
    let unbound = server.login().await;
    let seen = proof(&server, &key);
    is_unproved(refresh(&server.auth, &other, Some(&seen)).await, KeyProofFault::OtherKey);
    assert!(
        refresh(&server.auth, &unbound, Some(&seen)).await.is_ok(),
        "where nothing is bound it counts for nothing"
    );
    server.logout(None, Some(other.refresh_token.expose())).await;
    assert!(refresh(&server.auth, &other, Some(&seen)).await.is_err());
    // Another key's proof of the same name is another proof.
    let named = KeyProof { key: thumbprint(&others), ..seen.clone() };
    let third = bound_to(&server, &others).await;
    assert!(refresh(&server.auth, &third, Some(&named)).await.is_ok());
    assert!(refresh(&server.auth, &owner, Some(&seen)).await.is_ok(), "still good for its owner");
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_lost_answer_is_asked_for_again_with_a_new_proof(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let key = ClientKey::es256();
    let first = bound_to(&server, &key).await;
    let lost = refresh(&server.auth, &first, Some(&proof(&server, &key))).await.expect("refreshed");
    server.elapse(Duration::from_hours(1)).await;
    let again = refresh(&server.auth, &first, Some(&proof(&server, &key))).await.expect("refreshed");
    assert_eq!(again.refresh_token, lost.refresh_token);
}

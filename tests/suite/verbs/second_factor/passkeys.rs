//! Passkeys where time, nodes and stores come in. The numbers are those of the attacks.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::future::join_all;
use keyward::{
    auth::{
        Auth,
        error::AuthError,
        factors::passkey_answer::{PasskeyAssertion, PasskeyAttestation},
        sign_in::{
            answer::{ChallengeOffer, SecondProof},
            passkey::PasskeyAsked,
        },
        tokens::issue::TokenSet,
    },
    domain::{
        app::AppName,
        session::Transport,
        sign_in::{Method, Methods, SecondFactor},
    },
};
use rstest_reuse::apply;
use rusqlite::Connection;
use serde_json::{Value, json};
use url::Url;

use super::{HandedOut, add_app, begin, begin_at, code, decide};
use crate::support::{
    actor::{Options, Server, occasion},
    authenticator::{Authenticator, BOUND, COPIED},
    backends::{BackEnd, SessionsOn, session_back_ends},
};

const LIFE: Duration = Duration::from_mins(10);

fn key(server: &Server) -> Authenticator {
    let url = Url::parse(server.auth.keys().issuer()).expect("a URL");
    Authenticator::es256(url.host_str().expect("a host"), &url.origin().ascii_serialization())
}

fn options(challenge: &str) -> Value {
    json!({ "challenge": challenge })
}

async fn enrol(server: &Server, tokens: &TokenSet, key: &mut Authenticator) -> Result<usize, AuthError> {
    let caller = server.auth.identify(&tokens.access_token).await.expect("signed in");
    let begun = server.auth.begin_passkey(&caller).await?;
    let user = URL_SAFE_NO_PAD.encode(begun.user.uuid());
    let made = key.create(&json!({ "challenge": begun.challenge, "user": { "id": user } }));
    let made = PasskeyAttestation::parse(made).expect("a form");
    Ok(server.auth.confirm_passkey(&caller, &made, &occasion()).await?.len())
}

/// The user of a server, with a passkey.
async fn owner(server: &Server, flags: u8) -> Authenticator {
    let mut key = Authenticator { flags, counter: u32::from(flags == BOUND), ..key(server) };
    assert_eq!(enrol(server, &server.login().await, &mut key).await.expect("enrolled"), 10);
    key
}

async fn asks(auth: &Auth) -> PasskeyAsked {
    let app = AppName::default_app();
    auth.begin_passkey_sign_in(&app, Transport::Body, Some("phone"), None).await.expect("begun")
}

async fn shows(auth: &Auth, token: &str, shown: &Value) -> Result<TokenSet, AuthError> {
    let attempt = auth.attempt(token)?;
    let proof = SecondProof::Passkey(Box::new(PasskeyAssertion::parse(shown.clone())?));
    match auth.answer(attempt, proof, &occasion()).await? {
        HandedOut::Tokens(tokens) => Ok(tokens),
        HandedOut::Session(_) => panic!("tokens were asked for"),
    }
}

async fn signs_in(auth: &Auth, key: &Authenticator) -> Result<TokenSet, AuthError> {
    let asked = asks(auth).await;
    shows(auth, asked.token.expose(), &key.get(&options(&asked.request.challenge))).await
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_passkey_alone_is_two_factors_and_satisfies_every_policy_on_every_node(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let other = server.second_node(Options::default()).await;
    let key = owner(&server, COPIED).await;
    for asked in [SecondFactor::Required, SecondFactor::Optional, SecondFactor::Off] {
        decide(&server, "default", asked).await;
        let begun = asks(&server.auth).await;
        let shown = key.get(&options(&begun.request.challenge));
        let tokens = shows(&other, begun.token.expose(), &shown).await.expect("signed in");
        let session = server.back_end.find(tokens.session).await.expect("a session");
        assert_eq!(session.facts.proved.methods, Methods::of(&[Method::Passkey]));
        assert_eq!(session.facts.device.name.as_deref(), Some("phone"));
    }
}

/// 17: whoever answers with one signature at the same moment, on two nodes.
#[apply(session_back_ends)]
#[tokio::test]
async fn of_all_who_show_one_answer_one_is_let_in(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let nodes = [server.auth.clone(), server.second_node(Options::default()).await];
    let key = owner(&server, COPIED).await;
    let asked = asks(&server.auth).await;
    let shown = key.get(&options(&asked.request.challenge));
    let shows = (0..8).map(|number: usize| shows(&nodes[number % 2], asked.token.expose(), &shown));
    let codes: Vec<_> = join_all(shows).await.iter().map(code).collect();
    assert_eq!(codes.iter().filter(|code| **code == "granted").count(), 1, "{codes:?}");
    assert!(codes.iter().all(|code| ["granted", "token_invalid"].contains(code)), "{codes:?}");
}

/// 17: a key of one device that was copied all the same.
#[apply(session_back_ends)]
#[tokio::test]
async fn a_count_that_does_not_rise_refuses_keys_of_one_device_alone(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let mut key = owner(&server, BOUND).await;
    for (counter, said) in
        [(5, "granted"), (5, "wrong_code"), (4, "wrong_code"), (0, "wrong_code"), (6, "granted")]
    {
        key.counter = counter;
        assert_eq!(code(&signs_in(&server.auth, &key).await), said, "{counter}");
    }
    // It becomes one that is copied, and stays one.
    for (flags, counter, said) in
        [(COPIED, 3, "granted"), (COPIED, 0, "granted"), (BOUND, 9, "wrong_code"), (COPIED, 2, "granted")]
    {
        (key.flags, key.counter) = (flags, counter);
        assert_eq!(code(&signs_in(&server.auth, &key).await), said, "{flags} {counter}");
    }
}

/// 17: two sign-ins at once, one of them by the copy.
#[tokio::test]
async fn of_two_uses_with_one_count_at_once_one_is_let_in() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    let other = server.second_node(Options::default()).await;
    let mut key = owner(&server, BOUND).await;
    for counter in 2..6 {
        key.counter = counter;
        let both = [signs_in(&server.auth, &key), signs_in(&other, &key)];
        let codes: Vec<_> = join_all(both).await.iter().map(code).collect();
        assert_eq!(codes.iter().filter(|code| **code == "granted").count(), 1, "{codes:?}");
    }
}

#[tokio::test]
async fn a_challenge_is_good_for_ten_minutes() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    let key = owner(&server, COPIED).await;
    let (early, late) = (asks(&server.auth).await, asks(&server.auth).await);
    server.elapse(LIFE.checked_sub(Duration::from_secs(1)).expect("longer")).await;
    let shown = key.get(&options(&early.request.challenge));
    shows(&server.auth, early.token.expose(), &shown).await.expect("in time");
    let fresh = asks(&server.auth).await;
    server.elapse(Duration::from_secs(1)).await;
    let shown = key.get(&options(&late.request.challenge));
    assert_eq!(code(&shows(&server.auth, late.token.expose(), &shown).await), "token_expired");
    assert_eq!(code(&shows(&server.auth, fresh.token.expose(), &shown).await), "wrong_code");

    let tokens = signs_in(&server.auth, &key).await.expect("signed in");
    let caller = server.auth.identify(&tokens.access_token).await.expect("signed in");
    let mut second = self::key(&server);
    let begun = server.auth.begin_passkey(&caller).await.expect("begun");
    let user = URL_SAFE_NO_PAD.encode(begun.user.uuid());
    let made = second.create(&json!({ "challenge": begun.challenge, "user": { "id": user } }));
    server.elapse(LIFE).await;
    let made = PasskeyAttestation::parse(made).expect("a form");
    let late = server.auth.confirm_passkey(&caller, &made, &occasion()).await;
    assert_eq!(code(&late), "wrong_code");
}

/// 8: the second half of a sign-in is that of the password it was begun with; one without a name has none.
#[tokio::test]
async fn the_second_half_by_a_passkey_is_that_of_its_attempt() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    let key = owner(&server, COPIED).await;
    let (first, second) = (begin(&server.auth).await, begin(&server.auth).await);
    assert_eq!(first.methods, Methods::of(&[Method::RecoveryCode, Method::Passkey]));
    let challenge = async |token: &str| {
        let attempt = server.auth.attempt(token).expect("an attempt");
        match server.auth.challenge(&attempt, Method::Passkey).await.expect("asked") {
            ChallengeOffer::Passkey(request) => options(&request.challenge),
            ChallengeOffer::Typed(_) => panic!("a passkey was asked for"),
        }
    };
    let shown = key.get(&challenge(first.token.expose()).await);
    assert_eq!(code(&shows(&server.auth, second.token.expose(), &shown).await), "wrong_code");
    let alone = asks(&server.auth).await;
    assert_eq!(code(&shows(&server.auth, alone.token.expose(), &shown).await), "wrong_code");
    shows(&server.auth, first.token.expose(), &shown).await.expect("signed in");
    // 18: an app that asks for nothing more is told nothing more.
    add_app(&server, "strict").await;
    decide(&server, "strict", SecondFactor::Required).await;
    let asked = begin_at(&server.auth, Some("strict")).await;
    let shown = key.get(&challenge(asked.token.expose()).await);
    shows(&server.auth, asked.token.expose(), &shown).await.expect("signed in");
}

/// 19: what stands in the database opens nothing, and what is written into it neither.
#[tokio::test]
async fn a_key_that_was_put_in_the_place_of_another_is_no_key() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    let (first, mut second) = (owner(&server, COPIED).await, key(&server));
    let tokens = signs_in(&server.auth, &first).await.expect("signed in");
    enrol(&server, &tokens, &mut second).await.expect("enrolled");
    let file = Connection::open(server.accounts_file()).expect("opened");
    let ids = "SELECT count(*) FROM factors WHERE instr(sealed, ?1) > 0";
    let id = URL_SAFE_NO_PAD.encode(&first.id);
    assert_eq!(file.query_row(ids, [id], |row| row.get::<_, i64>(0)).expect("counted"), 0);
    let same = "UPDATE factors SET sealed = (SELECT max(sealed) FROM factors)";
    assert_eq!(file.execute(same, []).expect("moved"), 2);
    let by_first = signs_in(&server.auth, &first).await;
    let codes = [code(&by_first), code(&signs_in(&server.auth, &second).await)];
    assert!(codes == ["granted", "internal"] || codes == ["internal", "granted"], "{codes:?}");
}

#[tokio::test]
async fn an_account_has_so_many_passkeys_and_no_more() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    let first = owner(&server, COPIED).await;
    let tokens = signs_in(&server.auth, &first).await.expect("signed in");
    for _ in 1..32 {
        assert_eq!(enrol(&server, &tokens, &mut key(&server)).await.expect("enrolled"), 0);
    }
    assert_eq!(code(&enrol(&server, &tokens, &mut key(&server)).await), "conflict");
}

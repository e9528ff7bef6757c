//! Signing in with a second factor: what it opens, and what whoever has only the password can do. The numbers in
//! comments are those of the attacks that each test stands for in the review of the sign-in.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use keyward::{
    auth::{
        Auth,
        apps::{AppUpdate, NewApp},
        error::AuthError,
        sign_in::{
            answer::{HandedOut, SecondProof},
            attempt::SecondFactorAsked,
            login::{Login, LoginOutcome},
        },
        tokens::issue::TokenSet,
    },
    domain::{
        app::AppName,
        app_policy::{PolicyChange, PolicyEdit},
        event::{EventFilter, EventKind},
        recovery_code::RecoveryCode,
        session::{Device, Transport},
        sign_in::{Method, Methods, SecondFactor},
        totp_code::TotpCode,
    },
};
use rstest_reuse::apply;
use rusqlite::Connection;
use totp_rs::{Builder, Secret, Totp};

use crate::support::{
    actor::{Options, PASSWORD, Server, USER, name, occasion, password},
    backends::{BackEnd, SessionsOn, session_back_ends},
};

const STEP: Duration = Duration::from_secs(30);
const BOTH: Methods = Methods::of(&[Method::Totp, Method::RecoveryCode]);

/// The user of a server, with an authenticator app.
pub(super) struct Owner {
    app: Totp,
    codes: Vec<RecoveryCode>,
    tokens: TokenSet,
}

impl Owner {
    /// Sets it all up, and lets the step pass whose code did that.
    pub(super) async fn of(server: &Server) -> Self {
        let owner = Self::just_enrolled(server).await;
        server.elapse(STEP * 2).await;
        owner
    }

    async fn just_enrolled(server: &Server) -> Self {
        let tokens = server.login().await;
        let caller = server.auth.identify(&tokens.access_token).await.expect("signed in");
        let begun = server.auth.begin_totp(&caller).await.expect("begun");
        let secret = Secret::try_from_base32(begun.secret.as_str()).expect("base 32");
        let app = Builder::new().with_secret(secret).build_noncompliant();
        let code = code_of(&app, server, 0);
        let codes = server.auth.confirm_totp(&caller, &code, &occasion()).await.expect("confirmed");
        Self { app, codes, tokens }
    }

    /// The code of now, or so many steps later.
    pub(super) fn totp(&self, server: &Server, steps: i64) -> SecondProof {
        SecondProof::Totp(code_of(&self.app, server, steps))
    }

    pub(super) fn recovery(&self, place: usize) -> SecondProof {
        SecondProof::RecoveryCode(self.codes[place].clone())
    }
}

fn code_of(app: &Totp, server: &Server, steps: i64) -> TotpCode {
    let at = u64::try_from(server.now().secs() + 30 * steps).expect("after 1970");
    TotpCode::parse(&app.generate(at).to_string()).expect("six digits")
}

/// A code that is none of those that are good now.
pub(super) fn wrong(owner: &Owner, server: &Server) -> SecondProof {
    let good: Vec<String> =
        (-1..=1).map(|steps| code_of(&owner.app, server, steps).expose().to_owned()).collect();
    let code = (0..9).map(|number: u32| format!("{number:06}")).find(|code| !good.contains(code));
    SecondProof::Totp(TotpCode::parse(&code.expect("one of them")).expect("six digits"))
}

fn login(app: Option<&str>, transport: Transport) -> Login {
    Login {
        username: name(USER),
        password: password(PASSWORD),
        app: app.map(|app| AppName::parse(app).expect("a name")),
        device: Device::new(Some("laptop"), "192.0.2.1".parse().ok(), None),
        transport,
        kept: Vec::new(),
    }
}

async fn begin(auth: &Auth) -> SecondFactorAsked {
    begin_at(auth, None).await
}

async fn begin_at(auth: &Auth, app: Option<&str>) -> SecondFactorAsked {
    match auth.login(login(app, Transport::Body), &occasion()).await.expect("the right password") {
        LoginOutcome::Needs(asked) => asked,
        LoginOutcome::SignedIn(_) => panic!("no more was asked for"),
    }
}

async fn answer(auth: &Auth, asked: &SecondFactorAsked, proof: SecondProof) -> Result<TokenSet, AuthError> {
    let attempt = auth.attempt(asked.token.expose())?;
    match auth.answer(attempt, proof, &occasion()).await? {
        HandedOut::Tokens(tokens) => Ok(tokens),
        HandedOut::Session(_) => panic!("tokens were asked for"),
    }
}

fn code<T>(answer: &Result<T, AuthError>) -> &'static str {
    answer.as_ref().err().map_or("granted", AuthError::code)
}

async fn decide(server: &Server, app: &str, asked: SecondFactor) {
    let policy = PolicyChange { mfa: PolicyEdit::Take(asked), ..PolicyChange::default() };
    let update = AppUpdate { policy, ..AppUpdate::default() };
    let app = AppName::parse(app).expect("a name");
    server.auth.update_app(&app, update, &occasion()).await.expect("changed");
}

async fn add_app(server: &Server, app: &str) {
    let name = AppName::parse(app).expect("a name");
    let new = NewApp { name, confidential: false, origins: Vec::new() };
    server.auth.add_app(new, &occasion()).await.expect("added");
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_second_factor_is_asked_of_who_has_one_and_opens_what_was_asked_for(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let owner = Owner::of(&server).await;
    let before = server.back_end.ids_of_user(server.user.id).await.len();
    let asked = begin(&server.auth).await;
    assert_eq!((asked.methods, asked.expires_in), (BOTH, Duration::from_mins(10)));
    assert_eq!(server.back_end.ids_of_user(server.user.id).await.len(), before, "nothing is open yet");

    let tokens = answer(&server.auth, &asked, owner.totp(&server, 0)).await.expect("signed in");
    server.check(&tokens.access_token).await.expect("passes");
    server.refresh(tokens.refresh_token.expose()).await.expect("goes on");
    let session = server.back_end.find(tokens.session).await.expect("a session");
    assert_eq!(session.facts.proved, Methods::of(&[Method::Password, Method::Totp]));
    assert_eq!(session.facts.device.name.as_deref(), Some("laptop"), "as the sign-in began");

    let asked = match server.auth.login_to_session(login(None, Transport::Session), &occasion()).await {
        Ok(LoginOutcome::Needs(asked)) => asked,
        other => panic!("{other:?}"),
    };
    let attempt = server.auth.attempt(asked.token.expose()).expect("an attempt");
    assert_eq!(attempt.transport(), Transport::Session);
    match server.auth.answer(attempt, owner.recovery(0), &occasion()).await.expect("signed in") {
        HandedOut::Session(granted) => {
            let session = server.back_end.find(granted.token.session()).await.expect("a session");
            assert_eq!(session.facts.proved, Methods::of(&[Method::Password, Method::RecoveryCode]));
        }
        HandedOut::Tokens(_) => panic!("a session was asked for"),
    }
}

/// 2: a code that was seen over a shoulder.
#[apply(session_back_ends)]
#[tokio::test]
async fn a_step_of_an_app_is_accepted_once_on_all_nodes(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let other = server.second_node(Options::default()).await;
    let owner = Owner::just_enrolled(&server).await;
    let replayed = answer(&server.auth, &begin(&server.auth).await, owner.totp(&server, 0)).await;
    assert_eq!(code(&replayed), "wrong_code", "it has set the app up");

    server.elapse(STEP).await;
    answer(&server.auth, &begin(&server.auth).await, owner.totp(&server, 0)).await.expect("another step");
    for auth in [&server.auth, &other] {
        let replayed = answer(auth, &begin(auth).await, owner.totp(&server, 0)).await;
        assert_eq!(code(&replayed), "wrong_code");
    }
    // A step early, and then no more once its time has come.
    answer(&other, &begin(&server.auth).await, owner.totp(&server, 1)).await.expect("a step early");
    server.elapse(STEP).await;
    let replayed = answer(&server.auth, &begin(&other).await, owner.totp(&server, 0)).await;
    assert_eq!(code(&replayed), "wrong_code");
}

/// 2, 3: the same code twice at the same moment.
#[apply(session_back_ends)]
#[tokio::test]
async fn of_attempts_that_answer_with_one_code_at_once_one_is_let_in(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let nodes = [server.auth.clone(), server.second_node(Options::default()).await];
    let owner = Owner::of(&server).await;
    for round in 0..2 {
        let mut attempts = Vec::new();
        for _ in 0..6 {
            attempts.push(begin(&server.auth).await);
        }
        let answers = attempts.iter().enumerate().map(|(number, asked)| {
            let proof = if round == 0 { owner.totp(&server, 0) } else { owner.recovery(1) };
            answer(&nodes[number % 2], asked, proof)
        });
        let answers: Vec<_> = join_all(answers).await.iter().map(code).collect();
        assert_eq!(answers.iter().filter(|code| **code == "granted").count(), 1, "{answers:?}");
        assert_eq!(answers.iter().filter(|code| **code == "wrong_code").count(), 5, "{answers:?}");
    }
}

/// 3: an attempt that is answered again.
#[apply(session_back_ends)]
#[tokio::test]
async fn an_attempt_is_good_for_one_session(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let nodes = [server.auth.clone(), server.second_node(Options::default()).await];
    let owner = Owner::of(&server).await;
    let asked = begin(&server.auth).await;
    // The same code over and over, as who has lost the answer does; and codes that are right by themselves.
    let answers = (0..6).map(|number: usize| {
        let proof = if number < 3 { owner.totp(&server, 0) } else { owner.recovery(number) };
        answer(&nodes[number % 2], &asked, proof)
    });
    let answers = join_all(answers).await;
    let codes: Vec<_> = answers.iter().map(code).collect();
    assert_eq!(codes.iter().filter(|code| **code == "granted").count(), 1, "{codes:?}");
    assert!(codes.iter().all(|code| ["granted", "token_invalid"].contains(code)), "{codes:?}");
    assert_eq!(server.back_end.ids_of_user(server.user.id).await.len(), 2, "that of the enrolment, and one");
    let late = answer(&server.auth, &asked, owner.recovery(8)).await;
    assert_eq!(code(&late), "token_invalid");
}

/// 1: guessing, by many attempts at once, from many nodes.
#[apply(session_back_ends)]
#[tokio::test]
async fn guesses_are_counted_for_the_account_over_all_attempts(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    // Embedded, one process counts.
    let other = match on {
        SessionsOn::Sqlite => server.auth.clone(),
        SessionsOn::Redis | SessionsOn::Cluster => server.second_node(Options::default()).await,
    };
    let nodes = [server.auth.clone(), other];
    let owner = Owner::of(&server).await;
    let mut attempts = Vec::new();
    for _ in 0..5 {
        attempts.push(begin(&server.auth).await);
    }
    let guesses = (0..40)
        .map(|number: usize| answer(&nodes[number % 2], &attempts[number % 5], wrong(&owner, &server)));
    let guesses: Vec<_> = join_all(guesses).await.iter().map(code).collect();
    assert_eq!(guesses.iter().filter(|code| **code == "wrong_code").count(), 10, "{guesses:?}");
    assert_eq!(guesses.iter().filter(|code| **code == "too_many_attempts").count(), 30, "{guesses:?}");
    let refused = answer(&server.auth, &begin(&server.auth).await, owner.totp(&server, 0)).await;
    assert_eq!(code(&refused), "too_many_attempts", "the right one too");
    let kind = Some(EventKind::LockedOut);
    let told = server.auth.events(&EventFilter { kind, ..EventFilter::default() }, None, 10).await;
    assert_eq!(told.expect("a list").events[0].reason.as_deref(), Some("factor_locked_out"));

    server.elapse(Duration::from_mins(15)).await;
    answer(&server.auth, &begin(&server.auth).await, owner.totp(&server, 0)).await.expect("a new window");
}

/// 1: guessing slowly.
#[tokio::test]
async fn a_hundred_wrong_codes_in_a_row_lock_the_second_factor_until_it_is_unlocked() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    let owner = Owner::of(&server).await;
    for _ in 0..10 {
        let asked = begin(&server.auth).await;
        for _ in 0..10 {
            assert_eq!(code(&answer(&server.auth, &asked, wrong(&owner, &server)).await), "wrong_code");
        }
        server.elapse(Duration::from_mins(15)).await;
    }
    let refused = answer(&server.auth, &begin(&server.auth).await, owner.totp(&server, 0)).await;
    assert_eq!(code(&refused), "too_many_attempts");
    server.auth.unlock(&name(USER), &occasion()).await.expect("unlocked");
    answer(&server.auth, &begin(&server.auth).await, owner.totp(&server, 0))
        .await
        .expect("the owner is back");
}

/// 4: a code of one's own, for somebody else's attempt.
#[tokio::test]
async fn a_code_answers_for_its_own_account_alone() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    let victim = Owner::of(&server).await;
    let new = keyward::auth::accounts::NewAccount {
        username: name("mallory"),
        password: password(PASSWORD),
        email: None,
        roles: Vec::new(),
    };
    server.auth.add_account(new, &occasion()).await.expect("added");
    let tokens = server.try_login("mallory", PASSWORD, None).await.expect("signed in");
    let caller = server.auth.identify(&tokens.access_token).await.expect("signed in");
    let begun = server.auth.begin_totp(&caller).await.expect("begun");
    let secret = Secret::try_from_base32(begun.secret.as_str()).expect("base 32");
    let app = Builder::new().with_secret(secret).build_noncompliant();
    let codes =
        server.auth.confirm_totp(&caller, &code_of(&app, &server, 0), &occasion()).await.expect("done");
    server.elapse(STEP * 2).await;

    let asked = begin(&server.auth).await;
    let own = [SecondProof::Totp(code_of(&app, &server, 0)), SecondProof::RecoveryCode(codes[0].clone())];
    for proof in own {
        assert_eq!(code(&answer(&server.auth, &asked, proof).await), "wrong_code");
    }
    answer(&server.auth, &asked, victim.totp(&server, 0)).await.expect("the owner's");
}

/// 7: the token of an attempt where other tokens go.
#[tokio::test]
async fn an_attempt_opens_nothing_else_and_nothing_else_is_one() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    let owner = Owner::of(&server).await;
    let asked = begin(&server.auth).await;
    let token = asked.token.expose();
    assert_eq!(code(&server.check(token).await), "token_invalid");
    assert_eq!(code(&server.refresh(token).await), "refresh_invalid");
    assert!(!format!("{asked:?}").contains(&token[4..]), "it is not printed");
    let sealer = server.auth.keys().sealer();
    let purpose = keyward::keys::sealer::Purpose::new("totp secret", "");
    let foreign = format!("kwm_{}", sealer.seal(purpose, b"{}").expect("sealed"));
    let (mut changed, last) = (token.to_owned(), token.len() - 1);
    changed.replace_range(last..=last, if token.ends_with('A') { "B" } else { "A" });
    let others =
        [owner.tokens.access_token.as_str(), owner.tokens.refresh_token.expose(), &foreign, &changed];
    for other in others.into_iter().chain(["", "kwm_", &token[4..]]) {
        assert_eq!(code(&server.auth.attempt(other)), "token_invalid", "{other}");
    }
}

/// 8: what was changed between the two steps.
#[apply(session_back_ends)]
#[tokio::test]
async fn an_attempt_dies_with_what_it_was_begun_with(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let owner = Owner::of(&server).await;
    add_app(&server, "shop").await;

    let (late, gone) = (begin(&server.auth).await, begin_at(&server.auth, Some("shop")).await);
    let shop = AppName::parse("shop").expect("a name");
    server.auth.remove_app(&shop, &occasion()).await.expect("removed");
    server.elapse(Duration::from_millis(1)).await;
    add_app(&server, "shop").await;
    let of_another_app = answer(&server.auth, &gone, owner.totp(&server, 0)).await;
    assert_eq!(code(&of_another_app), "invalid_request", "an app of the same name is another");
    server.elapse(Duration::from_mins(10)).await;
    assert_eq!(code(&answer(&server.auth, &late, owner.totp(&server, 0)).await), "token_expired");

    let disabled = begin(&server.auth).await;
    server.auth.disable(server.user.id, &occasion()).await.expect("disabled");
    assert_eq!(code(&answer(&server.auth, &disabled, owner.totp(&server, 0)).await), "account_disabled");
    let at_once = server.auth.login(login(None, Transport::Body), &occasion()).await;
    assert_eq!(code(&at_once), "account_disabled", "said before a second factor is asked for");
    server.auth.enable(server.user.id, &occasion()).await.expect("enabled");

    let stolen = begin(&server.auth).await;
    let new = password("another passphrase of seven odd words");
    server.auth.set_password(&server.user, &new, &occasion()).await.expect("set");
    let refused = answer(&server.auth, &stolen, owner.totp(&server, 0)).await;
    assert_eq!(code(&refused), "token_revoked");
    assert!(server.back_end.ids_of_user(server.user.id).await.is_empty());
}

/// 8: the password is changed while the second factor is on its way.
#[apply(session_back_ends)]
#[tokio::test]
async fn no_session_of_an_attempt_survives_a_password_change_beside_it(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let owner = Owner::of(&server).await;
    for round in 0..4 {
        let typed = if round == 0 { PASSWORD.to_owned() } else { format!("{PASSWORD} {round}") };
        let sign_in = Login { password: password(&typed), ..login(None, Transport::Body) };
        let asked = match server.auth.login(sign_in, &occasion()).await.expect("the right password") {
            LoginOutcome::Needs(asked) => asked,
            LoginOutcome::SignedIn(_) => panic!("no more was asked for"),
        };
        let new = password(&format!("{PASSWORD} {}", round + 1));
        let occasion = occasion();
        let set = server.auth.set_password(&server.user, &new, &occasion);
        let (answered, set) = tokio::join!(answer(&server.auth, &asked, owner.recovery(round)), set);
        set.expect("set");
        if let Ok(tokens) = answered {
            let refused = server.check(&tokens.access_token).await;
            assert_eq!(code(&refused), "token_revoked", "it was let in before, and is out now");
        }
        assert!(server.back_end.ids_of_user(server.user.id).await.is_empty());
    }
}

/// 16: factors are changed by a sign-in of a moment ago, with both.
#[apply(session_back_ends)]
#[tokio::test]
async fn factors_are_changed_by_a_recent_sign_in_with_both(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let owner = Owner::of(&server).await;
    let id = server.auth.factors_of(server.user.id).await.expect("a list").totp().expect("one").id;
    let weak = "insufficient_user_authentication";
    // The password alone opened it, before there was a factor; and where none is asked for.
    add_app(&server, "lax").await;
    decide(&server, "lax", SecondFactor::Off).await;
    let lax = server.auth.login(login(Some("lax"), Transport::Body), &occasion()).await.expect("an answer");
    let LoginOutcome::SignedIn(lax) = lax else { panic!("it asks for none") };
    for tokens in [&owner.tokens, &lax] {
        let caller = server.auth.identify(&tokens.access_token).await.expect("signed in");
        assert_eq!(code(&server.auth.begin_totp(&caller).await), weak);
        assert_eq!(code(&server.auth.remove_factor(&caller, id, &occasion()).await), weak);
        assert_eq!(code(&server.auth.renew_recovery_codes(&caller, &occasion()).await), weak);
    }

    let strong = answer(&server.auth, &begin(&server.auth).await, owner.totp(&server, 0)).await.expect("in");
    let caller = server.auth.identify(&strong.access_token).await.expect("signed in");
    let renewed = server.auth.renew_recovery_codes(&caller, &occasion()).await.expect("renewed");
    let used = answer(&server.auth, &begin(&server.auth).await, owner.recovery(0)).await;
    assert_eq!(code(&used), "wrong_code", "those of before are good no more");
    let new = SecondProof::RecoveryCode(renewed[0].clone());
    answer(&server.auth, &begin(&server.auth).await, new).await.expect("signed in");
    assert_eq!(code(&server.auth.begin_totp(&caller).await), "conflict", "one app is set up");

    server.elapse(Duration::from_mins(15) - Duration::from_secs(1)).await;
    let strong = server.refresh(strong.refresh_token.expose()).await.expect("it goes on");
    let caller = server.auth.identify(&strong.access_token).await.expect("signed in");
    server.elapse(Duration::from_secs(2)).await;
    assert_eq!(code(&server.auth.remove_factor(&caller, id, &occasion()).await), weak, "too long ago");

    let again = answer(&server.auth, &begin(&server.auth).await, owner.totp(&server, 0)).await.expect("in");
    let caller = server.auth.identify(&again.access_token).await.expect("signed in");
    server.auth.remove_factor(&caller, id, &occasion()).await.expect("removed");
    assert_eq!(code(&server.auth.remove_factor(&caller, id, &occasion()).await), "not_found");
    server.login().await;
    let user = Some(server.user.id);
    let mut told = Vec::new();
    for kind in [EventKind::FactorAdded, EventKind::FactorRemoved] {
        let filter = EventFilter { user, kind: Some(kind), ..EventFilter::default() };
        let events = server.auth.events(&filter, None, 10).await.expect("a list").events;
        told.extend(events.into_iter().map(|event| event.reason.expect("which")));
    }
    assert_eq!(told, ["recovery_codes", "totp", "totp"]);
}

#[tokio::test]
async fn an_operator_takes_all_factors_from_who_has_lost_them() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    Owner::of(&server).await;
    let asked = begin(&server.auth).await;
    assert_eq!(server.auth.remove_factors(server.user.id, &occasion()).await.expect("removed"), 1);
    assert_eq!(server.auth.remove_factors(server.user.id, &occasion()).await.expect("an answer"), 0);
    let attempt = server.auth.attempt(asked.token.expose()).expect("an attempt");
    let refused = server.auth.challenge(&attempt, Method::Totp).await;
    assert_eq!(code(&refused), "invalid_request", "there is nothing left to prove by");
    server.login().await;
}

#[apply(session_back_ends)]
#[tokio::test]
async fn each_app_asks_as_was_decided_for_it(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    for (app, asked) in
        [("lax", SecondFactor::Off), ("free", SecondFactor::Optional), ("strict", SecondFactor::Required)]
    {
        add_app(&server, app).await;
        decide(&server, app, asked).await;
    }
    // Who has none gets in but where one is required.
    for app in [None, Some("lax"), Some("free")] {
        let outcome = server.auth.login(login(app, Transport::Body), &occasion()).await.expect("an answer");
        assert!(matches!(outcome, LoginOutcome::SignedIn(_)), "{app:?}");
    }
    assert!(begin_at(&server.auth, Some("strict")).await.methods.is_empty());

    let owner = Owner::of(&server).await;
    let outcome = server.auth.login(login(Some("lax"), Transport::Body), &occasion()).await;
    assert!(matches!(outcome, Ok(LoginOutcome::SignedIn(_))));
    for (place, app) in [None, Some("free"), Some("strict")].into_iter().enumerate() {
        let asked = begin_at(&server.auth, app).await;
        assert_eq!(asked.methods, BOTH, "{app:?}");
        answer(&server.auth, &asked, owner.recovery(place)).await.expect("signed in");
    }
}

#[tokio::test]
async fn a_new_sealing_key_breaks_no_attempt_and_no_factor() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    let other = server.second_node(Options::default()).await;
    let owner = Owner::of(&server).await;
    let old = server.auth.keys().sealer().sealing();
    server.auth.keys().sealer().rotate().expect("rotated");
    server.elapse(Duration::from_mins(14)).await;
    let asked = begin(&server.auth).await;
    server.elapse(Duration::from_mins(2)).await;
    assert_ne!(server.auth.keys().sealer().sealing(), old, "the new one seals");
    answer(&other, &asked, owner.totp(&server, 0)).await.expect("begun with the old one");
    // Sealed with the new one, for a node that has not read it yet.
    answer(&other, &begin(&server.auth).await, owner.recovery(0)).await.expect("signed in");
}

/// A flood of sign-ins that are never finished.
#[tokio::test]
async fn nothing_is_kept_of_attempts_that_are_not_answered() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    Owner::of(&server).await;
    let rows = || {
        let file = Connection::open(server.accounts_file()).expect("opened");
        let tables = ["once", "sessions", "factors", "recovery_codes", "users"];
        tables.map(|table| -> u32 {
            let count = format!("SELECT count(*) FROM {table}");
            file.query_row(&count, [], |row| row.get(0)).expect("a count")
        })
    };
    let (before, sessions) = (rows(), server.back_end.ids_of_user(server.user.id).await);
    for _ in 0..20 {
        begin(&server.auth).await;
    }
    assert_eq!(rows(), before);
    assert_eq!(server.back_end.ids_of_user(server.user.id).await, sessions);
}

/// 19: a stolen database.
#[tokio::test]
async fn a_copy_of_the_database_yields_no_seed_and_no_code() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    let owner = Owner::of(&server).await;
    let seed = owner.app.secret().to_base32();
    let mut held = Vec::new();
    for side in ["", "-wal"] {
        let file = format!("{}{side}", server.accounts_file().display());
        held.extend(std::fs::read(file).unwrap_or_default());
    }
    let holds = |secret: &[u8]| held.windows(secret.len()).any(|part| part == secret);
    assert!(holds(b"totp"), "it is all there");
    assert!(!holds(seed.as_bytes()) && !holds(owner.app.secret().as_bytes()));
    for code in &owner.codes {
        assert!(!holds(code.expose().as_bytes()) && !holds(code.expose().replace('-', "").as_bytes()));
    }
}

/// A moved row is of no use: a secret opens for its own user and factor alone.
#[tokio::test]
async fn a_seed_that_was_put_beside_another_account_is_no_seed() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    let owner = Owner::of(&server).await;
    let file = Connection::open(server.accounts_file()).expect("opened");
    file.execute("UPDATE factors SET id = randomblob(16)", []).expect("moved");
    let refused = answer(&server.auth, &begin(&server.auth).await, owner.totp(&server, 0)).await;
    assert_eq!(code(&refused), "internal");
    let recovered = answer(&server.auth, &begin(&server.auth).await, owner.recovery(0)).await;
    recovered.expect("recovery codes are no secret of that kind");
}

/// Whoever begins an enrolment must end it in time.
#[tokio::test]
async fn an_enrolment_waits_for_its_code_for_a_quarter_of_an_hour() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    let tokens = server.login().await;
    let caller = server.auth.identify(&tokens.access_token).await.expect("signed in");
    let begun = server.auth.begin_totp(&caller).await.expect("begun");
    let secret = Secret::try_from_base32(begun.secret.as_str()).expect("base 32");
    let app = Builder::new().with_secret(secret).build_noncompliant();
    let far = code_of(&app, &server, 7);
    assert_eq!(code(&server.auth.confirm_totp(&caller, &far, &occasion()).await), "wrong_code");
    server.login().await;

    server.elapse(Duration::from_mins(15)).await;
    let again = server.login().await;
    let caller = server.auth.identify(&again.access_token).await.expect("signed in");
    let late = server.auth.confirm_totp(&caller, &code_of(&app, &server, 0), &occasion()).await;
    assert_eq!(code(&late), "conflict");
}

#[tokio::test]
async fn of_confirmations_at_once_one_shows_the_codes() {
    let server = Arc::new(Server::on(BackEnd::on(SessionsOn::Sqlite).await).await);
    let tokens = server.login().await;
    let caller = server.auth.identify(&tokens.access_token).await.expect("signed in");
    let begun = server.auth.begin_totp(&caller).await.expect("begun");
    let secret = Secret::try_from_base32(begun.secret.as_str()).expect("base 32");
    let app = Builder::new().with_secret(secret).build_noncompliant();
    let (now, occasion) = (code_of(&app, &server, 0), occasion());
    let confirms = (0..6).map(|_| server.auth.confirm_totp(&caller, &now, &occasion));
    let codes: Vec<_> = join_all(confirms).await.iter().map(code).collect();
    assert_eq!(codes.iter().filter(|code| **code == "granted").count(), 1, "{codes:?}");
    let own = server.auth.factors_of(server.user.id).await.expect("a list");
    assert_eq!((own.factors.len(), own.recovery_codes.len()), (1, 10));
}

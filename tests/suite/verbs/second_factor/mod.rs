//! Signing in with a second factor: what it opens, and what whoever has only the password can do. The numbers in
//! comments are those of the attacks that each test stands for in the review of the sign-in.

mod attempts;
mod changes;
mod guesses;
mod passkeys;
mod step_ups;

use std::time::Duration;

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
        auth_context::{AuthContext, WantedSignIn},
        recovery_code::RecoveryCode,
        session::{Device, Transport},
        sign_in::{Method, Methods, SecondFactor},
        totp_code::TotpCode,
    },
};
use rstest_reuse::apply;
use totp_rs::{Builder, Secret, Totp};

use crate::support::{
    actor::{PASSWORD, Server, USER, name, occasion, password},
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
        key: None,
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
    assert_eq!(session.facts.proved.methods, Methods::of(&[Method::Password, Method::Totp]));
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
            assert_eq!(session.facts.proved.methods, Methods::of(&[Method::Password, Method::RecoveryCode]));
        }
        HandedOut::Tokens(_) => panic!("a session was asked for"),
    }
}

/// Contract 5.3: what gateways ask of a sign-in.
#[apply(session_back_ends)]
#[tokio::test]
async fn a_token_says_how_and_when_its_owner_signed_in_and_a_refresh_changes_neither(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let owner = Owner::of(&server).await;
    let asks = |parameter: &str, value: &str| {
        let mut wanted = WantedSignIn::default();
        wanted.add(parameter, value);
        wanted
    };
    let caller = server.auth.identify(&owner.tokens.access_token).await.expect("signed in");
    let refused = server.auth.require_sign_in(&caller, &asks("acr", "2"));
    assert_eq!(code(&refused), "insufficient_user_authentication", "by the password alone");

    let signed_in_at = server.now();
    let strong = answer(&server.auth, &begin(&server.auth).await, owner.totp(&server, 0)).await.expect("in");
    server.elapse(Duration::from_mins(10)).await;
    let later = server.refresh(strong.refresh_token.expose()).await.expect("it goes on");
    let caller = server.auth.identify(&later.access_token).await.expect("signed in");
    let proved = Methods::of(&[Method::Password, Method::Totp]);
    assert_eq!(caller.claims().auth, AuthContext::new(signed_in_at, proved));
    server.auth.require_sign_in(&caller, &asks("acr", "2")).expect("with both");
    server.auth.require_sign_in(&caller, &asks("max_age", "660")).expect("11 minutes");
    let refused = server.auth.require_sign_in(&caller, &asks("max_age", "540"));
    assert_eq!(code(&refused), "insufficient_user_authentication", "9 minutes");
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

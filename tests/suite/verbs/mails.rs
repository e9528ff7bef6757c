//! Mail: what is asked for goes out, once, to whom it is for, whatever the mail server does and whoever dies.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use keyward::{
    auth::{Auth, mails::delivery::Round, sign_in::answer::SecondProof},
    domain::{
        app::AppName,
        mail::MailKind,
        rotation::{Contested, ReusePolicy},
        sender::Sender,
        session::EndReason,
        user::Email,
    },
    mail::{Catalogue, Post, SmtpRoute, SmtpTls},
    store::leases::Holder,
};
use rstest_reuse::apply;
use rusqlite::Connection;
use tempfile::TempDir;

use super::second_factor::{Owner, wrong};
use crate::support::{
    actor::{Options, PASSWORD, Server, USER, occasion, occasion_from, password},
    backends::{BackEnd, FIRST_USE, SessionsOn, eventually, session_back_ends},
    servers::smtp::{Manner, Smtp},
};

const ADDRESS: &str = "ada@example.com";
const OTHER: &str = "another passphrase of seven odd words";

fn email(text: &str) -> Email {
    Email::parse(text).expect("an address")
}

fn catalogue() -> Catalogue {
    Catalogue::built_in().expect("texts")
}

fn by_smtp(smtp: &Smtp, tls: SmtpTls) -> Post {
    patient(smtp, tls, Duration::from_secs(30))
}

fn patient(smtp: &Smtp, tls: SmtpTls, patience: Duration) -> Post {
    let route = SmtpRoute {
        host: "127.0.0.1".to_owned(),
        port: smtp.port,
        tls,
        login: None,
        authorities: None,
        own_host: "auth.example.com".to_owned(),
        patience,
    };
    let sender = Sender::parse("Keyward <no-reply@example.com>").expect("a sender");
    Post::by_smtp(catalogue(), sender, route).expect("a way")
}

/// A server with a user whose address is verified.
struct Stage {
    server: Server,
    holder: Holder,
    folder: TempDir,
    post: Post,
}

impl Stage {
    async fn new() -> Self {
        Self::on(SessionsOn::Sqlite).await
    }

    async fn on(on: SessionsOn) -> Self {
        Self::of(Server::on(BackEnd::on(on).await).await).await
    }

    async fn of(server: Server) -> Self {
        let ada = server.user.id;
        server.auth.set_email(ada, Some(&email(ADDRESS)), true, &occasion()).await.expect("set");
        let folder = tempfile::tempdir().expect("a folder");
        let post = Post::into_folder(catalogue(), None, folder.path().join("mail")).expect("a way");
        Self { server, holder: Holder::random(), folder, post }
    }

    async fn forget(&self, identifier: &str) {
        let (app, occasion) = (AppName::default_app(), occasion());
        self.server.auth.forgot_password(identifier, app, &occasion).await.expect("202 always");
    }

    /// Sends what is due, and returns the mails written, the oldest first.
    async fn delivered(&self) -> Vec<String> {
        while self.round(&self.post).await == Round::Busy {}
        let folder = self.folder.path().join("mail");
        let mut files: Vec<PathBuf> = match fs::read_dir(&folder) {
            Ok(entries) => entries.map(|entry| entry.expect("an entry").path()).collect(),
            Err(_) => Vec::new(),
        };
        files.sort();
        let read = |path: &PathBuf| fs::read_to_string(path).expect("a mail");
        let mails = files.iter().map(read).collect();
        let _ = fs::remove_dir_all(&folder);
        mails
    }

    async fn round(&self, post: &Post) -> Round {
        self.server.auth.deliver_mails(&self.holder, post).await.expect("a round")
    }

    /// The token of a link that sets a password.
    async fn reset_link(&self) -> String {
        self.delivered().await;
        self.forget(USER).await;
        token(&self.delivered().await[0])
    }

    async fn waiting(&self) -> usize {
        self.server.auth.mails(None, 100).await.expect("listed").len()
    }
}

/// The accounts as they were once.
struct Before {
    file: PathBuf,
    copy: TempDir,
}

impl Before {
    const NAME: &str = "copy.db";

    fn of(server: &Server) -> Self {
        let (file, copy) = (server.accounts_file(), tempfile::tempdir().expect("a folder"));
        let name = copy.path().join(Self::NAME).display().to_string();
        let db = Connection::open(&file).expect("the accounts");
        db.execute("VACUUM INTO ?1", [name]).expect("copied");
        Self { file, copy }
    }

    /// As a database that was restored has them.
    fn put_back(&self) {
        let db = Connection::open(&self.file).expect("the accounts");
        let name = self.copy.path().join(Self::NAME).display().to_string();
        db.execute("ATTACH ?1 AS copy", [name]).expect("attached");
        db.execute_batch(
            "BEGIN IMMEDIATE;
            UPDATE main.users SET (password_hash, email, email_verified) =
                (SELECT password_hash, email, email_verified FROM copy.users AS once WHERE once.id = users.id);
            DELETE FROM main.email_changes;
            INSERT INTO main.email_changes SELECT * FROM copy.email_changes;
            COMMIT",
        )
        .expect("put back");
    }
}

/// What stands in the plain part of a mail, its lines joined again.
pub fn text(mail: &str) -> String {
    let mail = mail.replace("\r\n", "\n");
    let (_, rest) = mail.split_once("text/plain").expect("a plain part");
    let (_, body) = rest.split_once("\n\n").expect("its head");
    let body = body.split("\n--").next().expect("its end");
    let is_quoted = mail.contains("Transfer-Encoding: quoted-printable");
    if is_quoted { body.replace("=\n", "").replace("=3D", "=") } else { body.to_owned() }
}

/// The token of a mail whose app has no page for it: the paragraph that is one long word.
pub fn token(mail: &str) -> String {
    let text = text(mail);
    let word =
        text.split("\n\n").map(str::trim).find(|part| part.len() > 60 && !part.contains(char::is_whitespace));
    word.unwrap_or_else(|| panic!("no token in {text}")).to_owned()
}

pub fn code(mail: &str) -> String {
    let text = text(mail);
    let is_code = |part: &&str| part.len() == 6 && part.bytes().all(|byte| byte.is_ascii_digit());
    text.split_whitespace().find(is_code).unwrap_or_else(|| panic!("no code in {text}")).to_owned()
}

async fn reset(auth: &Arc<Auth>, token: &str, new: &str) -> Result<(), &'static str> {
    reset_with(auth, token, new, None).await
}

async fn reset_with(
    auth: &Arc<Auth>,
    token: &str,
    new: &str,
    proof: Option<&SecondProof>,
) -> Result<(), &'static str> {
    let reset = auth.reset_password(token, &password(new), proof, &occasion()).await;
    reset.map_err(|error| error.code())
}

#[tokio::test]
async fn a_forgotten_password_is_set_anew_by_the_link_once_and_every_session_ends() {
    let stage = Stage::new().await;
    let (auth, tokens) = (&stage.server.auth, stage.server.login().await);
    for identifier in ["aDA", "ADA@example.com"] {
        stage.forget(identifier).await;
    }
    let mails = stage.delivered().await;
    assert_eq!(mails.len(), 2);
    assert!(mails.iter().all(|mail| mail.contains("To: ada@example.com")), "where it is known to be read");
    let [first, second] = [token(&mails[0]), token(&mails[1])];
    assert_eq!(reset(auth, &first, "password").await, Err("weak_password"), "which spends nothing");
    reset(auth, &first, OTHER).await.expect("set");
    assert_eq!(reset(auth, &first, PASSWORD).await, Err("link_spent"));
    assert_eq!(reset(auth, &second, PASSWORD).await, Err("link_spent"), "it was of the former password");
    let refused = stage.server.check(&tokens.access_token).await.expect_err("ended");
    assert_eq!(refused.reason(), Some(EndReason::PasswordReset));
    assert!(stage.server.try_login(USER, PASSWORD, None).await.is_err());
    stage.server.try_login(ADDRESS, OTHER, None).await.expect("by the address too");
    let told = stage.delivered().await;
    assert_eq!(told.len(), 1, "and told of");
    assert!(told[0].contains("Subject: Your password was changed"), "{}", told[0]);
}

#[tokio::test]
async fn of_resets_at_once_with_one_link_one_is_done() {
    let stage = Stage::new().await;
    stage.forget(USER).await;
    let token = token(&stage.delivered().await[0]);
    let tries = (0..6).map(|number| {
        let (auth, token) = (Arc::clone(&stage.server.auth), token.clone());
        tokio::spawn(async move { reset(&auth, &token, &format!("{OTHER} {number}")).await })
    });
    let mut done = 0;
    for one in tries.collect::<Vec<_>>() {
        match one.await.expect("no panic") {
            Ok(()) => done += 1,
            Err(code) => assert_eq!(code, "link_spent"),
        }
    }
    assert_eq!(done, 1);
}

#[tokio::test]
async fn a_reset_asks_for_the_second_factor_as_the_sign_in_does() {
    let stage = Stage::new().await;
    let (server, auth) = (&stage.server, &stage.server.auth);
    let owner = Owner::of(server).await;
    stage.delivered().await;
    let token = stage.reset_link().await;
    assert_eq!(reset(auth, &token, OTHER).await, Err("mfa_required"));
    assert_eq!(reset_with(auth, &token, OTHER, Some(&wrong(&owner, server))).await, Err("wrong_code"));
    let right = owner.totp(server, 0);
    assert_eq!(reset_with(auth, &token, "password", Some(&right)).await, Err("weak_password"));
    reset_with(auth, &token, OTHER, Some(&right)).await.expect("neither was spent by what was refused");
    assert_eq!(reset_with(auth, &token, PASSWORD, Some(&right)).await, Err("link_spent"));
    let token = stage.reset_link().await;
    assert_eq!(
        reset_with(auth, &token, PASSWORD, Some(&right)).await,
        Err("wrong_code"),
        "a step is good once"
    );
    reset_with(auth, &token, PASSWORD, Some(&owner.recovery(0))).await.expect("it stands in for the app");
    let token = stage.reset_link().await;
    assert_eq!(reset_with(auth, &token, OTHER, Some(&owner.recovery(0))).await, Err("wrong_code"));
    for _ in 0..12 {
        let _ = reset_with(auth, &token, OTHER, Some(&wrong(&owner, server))).await;
    }
    let guessed = reset_with(auth, &token, OTHER, Some(&owner.recovery(1))).await;
    assert_eq!(guessed, Err("too_many_attempts"), "guesses are counted with those at the sign-in");
}

#[tokio::test]
async fn a_change_of_factors_is_told_to_who_they_protect() {
    let stage = Stage::new().await;
    Owner::of(&stage.server).await;
    let told = stage.delivered().await;
    assert_eq!(told.len(), 1, "once it counts");
    assert!(told[0].contains("To: ada@example.com"), "{}", told[0]);
    assert!(told[0].contains("Subject: Your second factors were changed"), "{}", told[0]);
    let (auth, ada) = (&stage.server.auth, stage.server.user.id);
    assert_eq!(auth.remove_factors(ada, &occasion()).await.expect("removed"), 1);
    assert_eq!(auth.remove_factors(ada, &occasion()).await.expect("none left"), 0);
    assert_eq!(stage.delivered().await.len(), 1);
}

#[apply(session_back_ends)]
#[tokio::test]
async fn who_shares_a_session_with_somebody_is_told_of_it_once(
    on: SessionsOn,
    #[values(Contested::Alarm, Contested::End)] contested: Contested,
) {
    let reuse = ReusePolicy { contested, ..FIRST_USE };
    let options = Options { reuse, ..Options::default() };
    let stage = Stage::of(Server::with(BackEnd::on(on).await, options).await).await;
    let mut tokens = stage.server.login().await;
    let mut mails = Vec::new();
    // Contested from the third on.
    for _ in 0..5 {
        let parent = tokens.refresh_token;
        stage.server.refresh(parent.expose()).await.expect("granted");
        stage.server.elapse(Duration::from_secs(11)).await;
        let again = stage.server.refresh(parent.expose()).await;
        mails.push(stage.delivered().await);
        match again {
            Ok(again) => tokens = again,
            Err(error) => {
                assert_eq!((error.code(), contested), ("session_ended", Contested::End));
                break;
            }
        }
    }
    let counts: Vec<usize> = mails.iter().map(Vec::len).collect();
    assert_eq!(counts, if contested == Contested::End { &[0, 0, 1][..] } else { &[0, 0, 1, 0, 0] });
    let mail = &mails[2][0];
    assert!(mail.contains("To: ada@example.com"), "{mail}");
    assert!(mail.contains("Subject: Somebody may be using your account besides you"), "{mail}");
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_link_that_was_used_is_not_good_again_where_the_accounts_are_as_they_were(on: SessionsOn) {
    let stage = Stage::on(on).await;
    let (auth, ada) = (&stage.server.auth, stage.server.user.id);
    let as_it_was = Before::of(&stage.server);
    let to_reset = stage.reset_link().await;
    reset(auth, &to_reset, OTHER).await.expect("set");
    stage.delivered().await;
    as_it_was.put_back();
    stage.server.elapse(Duration::from_secs(59)).await;
    reset(auth, &to_reset, OTHER).await.expect("what failed may be done anew for a minute");
    stage.delivered().await;
    as_it_was.put_back();
    stage.server.elapse(Duration::from_secs(2)).await;
    assert_eq!(reset(auth, &to_reset, OTHER).await, Err("link_spent"));
    let caller = auth.identify(&stage.server.login().await.access_token).await.expect("signed in");
    auth.change_own_email(&caller, email("new@example.com"), &occasion()).await.expect("asked for");
    let to_confirm = token(&stage.delivered().await[0]);
    let asked_for = Before::of(&stage.server);
    auth.follow_email_link(&to_confirm, &occasion()).await.expect("confirmed");
    let to_undo = token(&stage.delivered().await[0]);
    let confirmed = Before::of(&stage.server);
    auth.follow_email_link(&to_undo, &occasion()).await.expect("undone");
    stage.server.elapse(Duration::from_secs(61)).await;
    for (before, link) in [(asked_for, to_confirm), (confirmed, to_undo)] {
        before.put_back();
        let again = auth.follow_email_link(&link, &occasion()).await;
        assert_eq!(again.map_err(|error| error.code()), Err("link_spent"));
    }
    assert!(auth.user_by_id(ada).await.expect("an answer").is_some());
}

#[tokio::test]
async fn a_link_ends_with_its_hour_with_the_password_and_with_the_account() {
    let stage = Stage::new().await;
    let auth = &stage.server.auth;
    stage.forget(USER).await;
    let of_before = token(&stage.delivered().await[0]);
    stage.server.elapse(Duration::from_hours(1)).await;
    assert_eq!(reset(auth, &of_before, OTHER).await, Err("link_spent"), "its hour is over");
    stage.forget(USER).await;
    let of_before = token(&stage.delivered().await[0]);
    auth.set_password(&stage.server.user, &password(OTHER), &occasion()).await.expect("set");
    assert_eq!(reset(auth, &of_before, PASSWORD).await, Err("link_spent"), "the password is another");
    stage.delivered().await;
    stage.forget(USER).await;
    let of_now = token(&stage.delivered().await[0]);
    for forged in [&of_now[1..], &of_now[..of_now.len() - 1], "", "A", &of_now.replace(&of_now[40..41], "-")]
    {
        assert_eq!(reset(auth, forged, PASSWORD).await, Err("link_spent"));
    }
    auth.disable(stage.server.user.id, &occasion()).await.expect("disabled");
    assert_eq!(reset(auth, &of_now, PASSWORD).await, Err("account_disabled"));
    auth.delete(stage.server.user.id, &occasion()).await.expect("deleted");
    assert_eq!(reset(auth, &of_now, PASSWORD).await, Err("link_spent"));
}

#[tokio::test]
async fn whoever_is_not_there_gets_no_mail_and_nobody_at_an_unproved_address() {
    let stage = Stage::new().await;
    let (auth, ada) = (&stage.server.auth, stage.server.user.id);
    for identifier in ["nobody", "nobody@example.com", "\u{131}da@example.com", "@", "ada@example.com\u{0}"] {
        stage.forget(identifier).await;
    }
    assert_eq!(stage.delivered().await.len(), 0);
    assert_eq!(stage.waiting().await, 0, "nothing is left of it");
    auth.set_email(ada, Some(&email(ADDRESS)), false, &occasion()).await.expect("set");
    stage.forget(USER).await;
    stage.forget(ADDRESS).await;
    assert_eq!(stage.delivered().await.len(), 0);
    auth.set_email(ada, Some(&email(ADDRESS)), true, &occasion()).await.expect("set");
    auth.disable(ada, &occasion()).await.expect("disabled");
    stage.server.elapse(Duration::from_hours(1)).await;
    stage.forget(USER).await;
    assert_eq!(stage.delivered().await.len(), 0);
}

#[tokio::test]
async fn nobody_is_flooded_with_mail_and_nobody_floods() {
    let stage = Stage::new().await;
    for _ in 0..8 {
        stage.forget(USER).await;
        stage.forget(ADDRESS).await;
    }
    assert_eq!(stage.delivered().await.len(), 5, "one account, however it is called");
    let auth = &stage.server.auth;
    let from = occasion_from("192.0.2.9".parse().ok());
    let mut asked = 0;
    let refused = loop {
        let forgot = auth.forgot_password(&format!("nobody{asked}"), AppName::default_app(), &from).await;
        match forgot {
            Ok(()) => asked += 1,
            Err(error) => break error,
        }
    };
    assert_eq!((asked, refused.code()), (50, "too_many_attempts"));
    stage.delivered().await;
    stage.server.elapse(Duration::from_hours(1)).await;
    stage.forget(USER).await;
    assert_eq!(stage.delivered().await.len(), 1, "a new window");
}

#[tokio::test]
async fn an_hour_without_a_mail_server_loses_nothing_and_doubles_nothing() {
    let stage = Stage::new().await;
    let smtp = Smtp::start(Manner::Takes).await;
    let (working, away) = (by_smtp(&smtp, SmtpTls::Plain), {
        let gone = Smtp::start(Manner::Takes).await;
        by_smtp(&gone, SmtpTls::Plain)
    });
    stage.forget(USER).await;
    assert_eq!(stage.round(&away).await, Round::Away);
    let mut tries = 1;
    for _ in 0..60 {
        stage.server.elapse(Duration::from_mins(1)).await;
        tries += usize::from(stage.round(&away).await == Round::Away);
    }
    assert_eq!(tries, 7, "further and further apart");
    assert_eq!(stage.waiting().await, 1);
    stage.server.elapse(Duration::from_mins(30)).await;
    assert_eq!(stage.round(&working).await, Round::Busy);
    assert_eq!(stage.round(&working).await, Round::Idle);
    assert_eq!((smtp.taken().len(), stage.waiting().await), (1, 0));
    // Its link begins when it is sent, and not when it was asked for.
    let mail = &smtp.taken()[0];
    reset(&stage.server.auth, &token(mail), OTHER).await.expect("it is good");
}

#[tokio::test]
async fn a_mail_whose_time_is_over_does_not_go_out() {
    let stage = Stage::new().await;
    let smtp = Smtp::start(Manner::Refuses("451 4.7.1 later")).await;
    let post = by_smtp(&smtp, SmtpTls::Plain);
    stage.forget(USER).await;
    assert_eq!(stage.round(&post).await, Round::Busy);
    smtp.be(Manner::Takes);
    stage.server.elapse(Duration::from_hours(6)).await;
    assert_eq!(stage.round(&post).await, Round::Busy);
    let kept = stage.server.auth.mails(None, 9).await.expect("listed");
    assert!(kept[0].is_dead && kept[0].failure.as_deref() == Some("its time is over"), "{kept:?}");
    assert!(smtp.taken().is_empty());
}

#[tokio::test]
async fn what_is_refused_for_now_is_tried_again_and_for_good_is_given_up_and_no_link_is_repeated() {
    let stage = Stage::new().await;
    let smtp = Smtp::start(Manner::RefusesText("451 4.3.0")).await;
    let post = by_smtp(&smtp, SmtpTls::Plain);
    let failure = async || {
        let kept = stage.server.auth.mails(None, 9).await.expect("listed");
        (kept[0].is_dead, kept[0].failure.clone().unwrap_or_default())
    };
    stage.forget(USER).await;
    stage.round(&post).await;
    assert_eq!(failure().await, (false, "the server said 451 4.3.0".to_owned()));
    smtp.be(Manner::Refuses("530 5.7.0 authenticate"));
    stage.server.elapse(Duration::from_mins(1)).await;
    stage.round(&post).await;
    assert_eq!(
        failure().await,
        (false, "the server said 530 5.7.0".to_owned()),
        "that is no fault of the mail"
    );
    smtp.be(Manner::RefusesText("554 5.7.1"));
    stage.server.elapse(Duration::from_mins(2)).await;
    stage.round(&post).await;
    assert_eq!(failure().await, (true, "the server said 554 5.7.1".to_owned()));
    smtp.be(Manner::Takes);
    stage.server.elapse(Duration::from_hours(1)).await;
    assert_eq!(stage.round(&post).await, Round::Idle, "it is given up");
    let id = stage.server.auth.mails(None, 9).await.expect("listed")[0].mail.id;
    stage.server.auth.retry_mail(id, &occasion()).await.expect("retried");
    assert_eq!(stage.round(&post).await, Round::Busy);
    assert_eq!((smtp.taken().len(), stage.waiting().await), (1, 0));
    assert!(stage.server.auth.retry_mail(id, &occasion()).await.is_err(), "it is gone");
}

#[tokio::test]
async fn a_server_that_breaks_off_after_the_text_gets_the_same_mail_once_more() {
    let stage = Stage::new().await;
    let smtp = Smtp::start(Manner::CutsAfterText).await;
    let post = by_smtp(&smtp, SmtpTls::Plain);
    stage.forget(USER).await;
    stage.round(&post).await;
    assert_eq!(stage.waiting().await, 1, "nobody knows whether it was taken");
    smtp.be(Manner::Takes);
    stage.server.elapse(Duration::from_mins(1)).await;
    stage.round(&post).await;
    let ids: Vec<String> = smtp.taken().iter().map(|mail| header(mail, "Message-ID: ")).collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0], ids[1], "by which a reader's mailbox can tell");
}

#[tokio::test]
async fn a_server_that_closes_once_it_has_said_yes_has_taken_it() {
    let stage = Stage::new().await;
    let smtp = Smtp::start(Manner::ClosesAfterTaking).await;
    let post = by_smtp(&smtp, SmtpTls::Plain);
    stage.forget(USER).await;
    stage.round(&post).await;
    assert_eq!((smtp.taken().len(), stage.waiting().await), (1, 0));
    smtp.be(Manner::Takes);
    stage.forget(ADDRESS).await;
    stage.round(&post).await;
    assert_eq!((smtp.taken().len(), stage.waiting().await), (2, 0), "by another connection");
}

#[tokio::test]
async fn one_connection_serves_for_mails_that_follow_each_other() {
    let stage = Stage::new().await;
    let smtp = Smtp::start(Manner::Takes).await;
    let post = by_smtp(&smtp, SmtpTls::Plain);
    for _ in 0..3 {
        stage.forget(USER).await;
        stage.round(&post).await;
    }
    assert_eq!((smtp.taken().len(), smtp.connections()), (3, 1));
    post.rest().await;
    stage.forget(USER).await;
    stage.round(&post).await;
    assert_eq!(smtp.connections(), 2);
}

#[tokio::test]
async fn nothing_is_sent_in_the_clear_where_starttls_was_taken_out() {
    let stage = Stage::new().await;
    let smtp = Smtp::start(Manner::OffersNoTls).await;
    stage.forget(USER).await;
    assert_eq!(stage.round(&by_smtp(&smtp, SmtpTls::StartTls)).await, Round::Away);
    assert!(smtp.taken().is_empty());
    let kept = stage.server.auth.mails(None, 9).await.expect("listed");
    assert_eq!(kept[0].failure.as_deref(), Some("the server does not offer what is needed"));
}

#[tokio::test]
async fn a_server_that_hangs_is_left_after_a_while() {
    let stage = Stage::new().await;
    let smtp = Smtp::start(Manner::Hangs).await;
    let post = patient(&smtp, SmtpTls::Plain, Duration::from_millis(50));
    stage.forget(USER).await;
    assert_eq!(stage.round(&post).await, Round::Away);
    let kept = stage.server.auth.mails(None, 9).await.expect("listed");
    assert_eq!(kept[0].failure.as_deref(), Some("the server did not answer in time"));
    smtp.be(Manner::HangsOverText);
    stage.server.elapse(Duration::from_mins(1)).await;
    // On a machine that is busy the greeting may be late as well.
    let patient = patient(&smtp, SmtpTls::Plain, Duration::from_millis(500));
    assert_ne!(stage.round(&patient).await, Round::Idle);
    assert_eq!(stage.waiting().await, 1);
    smtp.be(Manner::Takes);
    stage.server.elapse(Duration::from_mins(2)).await;
    stage.round(&by_smtp(&smtp, SmtpTls::Plain)).await;
    assert_eq!((smtp.taken().len(), stage.waiting().await), (1, 0));
}

#[tokio::test]
async fn a_node_that_dies_over_a_mail_leaves_it_to_the_next() {
    let stage = Stage::new().await;
    let smtp = Smtp::start(Manner::Hangs).await;
    stage.forget(USER).await;
    // It is claimed, and its server says nothing: then the node is gone.
    let (auth, post) = (Arc::clone(&stage.server.auth), by_smtp(&smtp, SmtpTls::Plain));
    let dying = tokio::spawn(async move { auth.deliver_mails(&Holder::random(), &post).await });
    eventually("a connection", || smtp.connections() > 0).await;
    dying.abort();
    assert!(dying.await.is_err());
    smtp.be(Manner::Takes);
    let next = stage.server.second_node(crate::support::actor::Options::default()).await;
    let (post, holder) = (by_smtp(&smtp, SmtpTls::Plain), Holder::random());
    for (secs, wanted) in [(0, Round::Idle), (59, Round::Idle), (1, Round::Busy)] {
        stage.server.elapse(Duration::from_secs(secs)).await;
        let round = next.deliver_mails(&holder, &post).await.expect("a round");
        assert_eq!(round, wanted, "a minute after the try that was cut short");
    }
    assert_eq!((smtp.taken().len(), stage.waiting().await), (1, 0));
}

#[tokio::test]
async fn a_node_that_dies_between_any_two_steps_loses_no_mail_and_sends_none_past_its_time() {
    // It looks, claims, and removes what has gone out.
    for (steps, is_last_done) in (0..3).flat_map(|steps| [(steps, false), (steps, true)]) {
        let stage = Stage::new().await;
        let smtp = Smtp::start(Manner::Takes).await;
        stage.forget(USER).await;
        stage.server.death.after(steps, is_last_done);
        let (auth, post) = (Arc::clone(&stage.server.auth), by_smtp(&smtp, SmtpTls::Plain));
        let dying = tokio::spawn(async move { auth.deliver_mails(&Holder::random(), &post).await });
        eventually("the node dies", || stage.server.death.has_come()).await;
        dying.abort();
        assert!(dying.await.is_err_and(|error| error.is_cancelled()));
        stage.server.death.is_over();
        let (post, holder) = (by_smtp(&smtp, SmtpTls::Plain), Holder::random());
        for _ in 0..7 {
            stage.server.elapse(Duration::from_mins(1)).await;
            while stage.server.auth.deliver_mails(&holder, &post).await.expect("a round") == Round::Busy {}
        }
        let ids: Vec<String> = smtp.taken().iter().map(|mail| header(mail, "Message-ID: ")).collect();
        assert!((1..=2).contains(&ids.len()) && ids.iter().all(|id| *id == ids[0]), "{steps}: {ids:?}");
        assert_eq!(stage.waiting().await, 0, "{steps}");
        let is_twice = steps == 2 && !is_last_done;
        assert_eq!(ids.len() == 2, is_twice, "only where it had gone out and that was not noted");
        stage.server.elapse(MailKind::ResetPassword.life()).await;
        assert_eq!(stage.round(&post).await, Round::Idle);
    }
    // One that dies over a mail, and comes back when its time is over.
    let stage = Stage::new().await;
    let smtp = Smtp::start(Manner::Takes).await;
    stage.forget(USER).await;
    stage.server.death.after(1, true);
    let (auth, post) = (Arc::clone(&stage.server.auth), by_smtp(&smtp, SmtpTls::Plain));
    let dying = tokio::spawn(async move { auth.deliver_mails(&Holder::random(), &post).await });
    eventually("the node dies", || stage.server.death.has_come()).await;
    dying.abort();
    stage.server.death.is_over();
    stage.server.elapse(MailKind::ResetPassword.life()).await;
    assert_eq!(stage.round(&by_smtp(&smtp, SmtpTls::Plain)).await, Round::Busy);
    assert!(smtp.taken().is_empty(), "a link that nobody waits for any more does not go out");
}

#[tokio::test]
async fn of_two_nodes_one_sends() {
    let stage = Stage::new().await;
    let smtp = Smtp::start(Manner::Takes).await;
    let other = stage.server.second_node(crate::support::actor::Options::default()).await;
    for number in 0..20 {
        stage.forget(&format!("nobody{number}")).await;
    }
    stage.forget(USER).await;
    let rounds = async |auth: &Arc<Auth>| {
        let (post, holder) = (by_smtp(&smtp, SmtpTls::Plain), Holder::random());
        for _ in 0..20 {
            auth.deliver_mails(&holder, &post).await.expect("a round");
        }
    };
    tokio::join!(rounds(&stage.server.auth), rounds(&other));
    assert_eq!((smtp.taken().len(), stage.waiting().await), (1, 0));
}

#[tokio::test]
async fn a_folder_keeps_the_newest_mails_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;

    let stage = Stage::new().await;
    let folder = stage.folder.path().join("mail");
    fs::create_dir_all(&folder).expect("a folder");
    for number in 0..1_000 {
        fs::write(folder.join(format!("0000{number:04}.eml")), "old").expect("written");
    }
    fs::write(folder.join("notes.txt"), "not a mail").expect("written");
    stage.forget(USER).await;
    while stage.round(&stage.post).await == Round::Busy {}
    let names = |ending: &str| {
        let entries = fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path());
        entries.filter(|path| path.extension().is_some_and(|it| it == ending)).collect::<Vec<_>>()
    };
    assert_eq!(names("eml").len(), 1_000);
    assert!(!folder.join("00000000.eml").exists() && folder.join("notes.txt").exists());
    let newest = names("eml").into_iter().max().expect("a mail");
    assert_eq!(fs::metadata(&newest).expect("a file").permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_delays_mail_and_loses_none() {
    let stage = Stage::new().await;
    let file = stage.folder.path().join("file");
    fs::write(&file, "in the way").expect("written");
    let full = Post::into_folder(catalogue(), None, file).expect("a way");
    stage.forget(USER).await;
    assert_eq!(stage.round(&full).await, Round::Away);
    assert_eq!(stage.waiting().await, 1);
    stage.server.elapse(Duration::from_mins(1)).await;
    assert_eq!(stage.delivered().await.len(), 1);
}

fn header(mail: &str, name: &str) -> String {
    let line = mail.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("no {name} in {mail}")).to_owned()
}

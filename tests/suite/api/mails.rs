//! Accounts that look after themselves, over HTTP: forgotten passwords, addresses, and leaving; with the mails that the
//! server writes, and a real mail server.

use std::{fs, path::PathBuf, time::Duration};

use serde_json::{Value, json};

use crate::{
    support::{
        backends::retried,
        outside::{
            actor::{Actor, Answer, send},
            disk,
            install::{Install, Server, wait_for},
            secrets,
        },
        servers::{certificates::Certificates, exim::Exim, redis::free_port},
    },
    verbs::mails::{code, text, token},
};

const PASSWORD: &str = "seven words make a fine passphrase indeed";
const OTHER: &str = "another passphrase of seven odd words";

/// A server with a user whose address is verified.
async fn start(install: &Install) -> Server {
    install.add_user("ada", PASSWORD, &["--email", "ada@example.com"]);
    install.good(&["user", "email", "ada", "ada@example.com", "--verified"]);
    install.start().await
}

fn files(install: &Install) -> Vec<PathBuf> {
    let entries = fs::read_dir(install.path("data/mail")).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|it| it == "eml"));
    files.sort();
    files
}

/// The next mail that is written; it is not there any more then.
pub(super) fn mail(install: &Install) -> String {
    let file = wait_for(|| files(install).into_iter().next()).expect("a mail");
    let text = fs::read_to_string(&file).expect("a mail");
    fs::remove_file(file).expect("removed");
    text
}

/// Its token, which must be in no log.
pub(super) fn secret_of(mail: &str) -> String {
    let token = token(mail);
    secrets::register(&token);
    token
}

async fn patch(user: &Actor, body: Value) -> Answer {
    send(user.authorized("PATCH", "/v1/me").json(&body)).await
}

async fn confirm(client: &Actor, token: &str) -> Answer {
    client.post("/v1/email/confirm", &json!({ "token": token })).await
}

async fn forgot(client: &Actor, identifier: &str) -> Answer {
    client.post("/v1/password/forgot", &json!({ "identifier": identifier })).await
}

async fn reset(client: &Actor, token: &str, new: &str) -> Answer {
    client.post("/v1/password/reset", &json!({ "token": token, "new": new })).await
}

#[tokio::test]
async fn a_forgotten_password_is_set_by_mail_and_nobody_learns_who_there_is() {
    let install = Install::new();
    let server = start(&install).await;
    let client = server.client();
    let signed_in = client.signed_in("ada", PASSWORD).await;
    let answers = [forgot(&client, "ada@example.com").await, forgot(&client, "nobody@example.com").await];
    for answer in &answers {
        assert_eq!((answer.status, answer.text.as_str()), (202, ""), "{answer:?}");
    }
    let names = |answer: &Answer| answer.headers.keys().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(&answers[0]), names(&answers[1]));
    let mail = mail(&install);
    assert!(mail.contains("To: ada@example.com") && text(&mail).contains("Hello ada,"), "{mail}");
    let token = secret_of(&mail);
    reset(&client, &token, "password").await.problem(422, "weak_password");
    assert_eq!(reset(&client, &token, OTHER).await.status, 204);
    reset(&client, &token, OTHER).await.problem(410, "link_spent");
    reset(&client, "not one", OTHER).await.problem(410, "link_spent");
    let refused = signed_in.check().await;
    assert_eq!(refused.status, 401, "{refused:?}");
    assert_eq!(client.login("ada", PASSWORD).await.status, 401);
    client.signed_in("Ada@Example.com", OTHER).await;
    assert!(mail_subject(&self::mail(&install)).contains("password was changed"));
    assert!(files(&install).is_empty(), "nothing went to who is not there");
    for identifier in ["", " ", "a\nb", &"a".repeat(300)] {
        forgot(&client, identifier).await.problem(400, "invalid_request");
    }
    let unknown = json!({ "identifier": "ada", "app": "unknown" });
    client.post("/v1/password/forgot", &unknown).await.problem(400, "invalid_request");
}

fn mail_subject(mail: &str) -> &str {
    mail.lines().find_map(|line| line.strip_prefix("Subject: ")).expect("a subject")
}

#[tokio::test]
async fn a_link_leads_to_the_apps_page_whatever_host_the_request_names() {
    let install = Install::new();
    let server = start(&install).await;
    let page = "https://app.example.com/reset#t={token}";
    install.good(&["app", "update", "default", "--reset-url", page]);
    let body = json!({ "identifier": "ada" });
    let request = server.client().request("POST", "/v1/password/forgot").json(&body);
    let request = request.header("host", "evil.example").header("x-forwarded-host", "evil.example");
    assert_eq!(send(request).await.status, 202);
    let mail = mail(&install);
    assert!(!mail.contains("evil.example"), "{mail}");
    let text = text(&mail);
    let link = text.split_whitespace().find(|word| word.starts_with("https://")).expect("a link");
    let token = link.strip_prefix("https://app.example.com/reset#t=").expect("the page");
    assert_eq!(reset(&server.client(), token, OTHER).await.status, 204);
}

/// Who tries things out opens the file, and follows the link that stands there.
#[tokio::test]
async fn in_a_file_a_link_stands_in_one_piece() {
    let install = Install::new();
    let server = start(&install).await;
    let page = "https://app.example.com/reset?token=";
    install.good(&["app", "update", "default", "--reset-url", page.trim_end_matches("?token=")]);
    assert_eq!(forgot(&server.client(), "ada").await.status, 202);
    let mail = mail(&install);
    let token = mail.lines().find_map(|line| line.strip_prefix(page)).expect("a line of its own");
    assert!(mail.contains(&format!("<a href=\"{page}{token}\">")), "{mail}");
    assert_eq!(reset(&server.client(), token, OTHER).await.status, 204);
}

/// Attack 5: programs that open each link of a mail before its reader does.
#[tokio::test]
async fn a_link_that_is_only_opened_is_not_spent() {
    let install = Install::new();
    let server = start(&install).await;
    assert_eq!(forgot(&server.client(), "ada").await.status, 202);
    let token = secret_of(&mail(&install));
    for method in ["GET", "HEAD", "OPTIONS"] {
        for path in ["/v1/password/reset", "/v1/email/confirm"] {
            let opened = send(server.client().request(method, &format!("{path}?token={token}"))).await;
            assert_eq!(opened.status, 405, "{method} {path}: {opened:?}");
        }
    }
    assert_eq!(reset(&server.client(), &token, OTHER).await.status, 204);
}

/// Attacks 13 and 14: what a mail program would read as more than one address, and letters that look like others.
#[tokio::test]
async fn no_way_to_write_an_address_reaches_anybody_but_who_has_it() {
    let install = Install::new();
    let server = start(&install).await;
    let ada = server.client().signed_in("ada", PASSWORD).await;
    for several in [
        "ada@example.com, eve@example.com",
        "ada@example.com\r\nBcc: eve@example.com",
        "<ada@example.com> eve@example.com",
        "\"ada eve\"@example.com",
        "ada@example.com\u{0}eve@example.com",
        "eve@example.com@example.com",
    ] {
        patch(&ada, json!({ "email": several })).await.problem(400, "invalid_request");
    }
    let alike =
        ["\u{430}da@example.com", "ad\u{251}@example.com", "ada@ex\u{430}mple.com", "ada@example.c0m"];
    for typed in alike {
        assert_eq!(forgot(&server.client(), typed).await.status, 202);
        assert_ne!(server.client().login(typed, PASSWORD).await.status, 200, "{typed}");
    }
    assert_eq!(forgot(&server.client(), "ADA@Example.COM").await.status, 202);
    let sent = mail(&install);
    assert!(sent.contains("To: ada@example.com\r\n"), "to the address that is kept: {sent}");
    assert!(files(&install).is_empty(), "the mails before it were to nobody");
}

#[tokio::test]
async fn an_address_is_confirmed_by_code_or_link_and_its_change_undone_by_who_had_the_former() {
    let install = Install::new();
    let server = start(&install).await;
    let ada = server.client().signed_in("ada", PASSWORD).await;
    patch(&ada, json!({ "email": "not one" })).await.problem(400, "invalid_request");
    patch(&ada, json!({ "name": "ada" })).await.problem(400, "invalid_request");
    assert_eq!(patch(&ada, json!({ "email": "new@example.com" })).await.status, 202);
    assert_eq!(ada.get("/v1/me").await.json()["email"], "ada@example.com", "not yet");
    let asked = mail(&install);
    assert!(asked.contains("To: new@example.com") && !text(&asked).contains("Hello"), "{asked}");
    let by_code = async |code: &str| ada.post_authorized("/v1/email/confirm", &json!({ "code": code })).await;
    let right = code(&asked);
    let wrong = if right == "000000" { "000001" } else { "000000" };
    by_code(wrong).await.problem(422, "wrong_code");
    let nobody = server.client().post("/v1/email/confirm", &json!({ "code": right })).await;
    nobody.problem(401, "token_missing");
    assert_eq!(by_code(&right).await.status, 204);
    by_code(&right).await.problem(422, "wrong_code");
    confirm(&ada, &secret_of(&asked)).await.problem(410, "link_spent");
    assert_eq!(ada.get("/v1/me").await.json()["email"], "new@example.com");
    let told = mail(&install);
    assert!(told.contains("To: ada@example.com"), "who had the former one is told: {told}");
    server.client().signed_in("new@example.com", PASSWORD).await;
    assert_eq!(server.client().login("ada@example.com", PASSWORD).await.status, 401);
    let undo = secret_of(&told);
    assert_eq!(confirm(&server.client(), &undo).await.status, 204);
    confirm(&server.client(), &undo).await.problem(410, "link_spent");
    assert_eq!(ada.get("/v1/me").await.json()["email"], "ada@example.com");
    let reset_mail = mail(&install);
    assert!(reset_mail.contains("To: ada@example.com"), "{reset_mail}");
    assert_eq!(reset(&server.client(), &secret_of(&reset_mail), OTHER).await.status, 204);
    for body in [json!({}), json!({ "token": "a", "code": "b" })] {
        ada.post("/v1/email/confirm", &body).await.problem(400, "invalid_request");
    }
}

#[tokio::test]
async fn codes_cannot_be_guessed_and_nobody_takes_what_is_another_users() {
    let install = Install::new();
    let server = start(&install).await;
    install.add_user("bob", PASSWORD, &[]);
    let bob = server.client().signed_in("bob", PASSWORD).await;
    assert_eq!(patch(&bob, json!({ "email": "ADA@example.com" })).await.status, 202, "nobody learns of ada");
    let mail = mail(&install);
    confirm(&bob, &secret_of(&mail)).await.problem(409, "email_taken");
    let right = code(&mail);
    let wrong = if right == "000000" { "000001" } else { "000000" };
    for _ in 0..5 {
        let tried = bob.post_authorized("/v1/email/confirm", &json!({ "code": wrong })).await;
        tried.problem(422, "wrong_code");
    }
    let tried = bob.post_authorized("/v1/email/confirm", &json!({ "code": right })).await;
    tried.problem(429, "too_many_attempts");
    for _ in 0..4 {
        assert_eq!(patch(&bob, json!({ "email": "bob@example.com" })).await.status, 202);
    }
    patch(&bob, json!({ "email": "bob@example.com" })).await.problem(429, "too_many_attempts");
}

#[tokio::test]
async fn who_is_known_by_what_is_changed_by_a_recent_sign_in_alone() {
    let install = Install::new().with("KEYWARD_ACCOUNTS_RECENT_SIGN_IN", "1s");
    let server = start(&install).await;
    let ada = server.client().signed_in("ada", PASSWORD).await;
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let refused = patch(&ada, json!({ "email": "new@example.com" })).await;
    assert!(refused.header("www-authenticate").contains("max_age=\"1\""), "{refused:?}");
    refused.problem(401, "insufficient_user_authentication");
    let refused = send(ada.authorized("DELETE", "/v1/me")).await;
    refused.problem(401, "insufficient_user_authentication");
    assert!(files(&install).is_empty());
    assert_eq!(ada.get("/v1/me").await.status, 200, "it is no dead token");
}

#[tokio::test]
async fn an_account_goes_with_all_it_holds_when_its_owner_says_so() {
    let install = Install::new();
    let server = start(&install).await;
    let ada = server.client().signed_in("ada", PASSWORD).await;
    let elsewhere = server.client().signed_in("ada", PASSWORD).await;
    assert_eq!(send(ada.authorized("DELETE", "/v1/me")).await.status, 204);
    for session in [&ada, &elsewhere] {
        assert_eq!(session.check().await.status, 401);
        assert_eq!(session.refreshes().await.status, 401);
    }
    assert_eq!(server.client().login("ada", PASSWORD).await.status, 401);
    forgot(&server.client(), "ada@example.com").await;
    install.add_user("ada", OTHER, &["--role", "admin"]);
    install.add_user("root", PASSWORD, &["--role", "admin"]);
    let again = server.client().signed_in("ada", OTHER).await;
    assert!(again.get("/v1/me").await.json()["email"].is_null(), "the address went too");
    let admin = server.client().signed_in("root", PASSWORD).await;
    assert_eq!(send(again.authorized("DELETE", "/v1/me")).await.status, 204);
    send(admin.authorized("DELETE", "/v1/me")).await.problem(409, "conflict");
}

#[tokio::test]
async fn where_accounts_have_no_addresses_nothing_is_sent_and_nothing_is_told() {
    let install = Install::new().with("KEYWARD_ACCOUNTS_EMAIL", "off");
    let server = start(&install).await;
    let ada = server.client().signed_in("ada", PASSWORD).await;
    assert_eq!(forgot(&ada, "ada").await.status, 202);
    patch(&ada, json!({ "email": "new@example.com" })).await.problem(400, "invalid_request");
    assert_eq!(ada.login("ada@example.com", PASSWORD).await.status, 401);
    let body = json!({ "current": PASSWORD, "new": OTHER });
    assert_eq!(ada.post_authorized("/v1/password", &body).await.status, 204);
    assert_eq!(install.good(&["mail", "list", "--json"]).trim(), "[]");
}

async fn sign_up(client: &Actor, body: Value) -> Answer {
    client.post("/v1/signup", &body).await
}

#[tokio::test]
async fn who_signs_up_is_let_in_once_their_address_is_confirmed_where_one_is_required() {
    let install =
        Install::new().with("KEYWARD_ACCOUNTS_SIGNUP", "open").with("KEYWARD_ACCOUNTS_EMAIL", "required");
    let server = start(&install).await;
    install.add_user("old", PASSWORD, &[]);
    let client = server.client();
    client.signed_in("old", PASSWORD).await;
    let bob = json!({ "username": "bob", "password": PASSWORD, "email": "bob@example.com" });
    let made = sign_up(&client, bob.clone()).await;
    assert_eq!((made.status, made.text.as_str()), (202, ""), "{made:?}");
    sign_up(&client, bob).await.problem(409, "username_taken");
    let nowhere = json!({ "username": "eve", "password": PASSWORD });
    sign_up(&client, nowhere).await.problem(400, "invalid_request");
    let asked = mail(&install);
    assert!(asked.contains("To: bob@example.com") && !text(&asked).contains("code"), "{asked}");
    assert_eq!(client.login("bob", OTHER).await.status, 401);
    client.login("bob", PASSWORD).await.problem(403, "email_unconfirmed");
    client.login("bob@example.com", PASSWORD).await.problem(401, "invalid_credentials");
    let again = mail(&install);
    assert_eq!(confirm(&client, &secret_of(&asked)).await.status, 204);
    confirm(&client, &secret_of(&again)).await.problem(410, "link_spent");
    client.signed_in("bob", PASSWORD).await;
    client.signed_in("bob@example.com", PASSWORD).await;
    // Whose an address is, is told to nobody.
    let thief = json!({ "username": "thief", "password": PASSWORD, "email": "ada@example.com" });
    assert_eq!(sign_up(&client, thief).await.status, 202);
    confirm(&client, &secret_of(&mail(&install))).await.problem(409, "email_taken");
    client.login("thief", PASSWORD).await.problem(403, "email_unconfirmed");
    install.good(&["user", "email", "thief", "thief@example.com", "--verified"]);
    client.signed_in("thief", PASSWORD).await;
}

#[tokio::test]
async fn who_signs_up_with_an_address_is_asked_to_confirm_it() {
    let install = Install::new().with("KEYWARD_ACCOUNTS_SIGNUP", "open");
    let server = start(&install).await;
    install.good(&["app", "add", "shop"]);
    install.good(&["app", "update", "shop", "--confirm-url", "https://shop.example.com/confirm"]);
    let mut bob =
        json!({ "username": "bob", "password": PASSWORD, "email": "bob@example.com", "app": "shop" });
    let client = server.client();
    assert_eq!(sign_up(&client, bob.clone()).await.status, 201);
    let signed_in = client.signed_in("bob", PASSWORD).await;
    let asked = mail(&install);
    assert!(text(&asked).contains("https://shop.example.com/confirm?token="), "{asked}");
    let by_code = signed_in.post_authorized("/v1/email/confirm", &json!({ "code": code(&asked) })).await;
    assert_eq!(by_code.status, 204);
    client.signed_in("bob@example.com", PASSWORD).await;
    (bob["username"], bob["app"]) = (json!("eve"), json!("unknown"));
    sign_up(&client, bob).await.problem(400, "invalid_request");
}

#[tokio::test]
async fn no_link_is_good_again_where_a_copy_of_the_database_was_put_back() {
    let install = Install::new();
    let server = start(&install).await;
    install.good(&["backup", "copy.db"]);
    for _ in 0..2 {
        assert_eq!(forgot(&server.client(), "ada").await.status, 202);
    }
    let [used, unused] = [secret_of(&mail(&install)), secret_of(&mail(&install))];
    assert_eq!(reset(&server.client(), &used, OTHER).await.status, 204);
    server.terminate();
    for side in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(install.path(&format!("data/keyward.db{side}")));
    }
    fs::rename(install.path("copy.db"), install.path("data/keyward.db")).expect("put back");
    let server = install.start().await;
    server.client().signed_in("ada", PASSWORD).await;
    for link in [used, unused] {
        reset(&server.client(), &link, OTHER).await.problem(410, "link_spent");
    }
    for file in files(&install) {
        fs::remove_file(file).expect("removed");
    }
    assert_eq!(forgot(&server.client(), "ada").await.status, 202);
    assert_eq!(reset(&server.client(), &secret_of(&mail(&install)), OTHER).await.status, 204);
}

#[tokio::test]
async fn a_disk_that_is_full_takes_no_mail_and_promises_none() {
    let install = Install::new();
    install.add_user("ada", PASSWORD, &["--email", "ada@example.com"]);
    install.good(&["user", "email", "ada", "ada@example.com", "--verified"]);
    let install =
        install.with("KEYWARD_STORAGE_DATA_DIR", disk::FOLDER).with("KEYWARD_RATE_LIMIT_MAILS", 100);
    let server = disk::start_on_own_disk(&install).await;
    let ada = server.client().signed_in("ada", PASSWORD).await;
    disk::fill(&server);
    forgot(&ada, "ada").await.problem(503, "store_unavailable");
    patch(&ada, json!({ "email": "new@example.com" })).await.problem(503, "store_unavailable");
    assert_eq!(ada.get("/v1/me").await.json()["email"], "ada@example.com");
    disk::empty(&server);
    retried(async || match forgot(&ada, "ada").await.status {
        202 => Ok(()),
        status => Err(status),
    })
    .await;
    let folder = server.inside(&format!("{}/mail", disk::FOLDER));
    let there = || fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path()).next();
    let mail = fs::read_to_string(wait_for(there).expect("a mail")).expect("a text");
    assert_eq!(reset(&ada, &secret_of(&mail), OTHER).await.status, 204);
}

#[tokio::test]
async fn an_operator_sends_a_link_and_sees_no_password() {
    let install = Install::new().with_admin();
    let server = start(&install).await;
    let users: Value = serde_json::from_str(&install.good(&["user", "show", "ada", "--json"])).expect("JSON");
    install.add_user("root", PASSWORD, &["--role", "admin"]);
    let admin = server.client().signed_in("root", PASSWORD).await.at(&server.admin_url);
    let path = format!("/admin/v1/users/{}/reset-password", users["id"].as_str().expect("an id"));
    let sent = send(admin.authorized("POST", &path)).await;
    assert_eq!((sent.status, sent.text.as_str()), (202, ""));
    assert_eq!(reset(&server.client(), &secret_of(&mail(&install)), OTHER).await.status, 204);
}

#[tokio::test]
async fn mail_waits_while_its_server_is_away_and_outlives_the_process() {
    let port = free_port();
    let install = Install::new()
        .with("KEYWARD_MAIL_SMTP_URL", format!("smtp://127.0.0.1:{port}"))
        .with("KEYWARD_MAIL_ALLOW_PLAIN", "true")
        .with("KEYWARD_MAIL_FROM", "Keyward <no-reply@example.com>");
    let server = start(&install).await;
    assert_eq!(forgot(&server.client(), "ada").await.status, 202);
    let listed = || -> Vec<Value> {
        serde_json::from_str(&install.good(&["mail", "list", "--json"])).expect("an array")
    };
    let tried =
        || listed().first().filter(|mail| mail["attempts"] == 1 && !mail["failure"].is_null()).cloned();
    let mail = wait_for(tried).expect("tried once");
    assert_eq!((&mail["kind"], &mail["state"]), (&json!("reset_password"), &json!("waiting")));
    assert_eq!((&mail["to"], &mail["user"]), (&json!("ada"), &Value::Null), "who that is is not known yet");
    assert!(install.good(&["mail", "list"]).contains("the server cannot be reached: Connection refused"));
    server.kill();
    let _server = install.start().await;
    let id = mail["id"].as_str().expect("an id");
    assert_eq!(listed()[0]["id"], id, "it is there");
    let told: Value = serde_json::from_str(&install.good(&["mail", "retry", id, "--json"])).expect("JSON");
    assert_eq!(told["id"], id);
    install.good(&["mail", "drop", id]);
    assert!(listed().is_empty());
    let none = install.run(&["mail", "retry", id]);
    assert!(none.code == Some(1) && none.stderr.contains("there is no mail"), "{none:?}");
    assert_eq!(install.run(&["mail", "drop", "x"]).code, Some(1));
}

#[tokio::test]
async fn a_real_mail_server_takes_it_by_tls_either_way_and_by_no_other_authority() {
    for (scheme, from_first_byte) in [("smtp", false), ("smtps", true)] {
        let certificates = Certificates::of("127.0.0.1");
        let exim = Exim::start(&certificates, from_first_byte);
        let with = |ca: PathBuf| {
            Install::new()
                .with("KEYWARD_MAIL_SMTP_URL", format!("{scheme}://127.0.0.1:{}", exim.port))
                .with("KEYWARD_MAIL_SMTP_TLS_CA", ca.display())
                .with("KEYWARD_MAIL_FROM", "Keyward <no-reply@example.com>")
        };
        let stranger = Certificates::of("127.0.0.1");
        let install = with(stranger.file("ca.pem"));
        let server = start(&install).await;
        forgot(&server.client(), "ada").await;
        let failed = || Some(install.good(&["mail", "list"])).filter(|list| list.contains("TLS failed"));
        wait_for(failed).unwrap_or_else(|| panic!("{}", install.good(&["mail", "list"])));
        drop(server);
        let install = with(certificates.file("ca.pem"));
        let server = start(&install).await;
        forgot(&server.client(), "ada").await;
        let mail = wait_for(|| exim.mails().into_iter().next()).unwrap_or_else(|| {
            panic!("nothing arrived: {}", install.good(&["mail", "list"]));
        });
        assert!(mail.contains("for ada@example.com;"), "{mail}");
        assert_eq!(reset(&server.client(), &secret_of(&mail), OTHER).await.status, 204);
    }
}

#[tokio::test]
async fn what_cannot_be_sent_with_is_said_at_the_start() {
    for (settings, told) in [
        (&[("KEYWARD_MAIL_SMTP_URL", "smtp://mail.example.com")][..], "mail.from does not say"),
        (
            &[
                ("KEYWARD_MAIL_SMTP_URL", "smtp://mail.example.com"),
                ("KEYWARD_MAIL_FROM", "a@example.com"),
                ("KEYWARD_MAIL_ALLOW_PLAIN", "true"),
            ],
            "mail.allow_plain is for a mail server on this machine",
        ),
        (&[("KEYWARD_MAIL_SMTP_URL", "mail.example.com")], "mail.smtp_url"),
        (&[("KEYWARD_MAIL_FROM", "a@example.com\r\nBcc: b@example.com")], "mail.from"),
        (&[("KEYWARD_MAIL_TEMPLATES", "nowhere")], "nowhere"),
    ] {
        let install =
            settings.iter().fold(Install::new(), |install, (name, value)| install.with(name, value));
        let outcome = install.run(&["serve"]);
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        assert!(outcome.stderr.contains(told), "{told}: {outcome:?}");
        assert!(!outcome.stderr.contains('\r'), "{outcome:?}");
    }
    let shown = Install::new().with("KEYWARD_MAIL_SMTP_URL", "smtps://user:s3cret-of-smtp@mail.example.com");
    let shown = shown.with("KEYWARD_MAIL_FROM", "a@example.com").good(&["config"]);
    assert!(shown.contains("smtps://user:***@mail.example.com") && !shown.contains("s3cret"), "{shown}");
}

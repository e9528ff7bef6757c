//! Contract 5.2: what an app takes at its sign-ins (`--methods`, `--identifiers`). What it does not take is neither
//! offered nor accepted there, makes no less of what is asked for, and tells nothing of anybody.

use serde_json::{Value, json};

use super::{
    actor::{Actor, Answer},
    cookies::send,
    install::Install,
    metrics::page::Page,
    passkeys::{PAGE, Scene, enrol, key},
    second_factor::{self, code},
};

const PASSWORD: &str = "seven words make a fine passphrase indeed";
const NOT_ACCEPTED: &str = "method_not_accepted";

async fn login_at(client: &Actor, app: &str, name: &str, password: &str) -> Answer {
    client.post("/v1/login", &json!({ "username": name, "password": password, "app": app })).await
}

fn update(install: &Install, more: &[&str]) {
    install.good(&[&["app", "update", "web"], more].concat());
}

/// Attack 18: the password where the policy demands a passkey.
#[tokio::test]
async fn an_app_that_takes_no_password_says_so_of_whomever_and_compares_none() {
    let scene = Scene::set().await;
    let (alice, mut own, client) = (scene.by_password("alice").await, key(), scene.client());
    enrol(&alice, &mut own).await;
    update(&scene.install, &["--methods", "passkey"]);
    let hashed = async || Page::of(&scene.server).await.value("keyward_hash_queue_wait_seconds_count");
    let before = hashed().await;
    // More of them than may fail: none is counted, for none is looked at.
    for _ in 0..4 {
        let mut said = Vec::new();
        for (name, password) in
            [("alice", PASSWORD), ("alice", "wrong"), ("nobody", PASSWORD), ("bob", PASSWORD)]
        {
            said.push(login_at(&client, "web", name, password).await.problem(403, NOT_ACCEPTED));
        }
        assert!(said.iter().all(|one| *one == said[0]), "{said:?}");
    }
    assert_eq!(hashed().await, before);
    let refused =
        Page::of(&scene.server).await.value(r#"keyward_sign_ins_total{outcome="method_not_accepted"}"#);
    assert_eq!(refused, Some(16.0));
    let signed_in = client.with_tokens(&scene.signs_in(&own).await);
    assert_eq!(signed_in.check_at("/v1/check?acr=2").await.status, 200);
    assert_eq!(login_at(&client, "default", "bob", PASSWORD).await.status, 200, "at another app it is taken");

    // A step-up keeps to it, also in sessions that a password has opened.
    for session in [&signed_in, &alice] {
        let by_password = json!({ "password": PASSWORD });
        session.post_authorized("/v1/step-up", &by_password).await.problem(403, NOT_ACCEPTED);
        let asks = json!({ "method": "password" });
        session.post_authorized("/v1/step-up/challenge", &asks).await.problem(403, NOT_ACCEPTED);
        let asks = json!({ "method": "passkey" });
        let request =
            session.post_authorized("/v1/step-up/challenge", &asks).await.json()["public_key"].clone();
        let by_passkey = json!({ "passkey": own.get(&request) });
        assert_eq!(session.post_authorized("/v1/step-up", &by_passkey).await.status, 200);
    }
    // The account's own settings are no sign-in to the app.
    let other = json!({ "current": PASSWORD, "new": "eight other words make a fine passphrase too" });
    assert_eq!(signed_in.post_authorized("/v1/password", &other).await.status, 204);
    assert_eq!(signed_in.refreshed().await.check().await.status, 200, "sessions go on");
}

/// Attack 18: what is not taken is not got around by the password alone.
#[tokio::test]
async fn a_second_factor_that_an_app_does_not_take_is_asked_for_all_the_same() {
    let install = Install::new();
    install.good(&["app", "add", "web"]);
    for name in ["alice", "bob"] {
        install.add_user(name, PASSWORD, &[]);
    }
    let server = install.start().await;
    let client = server.client();
    let (app, codes) = second_factor::enrol(&client.signed_in("alice", PASSWORD).await).await;
    let begins = async || login_at(&client, "web", "alice", PASSWORD).await.problem(403, "mfa_required");
    let answers = async |token: &Value, proof: Value| {
        let mut body = json!({ "mfa_token": token });
        body.as_object_mut().expect("members").extend(proof.as_object().expect("members").clone());
        client.post("/v1/login/answer", &body).await
    };
    let before = begins().await;
    for (methods, offered) in [("password", json!([])), ("password,recovery_code", json!(["recovery_code"]))]
    {
        update(&install, &["--methods", methods]);
        let asked = begins().await;
        assert_eq!(asked["methods"], offered, "{methods}");
        for token in [&before["mfa_token"], &asked["mfa_token"]] {
            answers(token, json!({ "totp": code(&app, 1) })).await.problem(403, NOT_ACCEPTED);
            let challenge = json!({ "mfa_token": token, "method": "totp" });
            client.post("/v1/login/challenge", &challenge).await.problem(403, NOT_ACCEPTED);
        }
        let begun = client.post("/v1/login/passkey", &json!({ "app": "web" })).await;
        begun.problem(403, NOT_ACCEPTED);
        assert_eq!(
            login_at(&client, "web", "bob", PASSWORD).await.status,
            200,
            "who has none is asked for none"
        );
    }
    let taken = json!({ "recovery_code": codes[0] });
    let signed_in = client.with_tokens(&answers(&begins().await["mfa_token"], taken).await);
    let by_totp = json!({ "totp": code(&app, 1) });
    signed_in.post_authorized("/v1/step-up", &by_totp).await.problem(403, NOT_ACCEPTED);
    // An attempt that a password began, where none is taken any more.
    let left = begins().await;
    update(&install, &["--methods", "passkey,totp"]);
    answers(&left["mfa_token"], json!({ "totp": code(&app, 1) })).await.problem(403, NOT_ACCEPTED);
    update(&install, &["--no-methods"]);
    let answered = answers(&left["mfa_token"], json!({ "totp": code(&app, 1) })).await;
    assert_eq!(answered.status, 200, "nothing was spent by what was refused: {answered:?}");
}

#[tokio::test]
async fn who_is_named_otherwise_than_an_app_takes_is_nobody_there() {
    let install = Install::new();
    install.good(&["app", "add", "web"]);
    install.add_user("alice", PASSWORD, &[]);
    install.good(&["user", "email", "alice", "alice@example.com", "--verified"]);
    // Anybody may take a name that looks like an address.
    install.add_user("bob@example.com", PASSWORD, &[]);
    let server = install.start().await;
    let client = server.client();
    let names = ["alice", "alice@example.com", "bob@example.com"];
    for (taken, gets_in) in [
        (&["--identifiers", "email"][..], [401, 200, 401]),
        (&["--identifiers", "username"], [200, 401, 200]),
        (&["--identifiers", "username,email"], [200; 3]),
        (&["--no-identifiers"], [200; 3]),
    ] {
        update(&install, taken);
        for (name, status) in names.into_iter().zip(gets_in) {
            let answer = login_at(&client, "web", name, PASSWORD).await;
            assert_eq!(answer.status, status, "{taken:?} {name}: {answer:?}");
            if status == 401 {
                let nobody = login_at(&client, "web", "nobody@example.com", PASSWORD).await;
                assert_eq!(answer.json(), nobody.problem(401, "invalid_credentials"));
            }
        }
    }
}

#[tokio::test]
async fn an_address_signs_in_that_is_longer_than_a_name_may_be() {
    let install = Install::new();
    install.good(&["app", "add", "web"]);
    install.add_user("alice", PASSWORD, &[]);
    let hosts = ["b".repeat(60), "c".repeat(60), "d".repeat(60)].join(".");
    let longest = format!("{}@{hosts}.example", "a".repeat(63));
    assert_eq!(longest.len(), 254);
    install.good(&["user", "email", "alice", &longest, "--verified"]);
    update(&install, &["--identifiers", "email"]);
    let server = install.start().await;
    let client = server.client();
    assert_eq!(login_at(&client, "web", &longest, PASSWORD).await.status, 200);
    assert_eq!(login_at(&client, "default", &longest, PASSWORD).await.status, 200);
    login_at(&client, "web", &longest, "wrong").await.problem(401, "invalid_credentials");
    login_at(&client, "web", &format!("a{longest}"), PASSWORD).await.problem(400, "invalid_request");
    login_at(&client, "web", &"a".repeat(129), PASSWORD).await.problem(400, "invalid_request");
}

#[tokio::test]
async fn what_nobody_could_sign_in_by_is_refused_where_it_is_decided() {
    let install = Install::new().with("KEYWARD_ACCOUNTS_EMAIL", "off");
    install.good(&["app", "add", "web", "--origin", PAGE]);
    let nobody = "methods, mfa: nobody could sign in: an app takes passkey, or password, and with that, where mfa is \
                  required, totp or recovery_code";
    for (words, said) in [
        (&["--methods", "totp"][..], nobody),
        (&["--methods", "totp,recovery_code"], nobody),
        (&["--methods", "password", "--mfa", "required"], nobody),
        (&["--methods", "pigeon"], "takes one at least of password, passkey, totp and recovery_code"),
        (&["--methods", ""], "takes one at least of password, passkey, totp and recovery_code"),
        (&["--identifiers", "phone"], "takes one at least of username and email"),
        (&["--identifiers", "email"], "identifiers: accounts have no address here"),
    ] {
        let refused = install.run(&[&["app", "update", "web"], words].concat());
        assert!(refused.code != Some(0) && refused.stderr.contains(said), "{words:?}: {refused:?}");
    }
    // The one half first, and then the other.
    update(&install, &["--methods", "password"]);
    let refused = install.run(&["app", "update", "web", "--mfa", "required"]);
    assert!(refused.code == Some(1) && refused.stderr.contains(nobody), "{refused:?}");
    update(&install, &["--mfa", "required", "--methods", "totp, password", "--identifiers", "username"]);
    let refused = install.run(&["app", "update", "web", "--methods", "password"]);
    assert!(refused.code == Some(1) && refused.stderr.contains(nobody), "{refused:?}");
    let shown: Value = serde_json::from_str(&install.good(&["app", "show", "web", "--json"])).expect("JSON");
    assert_eq!((&shown["mfa"], &shown["methods"]), (&json!("required"), &json!(["password", "totp"])));
    assert_eq!(shown["identifiers"], json!(["username"]));
    update(&install, &["--no-methods", "--no-identifiers"]);
    let shown: Value = serde_json::from_str(&install.good(&["app", "show", "web", "--json"])).expect("JSON");
    assert_eq!((&shown["methods"], &shown["identifiers"]), (&Value::Null, &Value::Null));
    let events = install.good(&["audit", "--json"]);
    assert!(events.contains("\"detail\":\"mfa methods identifiers\""), "{events}");
}

#[tokio::test]
async fn an_operator_decides_it_over_the_admin_api_too() {
    let install = Install::new().with_admin();
    install.good(&["app", "add", "web"]);
    install.add_user("root", PASSWORD, &["--role", "admin"]);
    let server = install.start().await;
    let root = server.client().signed_in("root", PASSWORD).await.at(&server.admin_url);
    let patches = async |body: Value| send(root.authorized("PATCH", "/admin/v1/apps/web").json(&body)).await;
    let decided = patches(json!({ "methods": ["totp", "password"], "identifiers": ["email"] })).await.json();
    assert_eq!(decided["methods"], json!(["password", "totp"]));
    assert_eq!(decided["identifiers"], json!(["email"]));
    for (wrong, detail) in [
        (
            json!({ "methods": [] }),
            "methods: takes one at least of password, passkey, totp and recovery_code",
        ),
        (
            json!({ "methods": ["sms"] }),
            "methods: takes one at least of password, passkey, totp and recovery_code",
        ),
        (json!({ "identifiers": ["phone"] }), "identifiers: takes one at least of username and email"),
        (
            json!({ "methods": ["totp"] }),
            "methods, mfa: nobody could sign in: an app takes passkey, or password, and with that, where mfa is \
             required, totp or recovery_code",
        ),
    ] {
        assert_eq!(patches(wrong).await.problem(400, "invalid_request")["detail"], detail);
    }
    let dropped = patches(json!({ "methods": null, "identifiers": null })).await.json();
    assert_eq!((&dropped["methods"], &dropped["identifiers"]), (&Value::Null, &Value::Null));
}

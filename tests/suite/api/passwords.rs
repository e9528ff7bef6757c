//! Contract 1 and 2.1: which passwords are taken. Everything that lets a user choose one holds to the same rule; what
//! differs by how the server is called needs a server.

use std::fs;

use serde_json::{Value, json};

use super::install::Install;

const PASSWORD: &str = "correct horse battery";
const OTHER: &str = "staple my other phrase";

/// Of the passwords of eight characters and more that are found most often in breaches.
const COMMON: &str = "password 12345678 123456789 1234567890 qwerty123 1q2w3e4r password1 iloveyou 11111111 \
    sunshine princess football baseball superman trustno1 qwertyuiop 1qaz2wsx letmein1 abcd1234 asdfghjkl \
    00000000 computer starwars whatever michelle jennifer password123 1234qwer 88888888 87654321 passw0rd \
    zaq12wsx jonathan victoria liverpool internet samantha welcome1 q1w2e3r4 changeme administrator \
    password12 12344321 P@ssw0rd Password1 Passw0rd! iloveyou1 charlie1 monkey123 dragon123";

#[tokio::test]
async fn what_is_found_most_often_in_breaches_is_refused() {
    let install = Install::new().with("KEYWARD_ACCOUNTS_SIGNUP", "open");
    let server = install.start().await;
    let client = server.client();
    for password in COMMON.split_whitespace() {
        let body = json!({ "username": "dave", "password": password });
        client.post("/v1/signup", &body).await.problem(422, "weak_password");
    }
}

#[tokio::test]
async fn what_is_on_the_operators_list_is_refused_wherever_a_password_is_set() {
    let known = "quarrelsome lantern of mildew eleven";
    let install = Install::new().with("KEYWARD_ACCOUNTS_SIGNUP", "open");
    fs::write(install.path("list.txt"), format!("hunter22\n{known}\n")).expect("written");
    let built: Value =
        serde_json::from_str(&install.good(&["breach", "build", "list.txt", "--json"])).expect("JSON");
    assert_eq!(built, json!({ "file": "list.txt.breached", "passwords": 2 }));
    let install = install.with("KEYWARD_ACCOUNTS_BREACHED_PASSWORDS", "list.txt.breached");
    let server = install.start().await;
    let refused = install.run_with_input(&["user", "add", "eve", "--password-stdin"], known);
    assert!(refused.code == Some(1) && refused.stderr.contains("known from a breach"), "{refused:?}");
    let body = |password: &str| json!({ "username": "dave", "password": password });
    server.client().post("/v1/signup", &body(known)).await.problem(422, "weak_password");
    let other = "quarrelsome lantern of mildew twelve";
    assert_eq!(server.client().post("/v1/signup", &body(other)).await.status, 201);
    let dave = server.client().signed_in("dave", other).await;
    let change = json!({ "current": other, "new": known });
    dave.post_authorized("/v1/password", &change).await.problem(422, "weak_password");
    // It is read where it lies: one that was cut is an outage, and no open door.
    fs::File::options()
        .write(true)
        .open(install.path("list.txt.breached"))
        .expect("there")
        .set_len(16)
        .expect("cut");
    let change = json!({ "current": other, "new": "an odd new password of nine strange words" });
    dave.post_authorized("/v1/password", &change).await.problem(503, "store_unavailable");
    for list in ["list.txt", "nowhere"] {
        let install =
            Install::new().with("KEYWARD_ACCOUNTS_BREACHED_PASSWORDS", install.path(list).display());
        let outcome = install.run(&["serve"]);
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        assert!(outcome.stderr.contains("accounts.breached_passwords"), "{outcome:?}");
    }
    let none = install.run(&["breach", "build", "nowhere"]);
    assert!(none.code == Some(1) && none.stderr.contains("nowhere"), "{none:?}");
}

#[tokio::test]
async fn what_the_server_and_the_user_are_called_is_guessed() {
    let signed_up = async |public_url: &str, password: &str| {
        let install = Install::new()
            .with("KEYWARD_ACCOUNTS_SIGNUP", "open")
            .with("KEYWARD_SERVER_PUBLIC_URL", public_url);
        let server = install.start().await;
        let body = json!({ "username": "dave", "password": password, "email": "d.quimbleton@mail.example" });
        server.client().post("/v1/signup", &body).await.status
    };
    let (here, elsewhere) = ("https://auth.fabrikontos.example", "https://auth.contoso.example");
    assert_eq!(signed_up(here, "fabrikontos2026").await, 422);
    assert_eq!(signed_up(elsewhere, "fabrikontos2026").await, 201);
    assert_eq!(signed_up(here, "Quimbleton1").await, 422);
    assert_eq!(signed_up(here, "Keyward2026!").await, 422);
}

#[tokio::test]
async fn any_characters_will_do_and_64_of_them() {
    let install = Install::new().with("KEYWARD_ACCOUNTS_SIGNUP", "open");
    let server = install.start().await;
    let client = server.client();
    let long = "ordinary words of no particular order until sixty-four are there";
    assert_eq!(long.chars().count(), 64);
    let odd = [
        "only lower case letters here",
        "74190385562019",
        "\u{2602} \u{7530}\u{4e2d} \u{2603} zo\u{eb} \u{263a}",
        long,
    ];
    for (number, password) in odd.into_iter().enumerate() {
        let name = format!("user-{number}");
        let body = json!({ "username": name, "password": password });
        assert_eq!(client.post("/v1/signup", &body).await.status, 201, "{password}");
        let cut: String = password.chars().take(password.chars().count() - 1).collect();
        for other in [cut, password.to_uppercase()].iter().filter(|other| *other != password) {
            client.login(&name, other).await.problem(401, "invalid_credentials");
        }
        client.signed_in(&name, password).await;
    }
}

#[tokio::test]
async fn a_password_is_changed_only_by_who_knows_the_current_one() {
    let install = Install::new();
    install.add_user("alice", PASSWORD, &[]);
    let server = install.start().await;
    let alice = server.client().signed_in("alice", PASSWORD).await;
    alice.post_authorized("/v1/password", &json!({ "new": OTHER })).await.problem(400, "invalid_request");
    let wrong = json!({ "current": "guessed", "new": OTHER });
    alice.post_authorized("/v1/password", &wrong).await.problem(422, "wrong_password");
    server.client().signed_in("alice", PASSWORD).await;
    let right = json!({ "current": PASSWORD, "new": OTHER });
    assert_eq!(alice.post_authorized("/v1/password", &right).await.status, 204);
    server.client().login("alice", PASSWORD).await.problem(401, "invalid_credentials");
    server.client().signed_in("alice", OTHER).await;
}

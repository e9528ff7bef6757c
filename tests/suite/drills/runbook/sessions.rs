//! Why sessions ended, who opened them, and ending as many as it takes.

use serde_json::{Value, json};

use super::{PASSWORD, USER, does, says};
use crate::support::outside::{actor::Actor, install::Install, nodes::comes_to};

#[tokio::test]
async fn why_somebody_was_signed_out_is_answered_by_command_and_by_the_api() {
    let install = Install::new().with_admin();
    install.add_user(USER, PASSWORD, &[]);
    install.add_user("olga", PASSWORD, &["--role", "admin.read"]);
    let server = install.start().await;
    let sign_in = async || server.client().signed_in(USER, PASSWORD).await;
    let (leaves, thrown_out, outdated) = (sign_in().await, sign_in().await, sign_in().await);
    assert_eq!(leaves.logout().await.status, 204);
    install.good(&["session", "revoke", &thrown_out.session]);
    let new = install.run_with_input(&["user", "set-password", USER, "--password-stdin"], PASSWORD);
    assert_eq!(new.code, Some(0), "{new:?}");
    let lives = sign_in().await;

    let title = "signed out: why, by whom, and what else was with that session";
    let said = does(&install, title, &[("NAME", USER), ("SESSION", &thrown_out.session)]);
    let why = |session: &str, word: &str| {
        said.lines().any(|line| line.contains(session) && line.contains("signed_out") && line.ends_with(word))
    };
    assert!(why(&leaves.session, "logout") && why(&thrown_out.session, "admin"), "{said}");
    assert!(why(&outdated.session, "password_changed"), "{said}");
    says(&said, &["shell:", "signed_in", &lives.session]);

    let olga = server.client().signed_in("olga", PASSWORD).await;
    let variables =
        [("TOKEN", &*olga.access), ("ADMIN", &server.admin_url), ("SESSION", &thrown_out.session)];
    let said = does(&install, "signed out: the same over the admin API", &variables);
    let told: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(
        (told["events"].as_array().map(Vec::len), &told["events"][0]["reason"]),
        (Some(1), &json!("admin"))
    );
}

#[tokio::test]
async fn who_signed_in_as_admin_and_from_where_is_answered() {
    let install = Install::new();
    install.add_user("olga", PASSWORD, &[]);
    install.add_user(USER, PASSWORD, &["--role", "seller"]);
    install.good(&["user", "role", "olga", "--add", "admin"]);
    let server = install.start().await;
    let olga = server.client().signed_in("olga", PASSWORD).await;
    server.client().signed_in(USER, PASSWORD).await;
    let title = "admins: who they are, who made them, and when and where they signed in";
    let said = does(&install, title, &[("NAME", "olga")]);
    assert!(said.starts_with("olga\n"), "{said}");
    let has = |words: &[&str]| said.lines().any(|line| words.iter().all(|word| line.contains(word)));
    assert!(has(&["user_changed", "olga", "shell:", "+admin"]), "{said}");
    assert!(has(&["signed_in", "olga", &olga.session, "127.0.0.1"]), "{said}");
    assert!(!has(&["signed_in", USER]), "{said}");
}

async fn is_out(client: &Actor) {
    comes_to(401, async || client.check().await).await;
    assert_eq!(client.refreshes().await.status, 401);
}

#[tokio::test]
async fn sessions_end_as_far_as_they_should() {
    let install = Install::new();
    for name in [USER, "bert"] {
        install.add_user(name, PASSWORD, &[]);
    }
    install.good(&["app", "add", "shop"]);
    let server = install.start().await;
    let client = server.client();
    let (one, other) = (client.signed_in(USER, PASSWORD).await, client.signed_in(USER, PASSWORD).await);
    let bert = client.signed_in("bert", PASSWORD).await;
    let body = json!({ "username": "bert", "password": PASSWORD, "app": "shop" });
    let at_shop = client.with_tokens(&client.post("/v1/login", &body).await);

    does(&install, "mass sign-out: one session", &[("SESSION", &one.session)]);
    is_out(&one).await;
    assert_eq!(other.check().await.status, 200);
    does(&install, "mass sign-out: one user", &[("NAME", USER)]);
    is_out(&other).await;
    assert_eq!(at_shop.check().await.status, 200);
    does(&install, "mass sign-out: one app", &[("APP", "shop")]);
    is_out(&at_shop).await;
    assert_eq!(bert.check().await.status, 200);
    says(&does(&install, "mass sign-out: everybody", &[]), &["1 sessions are ended; a new key signs"]);
    is_out(&bert).await;
}

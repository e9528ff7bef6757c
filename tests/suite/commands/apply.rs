//! `keyward apply`: what a file says of apps, roles and policies is shown before it is done, done once, and wrong
//! files change nothing.

use std::fs;

use serde_json::{Value, json};

use crate::support::outside::install::{Install, Outcome};

const PASSWORD: &str = "seven words make a fine passphrase indeed";

const FILE: &str = r#"
[apps.web]
origins = ["https://www.example.com", "https://app.example.com"]
access_ttl = "5m"

[apps.shop]
kind = "confidential"
audience = "https://api.example.com"

[apps.default]
origins = ["https://home.example.com"]

[users.alice]
roles = ["editor", "reader"]
"#;

fn install() -> Install {
    let install = Install::new();
    install.add_user("alice", PASSWORD, &["--role", "reader", "--role", "admin"]);
    // Somebody must be left who has it.
    install.add_user("root", PASSWORD, &["--role", "admin"]);
    install
}

fn apply(install: &Install, file: &str, more: &[&str]) -> Outcome {
    fs::write(install.path("wanted.toml"), file).expect("written");
    install.run(&[&["apply", "wanted.toml"], more].concat())
}

/// Apps, without when they were made, and the roles of alice.
fn state(install: &Install) -> (Vec<Value>, Value) {
    let read =
        |arguments: &[&str]| -> Value { serde_json::from_str(&install.good(arguments)).expect("JSON") };
    let mut apps = read(&["app", "list", "--json"]).as_array().expect("an array").clone();
    for app in &mut apps {
        app.as_object_mut().expect("an app").remove("created_at");
    }
    (apps, read(&["user", "show", "alice", "--json"])["roles"].clone())
}

#[test]
fn the_difference_is_shown_and_nothing_is_changed_without_yes() {
    let install = install();
    let before = state(&install);
    let shown = apply(&install, FILE, &[]);
    assert_eq!(shown.code, Some(1), "{shown:?}");
    let lines: Vec<_> = shown.stdout.lines().collect();
    let expected = [
        "~ app default: origins: +https://home.example.com",
        "+ app shop: kind: confidential; origins: -",
        "~ app shop: audience: - -> https://api.example.com",
        "+ app web: kind: public; origins: https://app.example.com https://www.example.com",
        "~ app web: access_ttl: - -> 300s",
        "~ user alice: roles: -admin +editor",
    ];
    assert_eq!(lines, expected);
    assert_eq!(shown.stderr, "keyward: nothing was changed: --yes does what is shown above\n");
    let told = apply(&install, FILE, &["--json"]);
    let object: Value = serde_json::from_str(&told.stdout).expect("JSON");
    assert_eq!((told.code, &object["applied"]), (Some(1), &json!(false)));
    assert!(object["changes"].as_array().expect("changes").iter().all(|change| change["done"] == false));
    assert_eq!(state(&install), before);
}

#[test]
fn the_first_run_does_it_and_the_second_changes_nothing() {
    let install = install();
    let done = apply(&install, FILE, &["--yes"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(done.stderr, "The secret of shop, shown this once:\n");
    let secret = done.stdout.lines().last().expect("a secret");
    let (apps, roles) = state(&install);
    let app = |name: &str, kind: &str, origins: &[&str], ttl: Value, audience: Value| json!({ "name": name, "kind": kind, "origins": origins, "access_ttl": ttl, "audience": audience, "role": null, "mfa": null, "methods": null, "identifiers": null, "confirm_url": null, "reset_url": null });
    assert_eq!(
        apps,
        [
            app("default", "public", &["https://home.example.com"], Value::Null, Value::Null),
            app("shop", "confidential", &[], Value::Null, json!("https://api.example.com")),
            app(
                "web",
                "public",
                &["https://app.example.com", "https://www.example.com"],
                json!(300),
                Value::Null
            ),
        ]
    );
    assert_eq!(roles, json!(["editor", "reader"]));
    for more in [&[][..], &["--yes"], &["--yes", "--prune"]] {
        let again = apply(&install, FILE, more);
        assert_eq!(
            (again.code, &*again.stdout, &*again.stderr),
            (Some(0), "All is as the file says.\n", ""),
            "{more:?}"
        );
    }
    assert!(!apply(&install, FILE, &["--yes", "--json"]).stdout.contains(secret));
}

#[test]
fn what_is_not_said_stays_and_what_is_said_to_be_nothing_goes() {
    let install = install();
    assert_eq!(apply(&install, FILE, &["--yes"]).code, Some(0));
    let changed = apply(
        &install,
        "[apps.web]\norigins = []\naccess_ttl = \"\"\n[apps.shop]\nkind = \"public\"\n[users.ALICE]\nroles = []\n",
        &["--yes"],
    );
    let expected = "~ app shop: kind: confidential -> public\n\
         ~ app web: access_ttl: 300s -> -; origins: -https://app.example.com -https://www.example.com\n\
         ~ user alice: roles: -editor -reader\n";
    assert_eq!((changed.code, &*changed.stdout), (Some(0), expected), "{changed:?}");
    let (apps, roles) = state(&install);
    assert_eq!((&apps[1]["audience"], roles), (&json!("https://api.example.com"), json!([])));
    let given = apply(&install, "[apps.shop]\nkind = \"confidential\"\n", &["--yes", "--json"]);
    let given: Value = serde_json::from_str(&given.stdout).expect("JSON");
    assert!(
        given["applied"] == true && given["changes"][0]["secret"].as_str().is_some_and(|s| s.len() > 20),
        "{given}"
    );
}

#[test]
fn what_an_app_takes_at_its_sign_ins_is_shown_done_and_dropped() {
    let install = install();
    let takes =
        "[apps.web]\nmethods = [\"totp\", \"password\"]\nidentifiers = [\"email\"]\nmfa = \"required\"\n";
    let done = apply(&install, takes, &["--yes"]);
    let shown = "~ app web: mfa: - -> required; methods: - -> password totp; identifiers: - -> email";
    assert!(done.code == Some(0) && done.stdout.contains(shown), "{done:?}");
    let web = || state(&install).0[1].clone();
    assert_eq!((&web()["methods"], &web()["identifiers"]), (&json!(["password", "totp"]), &json!(["email"])));
    assert_eq!(apply(&install, takes, &["--yes"]).stdout, "All is as the file says.\n");
    let dropped = apply(&install, "[apps.web]\nmethods = []\nidentifiers = []\n", &["--yes"]);
    let shown = "~ app web: methods: password totp -> -; identifiers: email -> -\n";
    assert_eq!((dropped.code, &*dropped.stdout), (Some(0), shown), "{dropped:?}");
    assert_eq!((&web()["methods"], &web()["identifiers"]), (&Value::Null, &Value::Null));
}

#[test]
fn apps_go_only_where_that_is_said() {
    let install = install();
    for name in ["old", "older", "kept"] {
        install.good(&["app", "add", name]);
    }
    let file = "[apps.old]\nremoved = true\n[apps.never]\nremoved = true\n[apps.kept]\n";
    let done = apply(&install, file, &["--yes"]);
    assert_eq!((done.code, &*done.stdout), (Some(0), "- app old: its sessions end\n"), "{done:?}");
    let names = || {
        state(&install)
            .0
            .iter()
            .map(|app| app["name"].as_str().expect("a name").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(), ["default", "kept", "older"]);
    let shown = apply(&install, file, &["--prune"]);
    assert_eq!((shown.code, &*shown.stdout), (Some(1), "- app older: its sessions end\n"));
    assert_eq!(apply(&install, file, &["--prune", "--yes"]).code, Some(0));
    assert_eq!(names(), ["default", "kept"]);
    let refused = apply(&install, "[users.alice]\nroles = []\n", &["--prune", "--yes"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("names no app"), "{refused:?}");
}

#[test]
fn a_mistake_is_named_before_anything_is_changed() {
    let install = install();
    let before = state(&install);
    let good = "[apps.new]\n";
    for (bad, named) in [
        (
            "[apps.web]\norgins = []\n",
            "wanted.toml: unknown key apps.web.orgins; the nearest is apps.web.origins",
        ),
        ("[app.web]\n", "unknown key app; the nearest is apps"),
        ("[users.alice]\nrole = []\n", "unknown key users.alice.role; the nearest is users.alice.roles"),
        ("[users.alice]\n", "users.alice.roles is missing"),
        ("[users.alice]\nroles = [\"a b\"]\n", "users.alice.roles: \"a b\": a role is"),
        ("[users.alice]\nroles = []\n[users.Alice]\nroles = []\n", "users.Alice is there already"),
        ("[users.nobody]\nroles = []\n", "there is no user nobody"),
        ("[apps.Web]\n", "apps.Web: an app name is"),
        ("[apps.web]\nkind = \"secret\"\n", "apps.web.kind wants"),
        ("[apps.web]\norigins = [\"https://x/\"]\n", "apps.web.origins: \"https://x/\": an origin is"),
        ("[apps.web]\norigins = \"https://x\"\n", "apps.web.origins wants a list"),
        ("[apps.web]\naccess_ttl = \"2d\"\n", "apps.web.access_ttl: wants 1s to 24h"),
        ("[apps.web]\naccess_ttl = 300\n", "apps.web.access_ttl wants a text"),
        ("[apps.web]\naudience = \"a b\"\n", "apps.web.audience: an audience is"),
        ("[apps.web]\nmethods = [\"sms\"]\n", "apps.web.methods: takes one at least of password, passkey"),
        ("[apps.web]\nmethods = \"password\"\n", "apps.web.methods wants a list of texts"),
        ("[apps.web]\nmethods = [\"totp\"]\n", "apps.web: methods, mfa: nobody could sign in"),
        (
            "[apps.web]\nmethods = [\"password\"]\nmfa = \"required\"\n",
            "apps.web: methods, mfa: nobody could sign in",
        ),
        ("[apps.web]\nidentifiers = [\"phone\"]\n", "apps.web.identifiers: takes one at least of username"),
        (
            "[apps.web]\nmfa = \"required\"\nrole = \"admin.read\"\n",
            "apps.web: role: takes an app that has a secret",
        ),
        ("[apps.web]\nremoved = true\norigins = []\n", "apps.web is removed, and has other keys"),
        ("[apps.default]\nremoved = true\n", "apps.default stays"),
        ("[apps.default]\nkind = \"confidential\"\n", "apps.default.kind: the app default is public"),
        ("[apps.web\n", "wanted.toml: line 2: "),
    ] {
        let refused = apply(&install, &format!("{good}{bad}"), &["--yes"]);
        assert_eq!((refused.code, refused.stderr.lines().count()), (Some(1), 1), "{refused:?}");
        assert!(refused.stderr.contains(named), "{named} in {refused:?}");
    }
    let missing = install.run(&["apply", "nowhere.toml", "--yes"]);
    assert!(missing.code == Some(1) && missing.stderr.contains("nowhere.toml: "), "{missing:?}");
    assert_eq!(state(&install), before);
}

/// Else an app that was made would be open to more than the file says, for it has its policy in a step of its own.
#[test]
fn what_is_a_mistake_with_what_is_there_changes_nothing_either() {
    let install = install().with("KEYWARD_ACCOUNTS_EMAIL", "off");
    install.good(&["app", "add", "web"]);
    install.good(&["app", "update", "web", "--mfa", "required"]);
    install.good(&["app", "add", "shop", "--confidential"]);
    install.good(&["app", "update", "shop", "--role", "admin.read"]);
    let before = state(&install);
    let new = "[apps.new]\nmfa = \"required\"\n";
    for (bad, named) in [
        ("[apps.web]\nmethods = [\"password\"]\n", "apps.web: methods, mfa: nobody could sign in"),
        ("[apps.web]\nrole = \"admin\"\n", "apps.web: role: takes an app that has a secret"),
        ("identifiers = [\"email\"]\n", "apps.new: identifiers: accounts have no address here"),
        ("role = \"admin\"\nkind = \"public\"\n", "apps.new: role: takes an app that has a secret"),
        (
            "[apps.shop]\nkind = \"public\"\nrole = \"admin\"\n",
            "apps.shop: role: takes an app that has a secret",
        ),
    ] {
        for more in [&["--yes"][..], &[]] {
            let refused = apply(&install, &format!("{new}{bad}"), more);
            assert_eq!((refused.code, refused.stderr.lines().count()), (Some(1), 1), "{refused:?}");
            assert!(refused.stderr.contains(named), "{named} in {refused:?}");
        }
    }
    assert_eq!(state(&install), before);
    let good = "kind = \"confidential\"\nrole = \"admin\"\n";
    assert_eq!(apply(&install, &format!("{new}{good}"), &["--yes"]).code, Some(0));
}

/// A run that ended after its first step, as far as the store can tell.
#[test]
fn a_run_that_was_cut_short_is_completed_by_the_next() {
    let install = install();
    install.good(&[
        "app",
        "add",
        "web",
        "--origin",
        "https://www.example.com",
        "--origin",
        "https://app.example.com",
    ]);
    let rest = apply(&install, FILE, &["--yes"]);
    assert_eq!(rest.code, Some(0), "{rest:?}");
    let of_web: Vec<_> = rest.stdout.lines().filter(|line| line.contains("app web")).collect();
    assert_eq!(of_web, ["~ app web: access_ttl: - -> 300s"]);
    assert_eq!(apply(&install, FILE, &[]).code, Some(0));
}

//! Settings: the layers, the manual, and one clear line for each mistake.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use keyward::config::{ConfigError, EXAMPLE, SettingOrigin, Settings, SettingsInForce, Sources};

/// What `file` and `environment` come to.
fn load(file: &str, environment: &[(&str, &str)]) -> Result<(Settings, SettingsInForce), ConfigError> {
    let folder = tempfile::tempdir().expect("a folder");
    if !file.is_empty() {
        fs::write(folder.path().join("keyward.toml"), file).expect("written");
    }
    let environment = environment.iter().map(|&(name, text)| (name.to_owned(), text.to_owned())).collect();
    let directory = folder.path().to_owned();
    Settings::load_from(&Sources { directory, config_file: None, environment })
}

/// The error of `file` and `environment`, without the folder of the file.
fn error(file: &str, environment: &[(&str, &str)]) -> String {
    let text = load(file, environment).expect_err(file).to_string();
    match text.split_once("keyward.toml") {
        Some((_, rest)) => format!("keyward.toml{rest}"),
        None => text,
    }
}

fn in_force(listing: &SettingsInForce, name: &str) -> (String, String) {
    let listed = listing.settings().iter().find(|listed| listed.name == name).expect(name);
    (listed.value.to_string(), listed.origin.to_string())
}

#[test]
fn every_setting_of_the_contract_has_its_default() {
    let (_, listing) = load("", &[]).expect("defaults");
    let contract = [
        ("server.listen", "\"127.0.0.1:8080\""),
        ("server.management_listen", "\"127.0.0.1:8081\""),
        ("server.check_listen", "\"\""),
        ("server.ext_authz_listen", "\"\""),
        ("server.admin_listen", "\"\""),
        ("admin.max_age", "\"15m\""),
        ("admin.hosts", "[]"),
        ("server.public_url", "\"http://127.0.0.1:8080\""),
        ("server.trusted_proxies", "[]"),
        ("server.drain_delay", "\"0s\""),
        ("server.shutdown_grace", "\"10s\""),
        ("storage.data_dir", "\"data\""),
        ("storage.database_url", "\"sqlite:data/keyward.db\""),
        ("storage.redis_url", "\"\""),
        ("storage.redis_mode", "\"single\""),
        ("storage.redis_master", "\"\""),
        ("storage.redis_prefix", "\"\""),
        ("storage.redis_wait", "0"),
        ("storage.database_tls_ca", "\"\""),
        ("storage.redis_tls_ca", "\"\""),
        ("storage.refresh_keys", "\"hashed\""),
        ("tokens.access_ttl", "\"15m\""),
        ("tokens.refresh_ttl", "\"7d\""),
        ("tokens.session_max_age", "\"90d\""),
        ("tokens.algorithm", "\"ES256\""),
        ("tokens.audience", "\"keyward\""),
        ("tokens.reuse_grace", "\"10s\""),
        ("tokens.confirm", "\"first-use\""),
        ("tokens.contested", "\"alarm\""),
        ("rate_limit.session_requests", "100"),
        ("rate_limit.session_window", "\"60s\""),
        ("rate_limit.login_failures", "10"),
        ("rate_limit.login_window", "\"15m\""),
        ("rate_limit.signups", "20"),
        ("rate_limit.signup_window", "\"1h\""),
        ("login.queue", "64"),
        ("keys.dir", "\"keys\""),
        ("accounts.signup", "\"closed\""),
        ("accounts.sessions_per_user", "100"),
        ("accounts.password_min_length", "8"),
        ("outage.check", "\"10s\""),
        ("log.level", "\"info\""),
        ("log.format", "\"text\""),
    ];
    for (name, value) in contract {
        assert_eq!(in_force(&listing, name), (value.to_owned(), "default".to_owned()), "{name}");
    }
}

#[test]
fn the_contract_has_every_setting_and_no_other() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/contract.md");
    let page = fs::read_to_string(page).expect("the contract");
    let table = page.split_once("| setting | default |").expect("the table of settings").1;
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let names =
        rows.filter_map(|row| row.split('|').nth(1)).flat_map(|cell| cell.split('`').skip(1).step_by(2));
    // Names that are in use elsewhere too are told beside ours.
    let told: BTreeSet<&str> = names.filter(|name| name.contains('.')).collect();
    let (_, listing) = load("", &[]).expect("defaults");
    let listed: BTreeSet<&str> = listing.settings().iter().map(|setting| setting.name.as_str()).collect();
    assert_eq!(told, listed);
}

#[test]
fn the_manual_is_a_settings_file_that_changes_nothing() {
    let (from_manual, _) = load(EXAMPLE, &[]).expect("the manual");
    let (by_default, _) = load("", &[]).expect("defaults");
    assert_eq!(format!("{from_manual:?}"), format!("{by_default:?}"));
}

#[test]
fn the_manual_says_something_of_each_setting() {
    let paragraphs = EXAMPLE.split("\n\n").filter(|text| text.contains(" = "));
    for paragraph in paragraphs.skip(1) {
        let explained = paragraph.lines().any(|line| line.starts_with("# "));
        assert!(explained, "nothing is said of:\n{paragraph}");
    }
}

#[test]
fn later_layers_win_and_the_listing_says_which() {
    let file = "[tokens]\naccess_ttl = \"5m\"\naudience = \"file\"\nsession_max_age = 0\n[server]\ntrusted_proxies = [\"10.0.0.0/8\"]";
    let environment = [
        ("KEYWARD_TOKENS_AUDIENCE", "environment"),
        ("KEYWARD_SERVER_TRUSTED_PROXIES", "192.0.2.1, 2001:db8::/32"),
        ("KEYWARD_LOGIN_QUEUE", "7"),
        ("REDIS_URL", "redis://customary"),
        ("KEYWARD_STORAGE_REDIS_URL", "redis://ours"),
        ("DATABASE_URL", "postgres://kw:s3cret@db/kw"),
        ("HOME", "/root"),
    ];
    let (settings, listing) = load(file, &environment).expect("valid");

    assert_eq!(settings.tokens.lifetimes.access.as_secs(), 300);
    assert_eq!(settings.tokens.lifetimes.session_max_age, None);
    assert_eq!(settings.tokens.audience, "environment");
    assert_eq!(settings.login.queue, 7);
    let proxies: Vec<String> = settings.server.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(proxies, ["192.0.2.1/32", "2001:db8::/32"]);

    let shown = |name| in_force(&listing, name);
    assert!(shown("tokens.access_ttl").1.ends_with("keyward.toml"));
    assert_eq!(shown("tokens.refresh_ttl").1, "default");
    assert_eq!(shown("storage.redis_url"), ("\"redis://ours\"".into(), "KEYWARD_STORAGE_REDIS_URL".into()));
    assert_eq!(shown("storage.database_url"), ("\"postgres://kw:***@db/kw\"".into(), "DATABASE_URL".into()));
    assert!(!format!("{settings:?} {listing:?}").contains("s3cret"));
}

#[test]
fn a_file_that_was_named_has_to_be_there() {
    let path = PathBuf::from("/nowhere/keyward.toml");
    let sources = Sources { config_file: Some(path), ..Sources::default() };
    assert_eq!(
        Settings::load_from(&sources).expect_err("missing").to_string(),
        "/nowhere/keyward.toml: the settings file cannot be read: No such file or directory (os error 2)"
    );
}

#[test]
fn a_named_file_stands_in_for_the_one_in_the_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    fs::write(at("keyward.toml"), "[keys]\ndir = \"usual\"").expect("written");
    fs::write(at("named.toml"), "[keys]\ndir = \"named\"").expect("written");
    let sources = Sources {
        directory: folder.path().to_owned(),
        config_file: Some(at("named.toml")),
        environment: Vec::new(),
    };
    let (settings, listing) = Settings::load_from(&sources).expect("valid");
    assert_eq!(settings.keys.dir, at("named"));
    assert_eq!(*listing.origin("keys.dir"), SettingOrigin::File(at("named.toml")));
}

#[test]
fn a_mistake_in_the_file_is_one_line_that_says_where_and_what() {
    let duration = "a duration such as 500ms, 60s, 15m or 7d";
    let seconds = "a duration such as 60s, 15m or 7d, of whole seconds and at least 1s";
    let access = "a duration such as 60s or 15m, of whole seconds, from 1s to 24h";
    for (file, message) in [
        ("[server]\nlisten = \"\n", "keyward.toml, line 2: invalid basic string, expected `\"`".to_owned()),
        ("[server]\nlissen = \"x\"", "keyward.toml: unknown setting server.lissen; the nearest is server.listen".into()),
        ("[sever]\nlisten = \"x\"", "keyward.toml: unknown setting sever.listen; the nearest is server.listen".into()),
        ("listen = \"x\"", "keyward.toml: unknown setting listen; the nearest is server.listen".into()),
        ("[tokens.access]\nttl = 1", "keyward.toml: unknown setting tokens.access; the nearest is tokens.access_ttl".into()),
        ("[server]\nlisten = 8080", "keyward.toml: server.listen wants a text such as \"127.0.0.1:8080\", got integer".into()),
        ("[server]\nlisten = \"localhost\"", "keyward.toml: server.listen wants an IP address and a port such as 127.0.0.1:8080, got \"localhost\"".into()),
        ("[server]\ntrusted_proxies = \"10.0.0.0/8\"", "keyward.toml: server.trusted_proxies wants a list of texts, got string".into()),
        ("[server]\ntrusted_proxies = [\"10.0.0.0/33\"]", "keyward.toml: server.trusted_proxies wants networks such as 10.0.0.0/8 or addresses, got [\"10.0.0.0/33\"]".into()),
        ("[tokens]\naccess_ttl = \"soon\"", format!("keyward.toml: tokens.access_ttl wants {access}, got \"soon\"")),
        ("[tokens]\naccess_ttl = 0", format!("keyward.toml: tokens.access_ttl wants {access}, got \"0\"")),
        ("[tokens]\naccess_ttl = \"25h\"", format!("keyward.toml: tokens.access_ttl wants {access}, got \"25h\"")),
        ("[tokens]\nrefresh_ttl = \"500ms\"", format!("keyward.toml: tokens.refresh_ttl wants {seconds}, got \"500ms\"")),
        ("[tokens]\nreuse_grace = \"6m\"", format!("keyward.toml: tokens.reuse_grace wants {duration}, 0 to 5m, got \"6m\"")),
        ("[tokens]\nalgorithm = \"HS256\"", "keyward.toml: tokens.algorithm wants ES256, EdDSA or RS256, got \"HS256\"".into()),
        ("[tokens]\nconfirm = \"never\"", "keyward.toml: tokens.confirm wants first-use or timer, got \"never\"".into()),
        ("[outage]\ncheck = \"10\"", format!("keyward.toml: outage.check wants {duration}, or 0, got \"10\"")),
        ("[login]\nqueue = -1", "keyward.toml: login.queue wants a whole number from 0 to 65536, got -1".into()),
        ("[login]\nqueue = \"64\"", "keyward.toml: login.queue wants a whole number, got string".into()),
        ("[keys]\ndir = \"\"", "keyward.toml: keys.dir wants the path of a folder, got \"\"".into()),
        ("[log]\nlevel = \"loud\"", "keyward.toml: log.level wants a level such as info, or a filter such as info,keyward::store=debug, got \"loud\"".into()),
        ("[log]\nlevel = \"tokio_postgres=debug\"", "keyward.toml: log.level wants a level such as info, or a filter such as info,keyward::store=debug, got \"tokio_postgres=debug\"".into()),
    ] {
        assert_eq!(error(file, &[]), message);
    }
}

#[test]
fn a_mistake_in_the_environment_names_the_variable_and_repeats_no_password() {
    let conflict = "storage.database_url names PostgreSQL, but storage.redis_url is not set: nodes that share \
                    accounts must share sessions and revocations too; set REDIS_URL, or use SQLite";
    let redis = "KEYWARD_STORAGE_REDIS_MODE";
    for (environment, message) in [
        (vec![("KEYWARD_TOKENS_ACCES_TTL", "1m")], "KEYWARD_TOKENS_ACCES_TTL: unknown setting KEYWARD_TOKENS_ACCES_TTL; the nearest is KEYWARD_TOKENS_ACCESS_TTL".to_owned()),
        (vec![("KEYWARD_PORT", "8080")], "KEYWARD_PORT: unknown setting KEYWARD_PORT; the nearest is KEYWARD_LOG_FORMAT".into()),
        (vec![("KEYWARD_LOGIN_QUEUE", "many")], "KEYWARD_LOGIN_QUEUE: login.queue wants a whole number, got \"many\"".into()),
        (vec![("DATABASE_URL", "mysql://kw:s3cret@db/kw")], "DATABASE_URL: storage.database_url wants sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME, got \"mysql://kw:***@db/kw\"".into()),
        (vec![("DATABASE_URL", "sqlite::memory:")], "DATABASE_URL: storage.database_url wants sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME, got \"sqlite::memory:\"".into()),
        (vec![("REDIS_URL", "host=x password=s3cret")], "REDIS_URL: storage.redis_url wants redis://[USER:PASSWORD@]HOST:PORT[/DB] or rediss://…, several with commas, got \"***\"".into()),
        (vec![("DATABASE_URL", "postgres://db/kw")], format!("DATABASE_URL: {conflict}")),
        (vec![(redis, "cluster")], format!("{redis}: storage.redis_mode is cluster, but storage.redis_url is not set")),
        (vec![(redis, "sentinel"), ("REDIS_URL", "redis://s:26379")], format!("{redis}: storage.redis_mode is sentinel, but storage.redis_master does not say which master")),
        (vec![("REDIS_URL", "redis://a,redis://b")], "REDIS_URL: storage.redis_url has several URLs, but storage.redis_mode is single; sentinel or cluster take several".into()),
    ] {
        assert_eq!(error("", &environment), message);
    }
}

#[test]
fn variables_kubernetes_makes_of_a_service_are_no_settings() {
    let links = [
        ("KEYWARD_SERVICE_HOST", "10.0.0.1"),
        ("KEYWARD_SERVICE_PORT", "8080"),
        ("KEYWARD_SERVICE_PORT_HTTP", "8080"),
        ("KEYWARD_PORT", "tcp://10.0.0.1:8080"),
        ("KEYWARD_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
        ("KEYWARD_PORT_8080_TCP_ADDR", "10.0.0.1"),
    ];
    load("", &links).expect("not settings");
}

//! Which settings a running server takes up: those that are said to be, and no others (contract 1).

use std::{fs, path::PathBuf};

use keyward::config::{EXAMPLE, LIVE, RunningSettings};
use tempfile::TempDir;
use toml::{Table, Value};

/// For some settings a value that is not the default, as TOML has it; of the others one is made up.
const OTHERS: [(&str, &str); 38] = [
    ("server.trusted_proxies", "[\"10.0.0.0/8\"]"),
    ("server.listen", "\"127.0.0.1:9999\""),
    ("server.management_listen", "\"127.0.0.1:9998\""),
    ("server.check_listen", "\"127.0.0.1:9997\""),
    ("server.ext_authz_listen", "\"127.0.0.1:9996\""),
    ("server.admin_listen", "\"127.0.0.1:9995\""),
    ("admin.hosts", "[\"admin.example.com\"]"),
    ("accounts.email", "\"off\""),
    ("accounts.breached_passwords", "\"list\""),
    ("mail.smtp_tls_ca", "\"ca.pem\""),
    ("mail.allow_plain", "true"),
    ("mail.from", "\"a@example.com\""),
    ("mail.templates", "\"texts\""),
    ("server.public_url", "\"https://auth.example.com\""),
    ("storage.data_dir", "\"elsewhere\""),
    ("storage.database_url", "\"sqlite:elsewhere.db\""),
    ("storage.database_tls_ca", "\"ca.pem\""),
    ("storage.redis_url", "\"redis://:s3cret@localhost\""),
    ("storage.redis_tls_ca", "\"ca.pem\""),
    ("storage.redis_prefix", "\"kw:\""),
    ("storage.redis_wait", "1"),
    ("storage.refresh_keys", "\"plain\""),
    ("tokens.access_ttl", "\"5m\""),
    ("tokens.algorithm", "\"EdDSA\""),
    ("tokens.audience", "\"api\""),
    ("tokens.confirm", "\"timer\""),
    ("tokens.contested", "\"end\""),
    ("tokens.refresh_ttl", "\"1d\""),
    ("tokens.session_max_age", "\"30d\""),
    ("login.concurrency", "3"),
    ("keys.dir", "\"elsewhere\""),
    ("accounts.signup", "\"open\""),
    ("accounts.passkey_rp_id", "\"example.com\""),
    ("accounts.passkey_origins", "[\"https://example.com\"]"),
    ("log.level", "\"debug\""),
    ("log.format", "\"json\""),
    ("telemetry.otlp_endpoint", "\"http://127.0.0.1:4318\""),
    ("telemetry.sample_ratio", "0.5"),
];

struct File(TempDir);

impl File {
    fn new(text: &str) -> Self {
        let file = Self(tempfile::tempdir().expect("a folder"));
        file.write(text);
        file
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("settings.toml")
    }

    fn write(&self, text: &str) {
        fs::write(self.path(), text).expect("written");
    }

    fn load(&self) -> RunningSettings {
        RunningSettings::load(Some(&self.path())).expect("good settings")
    }
}

/// A file that says that, and something else, so that it is never empty.
fn saying(name: &str, value: &str) -> String {
    let (section, name) = name.split_once('.').expect("a section");
    format!("[{section}]\n{name} = {value}\n")
}

fn another(name: &str) -> Option<String> {
    if let Some((_, value)) = OTHERS.iter().find(|(known, _)| *known == name) {
        return Some((*value).to_owned());
    }
    let manual: Table = EXAMPLE.parse().expect("TOML");
    let (section, setting) = name.split_once('.').expect("a section");
    match &manual[section][setting] {
        Value::Integer(number) => Some((number + 1).to_string()),
        // A duration.
        Value::String(text) if text.ends_with(['s', 'm', 'h', 'd']) => Some("\"37s\"".to_owned()),
        _ => None,
    }
}

/// A setting that stands in every one of these files, so that none of them is empty.
const ALWAYS: &str = "[keys]\ndir = \"keys\"\n";

#[test]
fn each_setting_that_is_live_is_taken_up_and_no_other_is() {
    let manual: Table = EXAMPLE.parse().expect("TOML");
    let names = manual.iter().flat_map(|(section, settings)| {
        let settings = settings.as_table().expect("a section");
        settings.keys().map(move |name| format!("{section}.{name}"))
    });
    let mut taken_up = Vec::new();
    // Those that are not good alone are of no use here.
    let alone = ["keys.dir", "storage.redis_mode", "storage.redis_master", "mail.smtp_url"];
    for name in names.filter(|name| !alone.contains(&&**name)) {
        let Some(value) = another(&name) else { panic!("another value of {name} is to be said") };
        let file = File::new(ALWAYS);
        let before = file.load();
        file.write(&format!("{ALWAYS}{}", saying(&name, &value)));
        let (after, changed) = before.read_again().expect("good settings");
        let noticed: Vec<_> = changed.iter().map(|setting| (&*setting.name, setting.is_live)).collect();
        let is_live = LIVE.contains(&&*name);
        assert_eq!(noticed, [(&*name, is_live)]);
        let runs_on = if is_live { file.load() } else { before };
        assert_eq!(format!("{:?}", after.settings()), format!("{:?}", runs_on.settings()), "{name}");
        assert_eq!(after.in_force().settings(), runs_on.in_force().settings(), "{name}");
        taken_up.extend(is_live.then_some(name));
    }
    assert_eq!(taken_up.len(), LIVE.len(), "{taken_up:?}");
}

#[test]
fn the_manual_marks_those_that_are() {
    let mut section = "";
    let mut marked = Vec::new();
    for line in EXAMPLE.lines() {
        section = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(section);
        if let Some((name, _)) = line.split_once(" = ").filter(|_| line.ends_with("  # live")) {
            marked.push(format!("{section}.{name}"));
        }
    }
    assert_eq!(marked, LIVE);
}

#[test]
fn a_password_that_was_changed_is_noticed_and_never_shown() {
    let url = |password: &str| saying("storage.redis_url", &format!("\"redis://:{password}@localhost\""));
    let file = File::new(&url("one-s3cret"));
    let before = file.load();
    file.write(&url("two-s3cret"));
    let (_, changed) = before.read_again().expect("good settings");
    assert_eq!(changed.len(), 1, "{changed:?}");
    assert_eq!(changed[0].old, changed[0].new);
    assert!(!format!("{changed:?}{before:?}").contains("s3cret"));
}

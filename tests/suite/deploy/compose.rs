//! deploy/compose.yaml: what it sets are settings, its parts fit together, and its Redis, started with its flags and
//! the users of its secrets, is one that the doctor finds nothing wrong with.

use std::{fs, path::PathBuf, process::Command};

use serde_json::Value;
use tempfile::TempDir;

use super::{documents, duration, file, good, image::Image, settings, variables};
use crate::support::{
    outside::install::Install,
    servers::{postgres, redis},
};

fn services() -> Value {
    documents("compose.yaml").remove(0)["services"].clone()
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().expect("a list").iter().map(|text| text.as_str().expect("a text").to_owned()).collect()
}

/// The variables of the server, with the defaults of what is replaced in them.
fn environment() -> Vec<(String, String)> {
    let chosen = |value: String| match value.split_once(":-") {
        Some((name, rest)) if name.starts_with("${") => rest.trim_end_matches('}').to_owned(),
        _ => value,
    };
    let set = variables(&services()["keyward"]["environment"]).into_iter();
    set.map(|(name, value)| (name, chosen(value))).collect()
}

/// The secrets, as the script makes them.
struct Secrets(TempDir);

impl Secrets {
    fn make() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        good(Command::new(file("compose-secrets")).arg(folder.path().join("secrets")));
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn read(&self, secret: &str) -> String {
        let named = &documents("compose.yaml")[0]["secrets"][secret]["file"];
        fs::read_to_string(self.path(named.as_str().expect("a file"))).expect(secret)
    }
}

#[test]
fn its_variables_are_settings_and_its_parts_fit_the_image() {
    let settings = settings(&environment());
    let (services, image) = (services(), Image::read());
    let keyward = &services["keyward"];
    let stop = duration(&settings, "server.drain_delay") + duration(&settings, "server.shutdown_grace");
    let given =
        keyward["stop_grace_period"].as_str().and_then(keyward::config::duration).expect("a duration");
    assert!(given > stop, "{given:?} and {stop:?}");

    let mounted = texts(&keyward["volumes"]);
    let mounted: Vec<&str> = mounted.iter().filter_map(|volume| Some(volume.split_once(':')?.1)).collect();
    assert_eq!(mounted, image.words("VOLUME"));
    let settings_file = keyward["secrets"][0]["target"].as_str().expect("a path");
    assert_eq!(settings_file, format!("{}/keyward.toml", image.one("WORKDIR")));
    let (_, port) = keyward["ports"][0].as_str().and_then(|port| port.rsplit_once(':')).expect("a port");
    assert_eq!(port, image.one("EXPOSE"));
    assert_eq!(
        (&keyward["read_only"], texts(&keyward["cap_drop"])),
        (&Value::Bool(true), vec!["ALL".to_owned()])
    );

    let whole = documents("compose.yaml").remove(0);
    for service in services.as_object().expect("services").values() {
        for secret in service["secrets"].as_array().into_iter().flatten() {
            let name = secret.as_str().or_else(|| secret["source"].as_str()).expect("a name");
            assert!(whole["secrets"][name]["file"].is_string(), "{name}");
        }
        for other in service["depends_on"].as_object().into_iter().flatten() {
            assert!(services[other.0]["healthcheck"]["test"].is_array(), "{}", other.0);
        }
    }
}

#[test]
fn the_secrets_are_drawn_once_and_for_their_owner_alone() {
    use std::os::unix::fs::MetadataExt;
    let secrets = Secrets::make();
    let mode = |name: &str| fs::metadata(secrets.path(name)).expect(name).mode() & 0o777;
    assert_eq!(mode("secrets"), 0o700);
    for name in ["keyward.toml", "postgres-password", "users.acl"] {
        assert_eq!(mode(&format!("secrets/{name}")), 0o644, "{name}");
    }
    let password = secrets.read("postgres_password");
    assert!(password.len() == 48 && secrets.read("settings").contains(&password));
    assert!(!secrets.read("redis_users").contains("CHANGE-ME"));
    assert_ne!(Secrets::make().read("postgres_password"), password);
    let again = Command::new(file("compose-secrets")).arg(secrets.path("secrets")).output().expect("run");
    assert!(!again.status.success());
    assert_eq!(secrets.read("postgres_password"), password);
}

#[tokio::test]
async fn the_server_finds_nothing_wrong_with_its_redis() {
    let secrets = Secrets::make();
    let command = texts(&services()["redis"]["command"]);
    let [program, option, users, flags @ ..] = &command[..] else { panic!("{command:?}") };
    assert_eq!((&**program, &**option, &**users), ("redis-server", "--aclfile", "/run/secrets/redis_users"));
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let redis = redis::Server::start_with_users(&secrets.read("redis_users"), &flags);

    let settings = secrets.read("settings");
    let url = settings.split("postgres://").nth(1).and_then(|rest| rest.split('"').next()).expect("a URL");
    assert!(url.ends_with("@postgres/keyward"), "{url}");
    let settings = settings
        .replace(&format!("postgres://{url}"), &postgres::database())
        .replace("@redis:6379", &format!("@127.0.0.1:{}", redis.port()));
    let install =
        environment().into_iter().fold(Install::new(), |install, (name, value)| install.with(&name, value));
    fs::write(install.path("keyward.toml"), settings).expect("written");
    let server = install.start().await;
    assert_eq!(server.admin().await.refreshed().await.check().await.status, 200);
    let doctor = install.run(&["doctor"]);
    assert_eq!(doctor.code, Some(0), "{doctor:?}");

    let health = texts(&services()["redis"]["healthcheck"]["test"]);
    let port = redis.port().to_string();
    assert_eq!(health[..2], ["CMD", "redis-cli"]);
    assert_eq!(good(Command::new(&health[1]).args(["-p", &port]).args(&health[2..])), "PONG\n");
}

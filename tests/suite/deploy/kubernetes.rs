//! deploy/kubernetes: its objects are what the API server takes, and a pod of them serves, with its keys and settings
//! mounted as Kubernetes mounts secrets.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use serde_json::Value;

use super::{
    container::Container,
    documents, duration, file, good,
    image::{NOBODY, give_away, make_folder},
    python, settings, variables,
};
use crate::support::{
    outside::install::Install,
    servers::{certificates::Certificates, postgres, redis},
};

const MANIFEST: &str = "kubernetes/keyward.yaml";

/// The one object of a kind.
fn object(kind: &str) -> Value {
    let mut all: Vec<Value> = documents(MANIFEST).into_iter().filter(|one| one["kind"] == kind).collect();
    assert_eq!(all.len(), 1, "{kind}");
    all.remove(0)
}

fn pod() -> Value {
    object("Deployment")["spec"]["template"]["spec"].clone()
}

fn container() -> Value {
    pod()["containers"][0].clone()
}

#[test]
fn the_objects_are_what_kubernetes_takes() {
    const VALIDATE: &str = "import sys, yaml, kubernetes_validate
for one in yaml.safe_load_all(open(sys.argv[1])):
    print(one['kind'], kubernetes_validate.validate(one, sys.argv[2], strict=True))";
    for version in ["1.32", "1.37"] {
        let said = good(python().args(["-c", VALIDATE]).arg(file(MANIFEST)).arg(version));
        assert_eq!(said.lines().count(), documents(MANIFEST).len(), "{said}");
        assert!(said.lines().all(|line| line.ends_with(version)), "{said}");
    }
}

#[test]
fn a_pod_is_given_the_time_that_a_stop_takes_and_is_probed_where_it_listens() {
    let settings = settings(&variables(&object("ConfigMap")["data"]));
    let (pod, container) = (pod(), container());
    let stop = duration(&settings, "server.drain_delay") + duration(&settings, "server.shutdown_grace");
    assert!(pod["terminationGracePeriodSeconds"].as_u64().expect("a number") > stop.as_secs());
    let readiness = &container["readinessProbe"];
    let [period, failures] =
        ["periodSeconds", "failureThreshold"].map(|name| readiness[name].as_u64().expect(name));
    assert!(duration(&settings, "server.drain_delay").as_secs() > period * failures);

    let port =
        |name: &str| container["ports"].as_array().expect("ports").iter().find(|port| port["name"] == name);
    let port = |name: &str| port(name).expect(name)["containerPort"].as_u64().expect("a number");
    let management = settings.iter().find(|one| one["name"] == "server.management_listen").expect("set");
    assert_eq!(management["value"], format!("0.0.0.0:{}", port("management")));
    assert_eq!(super::image::Image::read().one("EXPOSE"), port("http").to_string());
    for (probe, path) in
        [("startupProbe", "/healthz"), ("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")]
    {
        let get = &container[probe]["httpGet"];
        assert_eq!((&get["path"], &get["port"]), (&path.into(), &"management".into()), "{probe}");
    }
    assert_eq!(object("Service")["spec"]["ports"][0]["targetPort"], "http");
    assert_eq!(pod["enableServiceLinks"], false);
}

/// Pod Security Standards, "restricted".
#[test]
fn a_pod_is_restricted() {
    let (pod, container) = (pod(), container());
    for (name, value) in
        [("runAsNonRoot", Value::Bool(true)), ("runAsUser", NOBODY.into()), ("fsGroup", NOBODY.into())]
    {
        assert_eq!(pod["securityContext"][name], value, "{name}");
    }
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    assert_eq!(pod["automountServiceAccountToken"], false);
    let own = &container["securityContext"];
    assert_eq!(own["allowPrivilegeEscalation"], false);
    assert_eq!(own["readOnlyRootFilesystem"], true);
    assert_eq!(own["capabilities"]["drop"], serde_json::json!(["ALL"]));
}

/// Mounts files as a secret: links to a folder that can be replaced in one step, of root and the pod's group.
fn mount_secret(files: &[(String, Vec<u8>)], folder: &Path, mode: u32) {
    make_folder(folder);
    let data = folder.join("..2026_11_22");
    make_folder(&data);
    symlink("..2026_11_22", folder.join("..data")).expect("linked");
    for (name, bytes) in files {
        fs::write(data.join(name), bytes).expect("written");
        fs::set_permissions(data.join(name), Permissions::from_mode(mode)).expect("set");
        give_away(&data.join(name), 0);
        symlink(format!("..data/{name}"), folder.join(name)).expect("linked");
    }
    give_away(folder, 0);
    fs::set_permissions(folder, Permissions::from_mode(0o3777)).expect("set");
}

/// What `kubectl create secret generic --from-file=FOLDER/` takes.
fn files_in(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let files = entries.filter(|path| path.is_file());
    let name = |path: &Path| path.file_name().expect("a name").to_str().expect("UTF-8").to_owned();
    files.map(|path| (name(&path), fs::read(&path).expect("read"))).collect()
}

fn mode_of(volume: &str) -> u32 {
    let pod = pod();
    let volumes = pod["volumes"].as_array().expect("volumes");
    let volume = volumes.iter().find(|one| one["name"] == volume).expect(volume);
    u32::try_from(volume["secret"]["defaultMode"].as_u64().expect("a mode")).expect("a mode")
}

/// Where a volume is mounted.
fn place_of(volume: &str) -> String {
    let container = container();
    let mounts = container["volumeMounts"].as_array().expect("mounts");
    let mount = mounts.iter().find(|one| one["name"] == volume).expect(volume);
    mount["mountPath"].as_str().expect("a path").to_owned()
}

#[tokio::test]
async fn a_pod_serves_with_the_keys_of_another_place_and_few_rights() {
    // The keys are made by a server that nobody uses, as the page says.
    let elsewhere = Install::new();
    elsewhere.start().await.terminate();

    let certificates = Certificates::of("127.0.0.1");
    let read = |name: &str| fs::read_to_string(certificates.file(name)).expect("PEM");
    let database = postgres::Server::start_encrypted(&read("cert.pem"), &read("key.pem"));
    database.sql("postgres", "CREATE ROLE kw LOGIN PASSWORD 's3cret'");
    database.sql("postgres", "CREATE DATABASE kw OWNER kw");
    let users = include_str!("../../../deploy/redis/users.acl").replace("CHANGE-ME", "s3cret");
    let redis = redis::Server::start_with_users(&users, &["--appendonly", "yes"]);
    let settings = format!(
        "[storage]\ndatabase_url = \"postgres://kw:s3cret@127.0.0.1:{}/kw?sslmode=require\"\n\
         database_tls_ca = \"/etc/keyward/ca.pem\"\nredis_url = \"redis://keyward:s3cret@127.0.0.1:{}\"\n",
        database.port(),
        redis.port()
    );

    let config = variables(&object("ConfigMap")["data"]);
    let ours = config.iter().filter(|(name, _)| {
        !["KEYWARD_SERVER_MANAGEMENT_LISTEN", "KEYWARD_SERVER_DRAIN_DELAY"].contains(&name.as_str())
    });
    let keys = place_of("keys");
    let pod = ours.fold(Container::new().without_volume(&keys), |pod, (name, value)| pod.with(name, value));
    let settings = [("keyward.toml", settings), ("ca.pem", certificates.ca_pem.clone())];
    let settings = settings.map(|(name, text)| (name.to_owned(), text.into_bytes()));
    mount_secret(&settings, &pod.path(&place_of("settings")), mode_of("settings"));
    fs::remove_dir(pod.path(&keys)).expect("removed");
    mount_secret(&files_in(&elsewhere.path("keys")), &pod.path(&keys), mode_of("keys"));
    // An emptyDir is open to the pod's group.
    let data = pod.path(&place_of("data"));
    fs::set_permissions(&data, Permissions::from_mode(0o2777)).expect("set");

    let server = pod.start().await;
    let admin = server.client().signed_in("admin", &pod.first_password()).await.refreshed().await;
    assert_eq!(admin.check().await.status, 200);
    assert_eq!(pod.run(&["health", "--ready"]).code, Some(0));
    let doctor = pod.run(&["doctor"]);
    assert_eq!(doctor.code, Some(0), "{doctor:?}");
}

//! The image, run as an engine of containers would: as a user that no machine has, in a root of its own that cannot
//! be written to, but for its volumes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::image::{Image, make_folder};
use crate::support::outside::install::{Install, Outcome, Server, wait_for};

/// Runs a program as a container would be run.
const ENTER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/deploy/enter.sh");

/// Waits on a pipe from the test process, and kills what it has started when that ends, in whatever way.
const GUARD: &str = r#"pid=$1; shift 2; sh ENTER "$@" & echo $! >"$pid"; read -r _; kill -9 $!; wait $!"#;

/// An image that has been laid out, with settings to run it.
pub struct Container {
    pub install: Install,
    image: Image,
    root: PathBuf,
    volumes: Vec<String>,
}

impl Container {
    /// As the image is; it listens where nothing else does.
    pub fn new() -> Self {
        let (image, install) = (Image::read(), Install::new());
        let root = install.path("root");
        make_folder(&root);
        image.lay_out(&root);
        let others = image.environment().into_iter();
        // What comes first is what Install has chosen, and what runs it has a path of its own.
        let others = others.filter(|(name, _)| name != "PATH" && name != "KEYWARD_SERVER_LISTEN");
        let install = others.fold(install, |install, (name, value)| install.with(&name, value));
        let volumes = image.words("VOLUME");
        Self { install, image, root, volumes }
    }

    /// Without that volume: the folder is as read-only as the rest.
    pub fn without_volume(mut self, volume: &str) -> Self {
        self.volumes.retain(|other| other != volume);
        self
    }

    pub fn with(mut self, variable: &str, value: &str) -> Self {
        self.install = self.install.with(variable, value);
        self
    }

    /// A path in it, as it is seen from outside.
    pub fn path(&self, inside: &str) -> PathBuf {
        self.root.join(inside.trim_start_matches('/'))
    }

    /// What has [`ENTER`] run the image's program.
    fn entrance(&self, arguments: &[&str]) -> Vec<String> {
        let program = format!("/usr/bin/{}", self.image.words("ENTRYPOINT")[0]);
        let root = self.root.display().to_string();
        let place = ["outer".to_owned(), root, self.image.one("WORKDIR").to_owned()];
        let arguments = arguments.iter().map(|&argument| argument.to_owned());
        let program = ["--".to_owned(), program].into_iter().chain(arguments);
        place.into_iter().chain(self.volumes.iter().cloned()).chain(program).collect()
    }

    /// Starts it, as the image says.
    pub async fn start(&self) -> Server {
        let arguments = self.image.words("CMD");
        let entrance = self.entrance(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        let entrance: Vec<&str> = entrance.iter().map(String::as_str).collect();
        self.install.start_by(&GUARD.replace("ENTER", ENTER), &entrance).await
    }

    /// Runs a command in it to its end.
    pub fn run(&self, arguments: &[&str]) -> Outcome {
        let mut command = self.install.command(Path::new("sh"));
        outcome(command.arg(ENTER).args(self.entrance(arguments)).stdin(Stdio::null()))
    }

    /// Asks as its health check does.
    pub fn health(&self) -> Outcome {
        let words = self.image.words("HEALTHCHECK");
        self.run(&words[1..].iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// The password of the first account.
    pub fn first_password(&self) -> String {
        let path = self.path("/var/lib/keyward/data/first-password");
        wait_for(|| fs::read_to_string(&path).ok()).expect("a password").trim_end().to_owned()
    }
}

fn outcome(command: &mut Command) -> Outcome {
    let output = command.output().expect("sh");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Outcome { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

#[tokio::test]
async fn the_image_serves_as_a_stranger_in_a_root_that_cannot_be_written_to() {
    let container = Container::new();
    let server = container.start().await;
    let health = container.health();
    assert_eq!((health.code, &*health.stdout, &*health.stderr), (Some(0), "", ""));
    assert_eq!(container.run(&["health", "--ready"]).code, Some(0));

    let admin = server.client().signed_in("admin", &container.first_password()).await.refreshed().await;
    assert_eq!(admin.check().await.status, 200);
    let mut users: Vec<serde_json::Value> =
        serde_json::from_str(&container.run(&["user", "list", "--json"]).stdout).expect("an array");
    assert_eq!(users.pop().expect("an account")["username"], "admin");

    if super::is_root() {
        assert!(server.proc("status").contains("\nUid:\t65532\t65532\t65532\t65532\n"));
    }
    assert!(
        server.proc("mountinfo").lines().any(|line| line.contains(" / ro,")),
        "{}",
        server.proc("mountinfo")
    );
    let refused = container.run(&["man", "/etc/keyward"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("Read-only"), "{refused:?}");

    server.terminate();
    let health = container.health();
    assert_eq!((health.code, health.stderr.lines().count()), (Some(1), 1), "{health:?}");
}

#[tokio::test]
async fn a_settings_file_is_read_where_it_is_mounted() {
    let container = Container::new();
    let file = container.path("/etc/keyward/keyward.toml");
    fs::write(&file, "[tokens]\naudience = \"mounted\"\n").expect("written");
    let said = container.run(&["config", "--json"]);
    let listed: Vec<serde_json::Value> = serde_json::from_str(&said.stdout).expect("an array");
    let audience = listed.iter().find(|setting| setting["name"] == "tokens.audience").expect("listed");
    assert_eq!((&audience["value"], &audience["from"]), (&"mounted".into(), &"keyward.toml".into()));
}

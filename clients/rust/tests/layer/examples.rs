//! The README's app, which is an example of the crate, as it stands there.

use std::{
    env,
    io::Write,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use http_body_util::BodyExt;
use tokio::time::timeout;

use crate::{
    http::{Client, until},
    server::{APP, PATIENCE, Server, free_addresses},
};

/// An app that runs, and ends with the test process: its guard waits on a pipe from it.
struct Running(Child);

const GUARD: &str =
    r#""$@" >/dev/null & while read -r signal; do kill "-$signal" $!; done; kill -9 $!; wait $!"#;

impl Running {
    fn start(program: PathBuf, settings: &[(&str, &str)]) -> Self {
        let mut guard = Command::new("sh");
        guard.args(["-c", GUARD, "guard"]).arg(program).env_clear().envs(settings.iter().copied());
        guard.env("PATH", env::var_os("PATH").expect("a path"));
        let guard = guard.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(guard.spawn().expect("sh"))
    }

    /// As whatever runs apps has them stop.
    fn stop(&mut self) {
        self.0.stdin.as_mut().expect("a pipe").write_all(b"TERM\n").expect("the guard listens");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// Cargo builds examples before tests.
fn example(name: &str) -> PathBuf {
    let tests = env::current_exe().expect("this program").parent().expect("a folder").to_owned();
    tests.parent().expect("the target folder").join("examples").join(name)
}

#[test]
fn the_readme_shows_the_example_as_it_is() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let [readme, code] =
        ["README.md", "examples/notes.rs"].map(|name| std::fs::read_to_string(root.join(name)).expect(name));
    let code = code.split_once("\n\n").expect("a word on what it is, then code").1;
    assert!(readme.contains(code), "the README has other code than examples/notes.rs");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_runs_both_ways() {
    let server = Server::start(&[]).await;
    let anna = server.sign_in().await;
    let (client, bearer) = (Client::new(), format!("Bearer {}", anna.token));
    let common = [("KEYWARD_URL", &*server.url), ("KEYWARD_APP", APP), ("KEYWARD_SECRET", &*server.secret)];
    for check in [None, Some(("KEYWARD_CHECK", &*server.check))] {
        let [listen] = free_addresses().map(|address| address.to_string());
        let settings: Vec<_> = common.into_iter().chain(check).chain([("LISTEN", &*listen)]).collect();
        let mut notes = Running::start(example("notes"), &settings);
        let ask = async |path: &str, headers: &[(&str, &str)]| {
            client.send("GET", &format!("http://{listen}{path}"), headers, bytes::Bytes::new()).await
        };
        let hello = until("let in", async || {
            ask("/", &[("authorization", &bearer)]).await.filter(|answer| answer.status == 200)
        });
        assert_eq!(hello.await.text(), "Hello, anna");
        assert_eq!(ask("/", &[]).await.expect("an answer").status, 401);
        assert_eq!(ask("/admin", &[("authorization", &bearer)]).await.expect("an answer").status, 403);
        let ready =
            until("it is ready", async || ask("/readyz", &[]).await.filter(|ready| ready.status == 200));
        ready.await;

        let news = format!("http://{listen}/news");
        let news = client.open("GET", &news, &[("authorization", &bearer)], bytes::Bytes::new()).await;
        notes.stop();
        let rest = timeout(PATIENCE, news.expect("an answer").into_body().collect()).await;
        rest.expect("it does not wait for the news to end").expect("they end, and are not cut");
    }
}

//! Balancers as the runbook sets them up, in front of two nodes that come and go.

use std::{
    fs,
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::Duration,
};

use rstest::rstest;

use super::{PASSWORD, USER};
use crate::{
    gateways::gateway::NGINX,
    pages::examples::{blocks, page},
    support::{
        outside::{
            actor::Actor,
            install::{GUARD, Install, free_addresses, wait_for},
            nodes::{comes_to, node, second_node},
        },
        servers::{postgres, redis},
    },
};

/// A balancer that dies with this value.
struct Balancer {
    url: String,
    guard: Child,
}

impl Balancer {
    /// Set up by the block of the page in that language.
    fn start(language: &str, install: &Install, nodes: [&Install; 2]) -> Self {
        let [listen] = free_addresses();
        let shown = blocks(&page("runbook.md"), language).concat();
        let ours = shown
            .replace("127.0.0.1:8000", &listen.to_string())
            .replace("127.0.0.1:8080", &nodes[0].listen.to_string())
            .replace("127.0.0.1:8090", &nodes[1].listen.to_string());
        let folder = tempfile::tempdir_in(install.path("")).expect("a folder").keep();
        let place = folder.display().to_string();
        // What is no part of it, and needed to run it here.
        let (file, text, command) = match language {
            "haproxy" => ("haproxy.cfg", ours, "haproxy -db -f haproxy.cfg".to_owned()),
            "caddyfile" => {
                let text = format!("{{\n\tadmin off\n}}\n{ours}");
                ("Caddyfile", text, "caddy run --adapter caddyfile --config Caddyfile".to_owned())
            }
            _ => ("main.conf", format!("{NGINX}{ours}\n}}\n"), format!("nginx -c main.conf -p {place}")),
        };
        fs::write(folder.join(file), text).expect("written");
        let mut guard = Command::new("sh");
        guard.args(["-c", GUARD, "sh", "pid"]).args(command.split(' ')).current_dir(&folder);
        guard.env("HOME", &folder).env_remove("XDG_DATA_HOME").env_remove("XDG_CONFIG_HOME");
        let log = fs::File::create(folder.join("log")).expect("a file");
        guard.stdin(Stdio::piped()).stdout(log.try_clone().expect("a file")).stderr(log);
        let balancer = Self { url: format!("http://{listen}"), guard: guard.spawn().expect("sh") };
        let said = || fs::read_to_string(folder.join("log")).unwrap_or_default();
        wait_for(|| TcpStream::connect(listen).ok()).unwrap_or_else(|| panic!("{language}: {}", said()));
        balancer
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

/// Checks without a pause, each of which must pass, until something has happened.
async fn passes_until<T>(client: &Actor, happens: impl Future<Output = T>) -> T {
    let checks = async {
        let mut passed = 0;
        loop {
            let answer = client.check().await;
            assert_eq!(answer.status, 200, "after {passed}: {answer:?}");
            passed += 1;
        }
    };
    tokio::select! {
        never = checks => never,
        outcome = happens => outcome,
    }
}

#[rstest]
#[case::haproxy("haproxy")]
#[case::caddy("caddyfile")]
#[case::nginx("nginx")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_balancer_of_the_runbook_loses_no_check_when_a_node_goes(#[case] language: &str) {
    let (redis, database) = (redis::Server::start(&[]), postgres::database());
    let install = node(&redis, &database)
        .with("KEYWARD_SERVER_DRAIN_DELAY", "4s")
        .with("KEYWARD_RATE_LIMIT_SESSION_REQUESTS", 1_000_000);
    install.add_user(USER, PASSWORD, &[]);
    let second =
        second_node(&install, &redis, &database).with("KEYWARD_RATE_LIMIT_SESSION_REQUESTS", 1_000_000);
    let (first, _second) = (install.start().await, second.start().await);
    let balancer = Balancer::start(language, &install, [&install, &second]);
    let alice = Actor::new(&balancer.url).signed_in(USER, PASSWORD).await;
    comes_to(200, async || alice.check().await).await;

    let stops = tokio::task::spawn_blocking(|| first.terminate());
    passes_until(&alice, stops).await.expect("it stopped");
    let again = passes_until(&alice, install.start()).await;
    // Until the balancer has it back.
    passes_until(&alice, tokio::time::sleep(Duration::from_secs(3))).await;
    let is_killed = tokio::task::spawn_blocking(|| again.kill());
    passes_until(&alice, is_killed).await.expect("it is killed");
    passes_until(&alice, tokio::time::sleep(Duration::from_secs(3))).await;
    assert_eq!(alice.refreshed().await.check().await.status, 200);
}

//! How soon a server answers, also where its mail server is away, and what memory it takes then.

use std::{
    net::{SocketAddr, TcpListener},
    path::Path,
    thread,
    time::Duration,
};

use serde_json::json;

use crate::{
    common::{figure::Figure, guard::free_address, statistics::median},
    mib, millis,
    server::Server,
};

const STARTS: usize = 5;

pub fn start_up() -> [Figure; 2] {
    let home = tempfile::tempdir().expect("a folder");
    drop(Server::start(home.path(), &[]));
    let start = median_of_starts(home.path(), &[]);
    let server = Server::start(home.path(), &[]);
    thread::sleep(Duration::from_secs(2));
    [
        Figure::new(format!("start to the first 200, median of {STARTS}"), format!("{start:.1} ms")),
        Figure::new("memory when idle, resident", mib(server.resident())),
    ]
}

/// Each with a mail that waits to be sent.
pub async fn start_without_mail_server() -> [Figure; 3] {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (silent_at, closed_at) = (silent.local_addr().expect("an address"), free_address());
    let into_files = start_with_mail(None).await;
    let closed = start_with_mail(Some(closed_at)).await;
    let silent = start_with_mail(Some(silent_at)).await;
    let figure = |what: &str, time: f64| {
        Figure::new(format!("start {what}, median of {STARTS}"), format!("{time:.1} ms"))
    };
    [
        figure("with mails into files", into_files),
        figure("with a mail server whose port is closed", closed),
        figure("with a mail server that takes the connection and says nothing", silent),
    ]
}

async fn start_with_mail(server: Option<SocketAddr>) -> f64 {
    let home = tempfile::tempdir().expect("a folder");
    let url = server.map(|address| format!("smtp://{address}"));
    let plain = [("KEYWARD_MAIL_ALLOW_PLAIN", "true"), ("KEYWARD_MAIL_FROM", "auth@example.com")];
    let mut settings: Vec<(&str, &str)> = plain.to_vec();
    settings.extend(url.as_deref().map(|url| ("KEYWARD_MAIL_SMTP_URL", url)));
    let running = Server::start(home.path(), &settings);
    running.add_user();
    running.run(&["user", "email", "bench", "bench@example.com", "--verified"]);
    let body = json!({ "identifier": "bench" });
    let asked = reqwest::Client::new().post(running.url("/v1/password/forgot")).json(&body).send().await;
    assert_eq!(asked.expect("an answer").status(), 202);
    drop(running);
    median_of_starts(home.path(), &settings)
}

fn median_of_starts(home: &Path, settings: &[(&str, &str)]) -> f64 {
    median((0..STARTS).map(|_| millis(Server::start(home, settings).started_in)))
}

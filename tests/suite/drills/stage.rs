//! What every drill begins with: a server or two with users and apps that hold all there is to be held. And what
//! it ends with: everything is as before, and nobody was signed out.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::support::{
    outages_page::{Cell, Column, promised},
    outside::{
        actor::{Actor, Answer},
        ask::Ask,
        install::{Install, PATIENCE, Server},
    },
};

pub const USER: &str = "alice";
pub const PASSWORD: &str = "seven words make a fine passphrase indeed";
const SHOP: &str = "shop";

/// Longer than the second node goes on: what it still answers then does not depend on that.
const LATER: Duration = Duration::from_secs(2);

/// Servers, and what their clients hold.
pub struct Stage {
    pub install: Install,
    /// The first goes on through an outage for an hour. The second, where there is one, for a second.
    pub nodes: Vec<Server>,
    secret: String,
    seen: Actor,
    unseen: Actor,
    refresher: Actor,
    leaver: Actor,
    cookie: String,
    app_token: String,
}

/// An installation with a user and a confidential app; returns its secret.
pub fn furnish(install: &Install) -> String {
    install.add_user(USER, PASSWORD, &[]);
    install.good(&["app", "add", SHOP, "--confidential"]).trim_end().to_owned()
}

/// Settings without which asking again and again is refused, or takes the time that a log takes.
pub fn unhurried(install: Install) -> Install {
    install
        .with("KEYWARD_LOG_LEVEL", "info")
        .with("KEYWARD_RATE_LIMIT_SESSION_REQUESTS", 1_000_000)
        .with("KEYWARD_ACCOUNTS_SESSIONS_PER_USER", 0)
}

impl Stage {
    /// Two nodes that share everything; `second` makes the installation of the other one.
    pub async fn of_two(install: Install, second: impl FnOnce(&Install) -> Install) -> Self {
        let patient = unhurried(install).with("KEYWARD_OUTAGE_CHECK", "1h");
        let hasty = unhurried(second(&patient)).with("KEYWARD_OUTAGE_CHECK", "1s");
        let secret = furnish(&patient);
        let nodes = vec![patient.start().await, hasty.start().await];
        Self::of(patient, nodes, secret)
    }

    /// Servers that run.
    pub fn of(install: Install, nodes: Vec<Server>, secret: String) -> Self {
        let client = nodes[0].client();
        let signed_in = || client.with_tokens(&until_served(|| sign_in().at(&nodes[0].url)));
        let after_refresh = || {
            let client = signed_in();
            client.with_tokens(&until_served(|| refresh(&client).at(&nodes[0].url)))
        };
        let (seen, unseen) = (after_refresh(), after_refresh());
        let (refresher, leaver) = (signed_in(), signed_in());
        let login = json!({ "username": USER, "password": PASSWORD, "transport": "session" });
        let opened = until_served(|| Ask::new("POST /v1/login").json(&login).at(&nodes[0].url));
        let cookies = opened.headers.get_all("set-cookie").iter().filter_map(|cookie| cookie.to_str().ok());
        let mut cookies = cookies.filter(|cookie| cookie.starts_with("keyward-session="));
        let cookie = cookies.next().and_then(|cookie| cookie.split(';').next()).expect("a cookie").to_owned();
        let created = until_served(|| create_app_session(&secret).at(&nodes[0].url));
        let app_token = created.json()["token"].as_str().expect("a token").to_owned();
        for node in &nodes {
            until_served(|| check(&seen).at(&node.url));
        }
        Self { install, nodes, secret, seen, unseen, refresher, leaver, cookie, app_token }
    }

    /// What is asked for a column.
    pub fn asks(&self, column: Column) -> Vec<Ask> {
        match column {
            Column::SignIn => vec![sign_in()],
            Column::Refresh => vec![refresh(&self.refresher)],
            Column::SignOut => vec![Ask::new("POST /v1/logout").bearer(&self.leaver.access)],
            Column::Seen => vec![check(&self.seen)],
            Column::FirstSight => vec![check(&self.unseen)],
            Column::Cookie => vec![Ask::new("GET /v1/check").line("Cookie", &self.cookie)],
            Column::AppSessions => vec![create_app_session(&self.secret), self.app_session()],
            Column::Introspection => {
                let form = format!("token={}", self.seen.access);
                vec![Ask::new("POST /oauth/introspect").app(SHOP, &self.secret).form(&form)]
            }
            Column::Ready => vec![Ask::new("GET /readyz")],
            Column::ReadyForCheck => vec![Ask::new("GET /readyz?for=check")],
        }
    }

    fn app_session(&self) -> Ask {
        let path = format!("GET /v1/apps/{SHOP}/sessions/current");
        Ask::new(&path).app(SHOP, &self.secret).line("Keyward-Session", &self.app_token)
    }

    /// The servers answer as the page says of this drill, in each column, whatever goes on in the others.
    pub fn holds(&self, drill: &str) {
        thread::scope(|scope| {
            for (column, cell) in promised(drill) {
                scope.spawn(move || {
                    self.holds_in(column, cell, &self.nodes[0], true);
                    for node in &self.nodes[1..] {
                        thread::sleep(LATER);
                        self.holds_in(column, cell, node, false);
                    }
                });
            }
            for node in &self.nodes {
                scope.spawn(|| lives(node));
            }
        });
    }

    fn holds_in(&self, column: Column, cell: Cell, node: &Server, is_patient: bool) {
        for (number, ask) in self.asks(column).iter().enumerate() {
            // Of two, the first one writes.
            let only_reads = number > 0;
            match (cell, is_patient) {
                (Cell::On, _) | (Cell::ForAWhile, true) => goes_on(column, ask, node),
                (Cell::Reads, _) if only_reads => goes_on(column, ask, node),
                (Cell::Off | Cell::Reads, _) => is_off(column, ask, node),
                (Cell::ForAWhile, false) => comes_to_503(column, ask, node),
                (Cell::Shed, _) => drop(until_served(|| ask.at(&node.url))),
            }
        }
    }

    /// Everything is answered again, without a restart; nobody was signed out but who signed out.
    pub fn is_well(&self) {
        for node in &self.nodes {
            for column in Column::ALL {
                for ask in self.asks(column) {
                    until_served(|| ask.at(&node.url));
                }
            }
            lives(node);
        }
        for node in &self.nodes {
            comes_to(401, || check(&self.leaver).at(&node.url)).refused(401, "token_revoked");
            for client in [&self.seen, &self.unseen, &self.refresher] {
                let again = client.with_tokens(&until_served(|| refresh(client).at(&node.url)));
                assert_eq!(check(&again).at(&node.url).status, 200);
            }
        }
    }
}

pub fn sign_in() -> Ask {
    Ask::new("POST /v1/login").json(&json!({ "username": USER, "password": PASSWORD }))
}

fn create_app_session(secret: &str) -> Ask {
    let body = json!({ "user": "anna", "ip": "192.0.2.1", "ttl": 600, "data": { "n": 1 } });
    Ask::new(&format!("POST /v1/apps/{SHOP}/sessions")).app(SHOP, secret).json(&body)
}

pub fn refresh(client: &Actor) -> Ask {
    Ask::new("POST /v1/refresh").json(&json!({ "refresh_token": client.refresh }))
}

pub fn check(client: &Actor) -> Ask {
    Ask::new("GET /v1/check").bearer(&client.access)
}

/// What never depends on a store.
fn lives(node: &Server) {
    for path in ["GET /healthz", "GET /.well-known/jwks.json"] {
        assert_eq!(Ask::new(path).at(&node.url).status, 200, "{path}");
    }
}

#[track_caller]
pub fn served(answer: &Answer) -> bool {
    if matches!(answer.status, 200 | 201 | 204) {
        return true;
    }
    // Never 401, which reads as the end of a session, and never 500.
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0), "{answer:?}");
    assert!(!answer.headers.contains_key("set-cookie"), "{answer:?}");
    false
}

fn goes_on(column: Column, ask: &Ask, node: &Server) {
    let answer = until_served(|| ask.at(&node.url));
    if column == Column::Introspection {
        assert_eq!(answer.json()["active"], true, "{answer:?}");
    }
}

/// What an app asks may still go on for the second for which a node believes a secret without asking.
fn is_off(column: Column, ask: &Ask, node: &Server) {
    match column {
        Column::AppSessions | Column::Introspection => comes_to_503(column, ask, node),
        _ => is_503(column, &ask.at(&node.url)),
    }
}

fn comes_to_503(column: Column, ask: &Ask, node: &Server) {
    is_503(column, &comes_to(503, || ask.at(&node.url)));
}

/// With the code that clients go by.
#[track_caller]
fn is_503(column: Column, answer: &Answer) {
    assert!(!served(answer), "{column:?}: {answer:?}");
    match column {
        Column::Seen | Column::FirstSight | Column::Cookie => answer.refused(503, "store_unavailable"),
        Column::Introspection => assert_eq!(answer.json()["error"], "temporarily_unavailable", "{answer:?}"),
        _ => drop(answer.problem(503, "store_unavailable")),
    }
}

/// Asks until it is served; what comes before that must be 503.
pub fn until_served(ask: impl Fn() -> Answer) -> Answer {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = ask();
        if served(&answer) {
            return answer;
        }
        assert!(Instant::now() < deadline, "it is not served again: {answer:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Asks until the answer is `status`.
pub fn comes_to(status: u16, ask: impl Fn() -> Answer) -> Answer {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = ask();
        if answer.status == status {
            return answer;
        }
        assert!(served(&answer) || answer.status == 503, "{answer:?}");
        assert!(Instant::now() < deadline, "it never comes to {status}: {answer:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

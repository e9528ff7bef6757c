//! What the layer costs a request, beside an axum route without it: `KEYWARD=… cargo bench -p keyward-tower`. All in
//! one run, in turns, so that what else the machine does falls on each alike. Prints a table for `docs/performance.md`.

#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../tests/layer/http.rs"]
mod http;
#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../tests/layer/server.rs"]
mod server;

use std::{
    convert::Infallible,
    io::{self, Write},
    time::{Duration, Instant},
};

use axum::{
    Router,
    response::sse::{Event, Sse},
    routing::get,
};
use futures_util::{Stream, StreamExt, future::join_all, stream};
use http_body_util::BodyExt;
use keyward_tower::{Identity, Keyward};
use tokio::net::TcpListener;

use self::{
    http::Client,
    server::{APP, Server},
};

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(2);
const CONNECTIONS: usize = 16;
const ALONE: usize = 500;
const SIGN_OUTS: usize = 30;

struct Way {
    name: &'static str,
    base: String,
    /// Requests a second, in each round.
    rates: Vec<f64>,
    /// Of one connection, in microseconds.
    alone: Vec<f64>,
    first_sight: Vec<f64>,
    closed: Vec<f64>,
}

#[tokio::main]
async fn main() {
    // What it asks for must not be refused for its rate.
    let server = Server::start(&[("RATE_LIMIT_SESSION_REQUESTS", "1000000000")]).await;
    let mut ways = ways(&server).await;
    let tokens: Vec<String> = {
        let mut tokens = Vec::new();
        for _ in 0..64 {
            tokens.push(server.sign_in().await.token);
        }
        tokens
    };
    for way in &mut ways {
        way.first_sight = one_by_one(&way.base, tokens.iter()).await;
    }
    for round in 0..=ROUNDS {
        for way in &mut ways {
            let rate = together(&way.base, &tokens[0]).await;
            let alone = one_by_one(&way.base, std::iter::repeat_n(&tokens[0], ALONE)).await;
            // The first round warms up.
            if round > 0 {
                way.rates.push(rate);
                way.alone.extend(alone);
            }
        }
    }
    for way in ways.iter_mut().skip(1) {
        for _ in 0..SIGN_OUTS {
            way.closed.push(sign_out(&server, &way.base).await);
        }
    }
    print(&ways).expect("it is printed");
}

async fn ways(server: &Server) -> [Way; 3] {
    let check = Keyward::check(&server.check).revocations(&server.url, APP, &server.secret);
    let local = Keyward::local(&server.url, APP, &server.secret);
    let (check, local) = (check.build().expect("a way"), local.build().expect("a way"));
    check.ready().await;
    local.ready().await;
    let way = async |name, keyward: Option<&Keyward>| {
        let (hello, events) = match keyward {
            Some(keyward) => (get(hello).layer(keyward.layer()), get(events).layer(keyward.layer())),
            None => (get(|| async { "hello" }), get(|| async { "hello" })),
        };
        let routes = Router::new().route("/", hello).route("/events", events);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("its address"));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let [rates, alone, first_sight, closed] = [const { Vec::new() }; 4];
        Way { name, base, rates, alone, first_sight, closed }
    };
    [
        way("no layer", None).await,
        way("`Keyward::check`", Some(&check)).await,
        way("`Keyward::local`", Some(&local)).await,
    ]
}

async fn hello(_: Identity) -> &'static str {
    "hello"
}

async fn events(identity: Identity) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let greeting = stream::once(async { Ok(Event::default().data("hello")) });
    Sse::new(greeting.chain(stream::pending()).take_until(identity.ended()))
}

async fn ask(client: &Client, base: &str, token: &str) {
    let bearer = format!("Bearer {token}");
    let answer = client.send("GET", base, &[("authorization", &bearer)], bytes::Bytes::new()).await;
    assert_eq!(answer.expect("an answer").status, 200);
}

/// Requests a second of all connections.
async fn together(base: &str, token: &str) -> f64 {
    let end = Instant::now() + ROUND;
    let counts = join_all((0..CONNECTIONS).map(|_| {
        let (base, token) = (base.to_owned(), token.to_owned());
        tokio::spawn(async move {
            let (client, mut count) = (Client::new(), 0_u32);
            while Instant::now() < end {
                ask(&client, &base, &token).await;
                count += 1;
            }
            f64::from(count)
        })
    }));
    counts.await.into_iter().map(|count| count.expect("no panic")).sum::<f64>() / ROUND.as_secs_f64()
}

/// Microseconds of each request of one connection.
async fn one_by_one(base: &str, tokens: impl Iterator<Item = &String>) -> Vec<f64> {
    let (client, mut times) = (Client::new(), Vec::new());
    for token in tokens {
        let began = Instant::now();
        ask(&client, base, token).await;
        times.push(began.elapsed().as_secs_f64() * 1e6);
    }
    times
}

/// Milliseconds from the answer to a sign-out until an open event stream is closed.
async fn sign_out(server: &Server, base: &str) -> f64 {
    let anna = server.sign_in().await;
    let bearer = format!("Bearer {}", anna.token);
    let url = format!("{base}/events");
    let answer = Client::new().open("GET", &url, &[("authorization", &bearer)], bytes::Bytes::new()).await;
    let mut body = answer.expect("an answer").into_body();
    body.frame().await.expect("a greeting").expect("a greeting");
    let closed = tokio::spawn(async move {
        assert!(body.frame().await.is_none());
        Instant::now()
    });
    server.sign_out(&anna).await;
    let answered = Instant::now();
    closed.await.expect("no panic").saturating_duration_since(answered).as_secs_f64() * 1e3
}

/// The value that a share of them does not exceed.
fn quantile(values: &[f64], share: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    let at = (share * (values.len().saturating_sub(1)) as f64).round() as usize;
    values.get(at).copied().unwrap_or(f64::NAN)
}

fn print(ways: &[Way; 3]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let (together, closed) =
        ("requests/s, 16 connections", "sign-out answered until an event stream is closed, ms");
    let head =
        format!("| | {together} | ÷ no layer | one connection, µs | a token's first sight, µs | {closed}: ");
    writeln!(out, "{head}median, worst |\n|---|---:|---:|---:|---:|---:|")?;
    let bare = quantile(&ways[0].rates, 0.5);
    for Way { name, rates, alone, first_sight, closed, .. } in ways {
        let [rate, alone, first] = [rates, alone, first_sight].map(|values| quantile(values, 0.5));
        let closed = match &closed[..] {
            [] => String::new(),
            closed => format!("{:.1}, {:.1}", quantile(closed, 0.5), quantile(closed, 1.0)),
        };
        writeln!(out, "| {name} | {rate:.0} | {:.2} | {alone:.0} | {first:.0} | {closed} |", rate / bare)?;
    }
    Ok(())
}

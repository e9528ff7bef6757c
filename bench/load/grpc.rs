//! The check by gRPC, as Envoy's `ext_authz` filter asks it: many calls at once on a few connections. wrk does
//! not speak HTTP/2, so tonic's own client makes the load. It takes CPU time of the same machine: compare
//! CPU time, which is the server's alone.

use std::{
    collections::HashMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use envoy_types::pb::envoy::service::auth::v3::{
    AttributeContext, CheckRequest, CheckResponse,
    attribute_context::{HttpRequest, Request},
    authorization_client::AuthorizationClient,
};
use tokio::{runtime::Runtime, task::JoinSet};
use tonic::transport::{Channel, Endpoint};

use super::{
    bare_grpc::BareGrpc,
    keyward::{Backend, Keyward},
    options::Options,
    row::{Round, Row},
    sample::{Answers, Sample, sample},
    seeder::Seeder,
    target::Target,
};

/// As a gateway has one for each of its threads.
const CONNECTIONS: usize = 4;
const CALLS_AT_ONCE: usize = 64;

pub fn compare(operation: &'static str, backend: Backend, options: &Options) -> Row {
    let keyward = Keyward::start_with_ext_authz(backend);
    let question = question(&Seeder::of(&keyward).access_tokens(1).concat());
    let runtime = Runtime::new().expect("a runtime");
    let target = keyward.ext_authz_target();
    let answer = runtime.block_on(async {
        let mut client = client(target.address).await;
        client.check(question.clone()).await.expect("an answer").into_inner()
    });
    assert!(lets_in(&answer), "{answer:?}");
    let bare = BareGrpc::start(&answer);
    let round = |target: Target, seconds| -> Sample {
        sample(&target, || runtime.block_on(load(target.address, &question, seconds))).0
    };
    Row::measure(operation, backend, options, options.seconds, |seconds| Round {
        keyward: round(target, seconds),
        bare: round(bare.target(), seconds),
        express: None,
    })
}

/// A browser's request, as Envoy hands it over.
fn question(token: &str) -> CheckRequest {
    let headers = [
        (":authority", "app.example.com"),
        (":method", "GET"),
        (":path", "/orders?page=2"),
        (":scheme", "https"),
        ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
        ("accept-language", "en"),
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
        ("x-forwarded-proto", "https"),
        ("x-request-id", "5a0a6c84-3c6e-4d0e-9a4c-6a8f3bb0a0d1"),
        ("authorization", &format!("Bearer {token}")),
    ];
    let headers: HashMap<_, _> =
        headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let http = HttpRequest {
        id: "1".to_owned(),
        method: "GET".to_owned(),
        path: "/orders?page=2".to_owned(),
        host: "app.example.com".to_owned(),
        scheme: "https".to_owned(),
        protocol: "HTTP/2".to_owned(),
        headers,
        ..HttpRequest::default()
    };
    let request = Request { http: Some(http), ..Request::default() };
    let attributes = AttributeContext { request: Some(request), ..AttributeContext::default() };
    CheckRequest { attributes: Some(attributes) }
}

async fn client(server: SocketAddr) -> AuthorizationClient<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{server}")).expect("a URL");
    AuthorizationClient::new(endpoint.connect().await.expect("a connection"))
}

fn lets_in(answer: &CheckResponse) -> bool {
    answer.status.as_ref().is_some_and(|status| status.code == 0)
}

/// The same call over and over, by as many callers as there are calls at once.
async fn load(server: SocketAddr, question: &CheckRequest, seconds: u64) -> Answers {
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(client(server).await);
    }
    let begun = Instant::now();
    let end = begun + Duration::from_secs(seconds);
    let callers = clients.iter().cycle().take(CALLS_AT_ONCE);
    let callers: JoinSet<_> =
        callers.map(|client| call_until(end, client.clone(), question.clone())).collect();
    let mut latencies = callers.join_all().await.concat();
    let micros = micros(begun.elapsed());
    latencies.sort_unstable();
    Answers {
        requests: latencies.len() as u64,
        micros,
        p50: latencies[latencies.len() / 2],
        p99: latencies[latencies.len() * 99 / 100],
        refused: 0,
        broken: 0,
    }
}

/// How long each call took, in microseconds.
async fn call_until(
    end: Instant,
    mut client: AuthorizationClient<Channel>,
    question: CheckRequest,
) -> Vec<u64> {
    let mut latencies = Vec::new();
    let mut begun = Instant::now();
    while begun < end {
        let answer = client.check(question.clone()).await.expect("an answer").into_inner();
        assert!(lets_in(&answer), "{answer:?}");
        latencies.push(micros(begun.elapsed()));
        begun = Instant::now();
    }
    latencies
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).expect("a short time")
}

//! Traces (contract 1): requests are spans of OpenTelemetry that a receiver can read, in the trace that a trusted proxy
//! names; a receiver that is away or hangs costs spans, and nothing else.

use std::{
    net::TcpListener,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse},
    common::v1::any_value::Value,
    trace::v1::{Span, span::SpanKind},
};
use prost::Message;
use reqwest::RequestBuilder;
use serde_json::json;
use tokio::task::AbortHandle;

use super::{
    actor::{Actor, send},
    install::{Install, PATIENCE, Server, wait_for},
    secrets,
};

const PASSWORD: &str = "Seven words make 1 fine passphrase";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

type Received = Arc<Mutex<Vec<Bytes>>>;

/// Takes traces by OTLP, http/protobuf, until it is dropped.
struct Collector {
    endpoint: String,
    received: Received,
    serving: AbortHandle,
}

impl Collector {
    async fn start() -> Self {
        let received = Received::default();
        let routes = Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&received));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("its address"));
        let serving = tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { endpoint, received, serving: serving.abort_handle() }
    }

    fn spans(&self) -> Vec<Span> {
        let received = self.received.lock().expect("not poisoned").clone();
        let requests =
            received.into_iter().map(|bytes| ExportTraceServiceRequest::decode(bytes).expect("a request"));
        let resources = requests.flat_map(|request| request.resource_spans);
        let resources = resources.inspect(|of| {
            let resource = of.resource.as_ref().expect("a resource");
            assert_eq!(
                text(&resource.attributes, "service.name").as_deref(),
                Some("keyward"),
                "{resource:?}"
            );
        });
        resources.flat_map(|of| of.scope_spans).flat_map(|scope| scope.spans).collect()
    }

    /// The spans, once one is called so.
    async fn comes_to(&self, name: &str) -> Vec<Span> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let spans = self.spans();
            if spans.iter().any(|span| span.name == name) {
                return spans;
            }
            assert!(Instant::now() < deadline, "no span is called {name}: {spans:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn take(State(received): State<Received>, headers: HeaderMap, body: Bytes) -> Vec<u8> {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    received.lock().expect("not poisoned").push(body);
    ExportTraceServiceResponse::default().encode_to_vec()
}

fn text(attributes: &[opentelemetry_proto::tonic::common::v1::KeyValue], name: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == name)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        other => panic!("{name} is {other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// A server that sends its traces there.
async fn traced(endpoint: &str, ratio: &str, more: &[(&str, &str)]) -> Server {
    let install = Install::new().with("KEYWARD_TELEMETRY_OTLP_ENDPOINT", endpoint);
    let install = install.with("KEYWARD_TELEMETRY_SAMPLE_RATIO", ratio);
    let install = more.iter().fold(install, |install, (name, value)| install.with(name, value));
    install.add_user("alice", PASSWORD, &[]);
    install.start().await
}

fn sign_in(client: &Actor) -> RequestBuilder {
    client.request("POST", "/v1/login").json(&json!({ "username": "alice", "password": PASSWORD }))
}

fn in_trace(request: RequestBuilder, flags: &str) -> RequestBuilder {
    request.header("traceparent", format!("00-{TRACE}-{PARENT}-{flags}"))
}

const TRUSTED: (&str, &str) = ("KEYWARD_SERVER_TRUSTED_PROXIES", "127.0.0.0/8");

#[tokio::test]
async fn a_receiver_reads_the_span_of_a_request_in_the_trace_of_its_proxy() {
    let collector = Collector::start().await;
    // At `warn`, for what is traced is no matter of the log's level.
    let server = traced(&collector.endpoint, "0.0", &[TRUSTED, ("KEYWARD_LOG_LEVEL", "warn")]).await;
    let client = server.client();
    let alice = client.with_tokens(&send(in_trace(sign_in(&client), "01")).await);
    assert_eq!(send(in_trace(alice.authorized("GET", "/v1/check"), "01")).await.status, 200);
    // By chance none is kept, and one whose proxy keeps it not is not kept either.
    assert_eq!(alice.get("/v1/me").await.status, 200);
    assert_eq!(send(in_trace(alice.authorized("GET", "/v1/sessions"), "00")).await.status, 200);
    assert_eq!(alice.logout().await.status, 204);

    collector.comes_to("POST /v1/login").await;
    let spans = collector.comes_to("GET /v1/check").await;
    for (name, status) in [("POST /v1/login", "200"), ("GET /v1/check", "200")] {
        let span = spans.iter().find(|span| span.name == name).expect(name);
        assert_eq!(
            (hex(&span.trace_id), hex(&span.parent_span_id)),
            (TRACE.to_owned(), PARENT.to_owned()),
            "{span:?}"
        );
        assert_eq!(span.kind, i32::from(SpanKind::Server), "{span:?}");
        assert_eq!(text(&span.attributes, "http.response.status_code").as_deref(), Some(status), "{span:?}");
        assert!(text(&span.attributes, "request.id").is_some_and(|id| !id.is_empty()), "{span:?}");
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano, "{span:?}");
    }
    let login = spans.iter().find(|span| span.name == "POST /v1/login").expect("a span");
    let opening =
        spans.iter().find(|span| text(&span.attributes, "store.verb").as_deref() == Some("sessions.open"));
    let opening = opening.unwrap_or_else(|| panic!("no span of a store: {spans:?}"));
    assert_eq!(
        (&opening.trace_id, &opening.parent_span_id),
        (&login.trace_id, &login.span_id),
        "{opening:?}"
    );
    for unkept in ["GET /v1/me", "GET /v1/sessions", "POST /v1/logout"] {
        assert!(spans.iter().all(|span| span.name != unkept), "{unkept} was kept");
    }
    let said: Vec<_> =
        collector.received.lock().expect("not poisoned").iter().flat_map(|body| body.to_vec()).collect();
    secrets::assert_none_in(&String::from_utf8_lossy(&said), "the exporter");
}

#[tokio::test]
async fn a_trace_that_anybody_names_is_neither_joined_nor_kept() {
    let collector = Collector::start().await;
    let server = traced(&collector.endpoint, "1.0", &[]).await;
    assert_eq!(send(in_trace(sign_in(&server.client()), "00")).await.status, 200);
    let spans = collector.comes_to("POST /v1/login").await;
    assert!(spans.iter().all(|span| hex(&span.trace_id) != TRACE), "{spans:?}");
}

/// On more than one thread: the test waits for the server's end, which waits for the receiver.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_sent_yet_is_sent_before_the_end() {
    let collector = Collector::start().await;
    let server = traced(&collector.endpoint, "1.0", &[]).await;
    server.client().get("/v1/me").await.problem(401, "token_invalid");
    server.terminate();
    collector.comes_to("GET /v1/me").await;
}

#[tokio::test]
async fn a_receiver_that_is_away_or_hangs_costs_spans_and_nothing_else() {
    let hangs = TcpListener::bind("127.0.0.1:0").expect("a port");
    let away = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address");
    for address in [away, hangs.local_addr().expect("its address")] {
        let server = traced(&format!("http://{address}"), "1.0", &[]).await;
        let alice = server.client().with_tokens(&send(sign_in(&server.client())).await);
        let deadline = Instant::now() + PATIENCE;
        while dropped(&server).await == 0 {
            assert!(Instant::now() < deadline, "{}", server.stderr());
            assert_eq!(alice.check().await.status, 200);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let told = || server.stderr().matches("traces are not taken").count();
        wait_for(|| (told() > 0).then_some(())).expect("a line in the log");
        assert_eq!(told(), 1, "{}", server.stderr());
        server.terminate();
    }
}

/// How many spans were not taken.
async fn dropped(server: &Server) -> u64 {
    let page = Actor::new(&server.management_url).get("/metrics").await.text;
    let line = page
        .lines()
        .find_map(|line| line.strip_prefix(r#"keyward_spans_dropped_total{reason="not_taken"} "#));
    line.expect("the metric").parse().expect("a number")
}

#[test]
fn an_endpoint_is_a_plain_origin_and_a_ratio_between_none_and_all() {
    for (name, bad) in [
        ("KEYWARD_TELEMETRY_OTLP_ENDPOINT", "https://collector:4318"),
        ("KEYWARD_TELEMETRY_OTLP_ENDPOINT", "http://collector:4318/v1/traces"),
        ("KEYWARD_TELEMETRY_OTLP_ENDPOINT", "collector"),
        ("KEYWARD_TELEMETRY_SAMPLE_RATIO", "1.5"),
        ("KEYWARD_TELEMETRY_SAMPLE_RATIO", "-0.1"),
        ("KEYWARD_TELEMETRY_SAMPLE_RATIO", "NaN"),
        ("KEYWARD_TELEMETRY_SAMPLE_RATIO", "some"),
    ] {
        let outcome = Install::new().with(name, bad).run(&["config"]);
        assert!(outcome.code == Some(1) && outcome.stderr.contains(name), "{bad}: {outcome:?}");
    }
    for good in ["0", "1", "0.25"] {
        Install::new().with("KEYWARD_TELEMETRY_SAMPLE_RATIO", good).good(&["config"]);
    }
    let in_file = Install::new();
    std::fs::write(in_file.path("keyward.toml"), "[telemetry]\nsample_ratio = 1\n").expect("written");
    in_file.good(&["config"]);
}

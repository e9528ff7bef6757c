//! Spans on their way out. A receiver that is away or slow costs spans, and nothing else: whoever ends a span waits for
//! nobody, and what is lost is counted.

use std::{mem, time::Duration};

use opentelemetry::{Value, trace::SpanKind};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{Span, SpanData, SpanExporter, SpanProcessor},
};
use tokio::{
    sync::{
        mpsc::{Receiver, Sender, channel},
        oneshot,
    },
    time::{sleep, timeout},
};

use crate::{domain::causes::Causes, measures::table::SPANS_DROPPED};

/// Spans that may wait.
const WAITING: usize = 4_096;
/// The most that are sent at once.
const BATCH: usize = 512;
/// How long the first one waits for others.
const GATHER: Duration = Duration::from_millis(500);
/// How long a receiver may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long an end waits for the last spans.
const LAST_SPANS: Duration = Duration::from_secs(3);

#[derive(Debug)]
enum Outgoing {
    Span(Box<SpanData>),
    /// To be answered once all spans before it were sent.
    Flush(oneshot::Sender<()>),
}

/// Where spans are handed over.
#[derive(Debug)]
pub(super) struct SpanQueue(Sender<Outgoing>);

/// The other end, as far as the process waits for it.
#[derive(Debug)]
pub(super) struct SpansWaiting(Sender<Outgoing>);

impl SpansWaiting {
    pub(super) async fn export(self) {
        let (sent, all_are) = oneshot::channel();
        let flushed = async {
            if self.0.send(Outgoing::Flush(sent)).await.is_ok() {
                // Whether they were taken or not.
                drop(all_are.await);
            }
        };
        drop(timeout(LAST_SPANS, flushed).await);
    }
}

impl SpanProcessor for SpanQueue {
    fn on_start(&self, _: &mut Span, _: &opentelemetry::Context) {}

    fn on_end(&self, span: SpanData) {
        if self.0.try_send(Outgoing::Span(Box::new(span))).is_err() {
            SPANS_DROPPED.count(&["queue_full"]);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Begins to send what is handed over.
pub(super) fn start(
    mut exporter: impl SpanExporter + 'static,
    resource: &Resource,
) -> (SpanQueue, SpansWaiting) {
    exporter.set_resource(resource);
    let (sender, receiver) = channel(WAITING);
    tokio::spawn(export(receiver, exporter));
    (SpanQueue(sender.clone()), SpansWaiting(sender))
}

async fn export(mut messages: Receiver<Outgoing>, exporter: impl SpanExporter) {
    let (mut taken, mut is_taken) = (Vec::with_capacity(BATCH), true);
    while messages.recv_many(&mut taken, BATCH).await > 0 {
        let is_last = taken.iter().any(|message| matches!(message, Outgoing::Flush(_)));
        if taken.len() < BATCH && !is_last {
            sleep(GATHER).await;
            while taken.len() < BATCH
                && let Ok(message) = messages.try_recv()
            {
                taken.push(message);
            }
        }
        let (mut batch, mut asked) = (Vec::with_capacity(taken.len()), Vec::new());
        for message in mem::take(&mut taken) {
            match message {
                Outgoing::Span(span) => batch.push(named(*span)),
                Outgoing::Flush(sent) => asked.push(sent),
            }
        }
        is_taken = send(&exporter, batch, is_taken).await;
        for sent in asked {
            // Whoever asked may have gone.
            let _ = sent.send(());
        }
    }
}

/// Sends a batch; whether it was taken. That a receiver is away is said once, and that it is back.
async fn send(exporter: &impl SpanExporter, batch: Vec<SpanData>, was_taken: bool) -> bool {
    if batch.is_empty() {
        return was_taken;
    }
    let count = batch.len() as u64;
    let error = match timeout(PATIENCE, exporter.export(batch)).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(Causes(&error).to_string()),
        Err(_) => Some("it took too long".to_owned()),
    };
    match &error {
        Some(_) => SPANS_DROPPED.counter(&["not_taken"]).increment(count),
        None if !was_taken => tracing::info!("traces are taken again"),
        None => {}
    }
    if let (Some(error), true) = (&error, was_taken) {
        tracing::warn!(error, "traces are not taken: their spans are dropped until they are");
    }
    error.is_none()
}

/// The span of a request is called after its method and route, and is a server's.
fn named(mut span: SpanData) -> SpanData {
    let said = |name: &str| {
        let found = span.attributes.iter().find(|attribute| attribute.key.as_str() == name);
        found.and_then(|attribute| match &attribute.value {
            Value::String(text) => Some(text.as_str().to_owned()),
            _ => None,
        })
    };
    if let (Some(method), Some(route)) = (said("http.request.method"), said("http.route")) {
        span.name = format!("{method} {route}").into();
        span.span_kind = SpanKind::Server;
    }
    span
}

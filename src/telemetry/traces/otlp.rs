//! Spans become OpenTelemetry's and are sent by OTLP, http/protobuf. What is of a span is what is in the log's, and
//! nothing more: no path, no header, no address.

use std::{future::ready, time::Duration};

use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider},
};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracerProvider},
};
use tracing::{Level, Metadata, Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{Layer, filter::filter_fn, registry::LookupSpan};

use super::{LastSpans, queue};
use crate::{config::Telemetry, domain::trace_context::TraceParent, telemetry::TelemetryError};

/// How long a receiver may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Begins to export, if the settings say where to. To be called on the runtime.
///
/// # Errors
/// When the endpoint cannot be used.
pub fn start<S: Subscriber + for<'a> LookupSpan<'a>>(
    settings: &Telemetry,
) -> Result<(Option<impl Layer<S>>, LastSpans), TelemetryError> {
    let Some(endpoint) = &settings.otlp_endpoint else { return Ok((None, Box::pin(ready(())))) };
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{endpoint}/v1/traces"))
        .with_timeout(PATIENCE)
        .build()
        .map_err(|error| TelemetryError::Traces(Box::new(error)))?;
    let resource = Resource::builder_empty().with_service_name("keyward").build();
    let (queue, waiting) = queue::start(exporter, &resource);
    // A gateway that keeps a trace has it kept here; the rest is by chance.
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.sample_ratio)));
    let provider = SdkTracerProvider::builder()
        .with_sampler(sampler)
        .with_resource(resource)
        .with_span_processor(queue)
        .build();
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("keyward"))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_filter(filter_fn(is_exported));
    Ok((Some(layer), Box::pin(waiting.export())))
}

/// Our own spans, and the lines that are logged in them. Libraries may say what they are given.
fn is_exported(what: &Metadata<'_>) -> bool {
    let is_ours = what.target() == "keyward" || what.target().starts_with("keyward::");
    is_ours && (what.is_span() || *what.level() <= Level::INFO)
}

/// Makes a span a part of another one's trace.
pub fn join_trace(span: &Span, parent: &TraceParent) {
    let flags = if parent.is_sampled() { TraceFlags::SAMPLED } else { TraceFlags::default() };
    let (trace, of) = (TraceId::from(parent.trace()), SpanId::from(parent.span()));
    let context = SpanContext::new(trace, of, flags, true, TraceState::default());
    // Where nothing is exported there is nothing to join.
    drop(span.set_parent(Context::new().with_remote_span_context(context)));
}

//! Traces: the spans of requests, exported where `telemetry.otlp_endpoint` says.

#[cfg(feature = "otlp")]
mod otlp;
#[cfg(feature = "otlp")]
mod queue;
#[cfg(not(feature = "otlp"))]
mod without;

use std::pin::Pin;

#[cfg(feature = "otlp")]
pub use self::otlp::{join_trace, start};
#[cfg(not(feature = "otlp"))]
pub use self::without::{join_trace, start};

/// Has the spans exported that were not yet, as far as the receiver takes them soon.
pub type LastSpans = Pin<Box<dyn Future<Output = ()> + Send>>;

//! What operators see: log lines on standard error, metrics, and traces. Installed once a process; the
//! servers that tests start in one process share both.

mod lines;
mod traces;

use std::{
    io,
    panic::{self, PanicHookInfo},
    sync::{Mutex, PoisonError},
};

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{
    EnvFilter, Layer, Registry, filter::ParseError, fmt, layer::SubscriberExt, registry, reload,
    util::TryInitError,
};

use self::lines::Lines;
pub use self::{
    lines::LastLines,
    traces::{LastSpans, join_trace},
};
use crate::{
    config::{Log, LogFormat, Telemetry},
    measures::{self, Kind, table},
};

/// Logging or metrics that could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `log.level` is no filter.
    #[error("log.level cannot be used as a filter: {0}")]
    Filter(#[from] ParseError),
    /// Nobody logs any more.
    #[error("log.level cannot be changed: {0}")]
    Level(#[from] reload::Error),
    /// Something else logs in this process.
    #[error("logging is set up already: {0}")]
    Logging(#[from] TryInitError),
    /// There is no thread to be had that writes the log.
    #[error("the log cannot be written: {0}")]
    Writer(#[from] io::Error),
    /// Traces cannot be exported there.
    #[error("telemetry.otlp_endpoint cannot be used: {0}")]
    Traces(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// They are wanted, but this build has them not.
    #[error("telemetry.otlp_endpoint is set, but this build exports no traces (the feature otlp)")]
    WithoutTraces,
    /// Something else measures in this process.
    #[error("metrics cannot be set up: {0}")]
    Metrics(#[from] BuildError),
}

/// Which lines are logged; it may be changed.
#[derive(Clone)]
pub struct LogLevel(reload::Handle<EnvFilter, Registry>);

/// What is still on its way out when a server stops.
pub struct Last {
    pub lines: LastLines,
    pub spans: LastSpans,
}

/// Sends log lines to standard error from now on, and spans where the settings say. To be called on the runtime.
pub fn start(log: &Log, telemetry: &Telemetry) -> Result<(Last, LogLevel), TelemetryError> {
    use tracing_subscriber::util::SubscriberInitExt;

    let (filter, level) = reload::Layer::new(filter(&log.level)?);
    // What cannot be logged would be printed to where it could not be logged, with a panic.
    let lines = fmt::layer().log_internal_errors(false).with_writer(Lines::start()?);
    let lines = match log.format {
        LogFormat::Text => lines.with_ansi(io::IsTerminal::is_terminal(&io::stderr())).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).boxed(),
    };
    let (traces, spans) = traces::start(telemetry)?;
    // Each has a filter of its own: traces are no matter of the log's level.
    registry().with(lines.with_filter(filter)).with(traces).try_init()?;
    panic::set_hook(Box::new(tell_of_panic));
    Ok((Last { lines: LastLines::awaited(), spans }, LogLevel(level)))
}

impl LogLevel {
    /// Logs by another `log.level` from now on.
    pub fn change(&self, level: &str) -> Result<(), TelemetryError> {
        Ok(self.0.reload(filter(level)?)?)
    }
}

fn filter(level: &str) -> Result<EnvFilter, ParseError> {
    EnvFilter::builder().parse(directives(level))
}

/// A panic is a defect; where it was is told, and not its message, which may hold anything.
fn tell_of_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(place, "a panic: this is a defect, please report it");
}

/// What a level means: our own lines of that level, and the warnings of the libraries. Never more of
/// theirs: the PostgreSQL client writes the parameters of each statement at `debug`, hashes among them. Of passkeys
/// nothing: the library calls it an error when a stranger sends a wrong one.
fn directives(level: &str) -> String {
    let parts = level.split(',').map(str::trim);
    let ours = parts.map(|part| if part.contains('=') { part.to_owned() } else { format!("keyward={part}") });
    let quiet = ["off", "error"].into_iter().find(|quiet| level.split(',').any(|part| part.trim() == *quiet));
    let theirs = [quiet.unwrap_or("warn"), "webauthn_rs_core=off"].map(str::to_owned);
    theirs.into_iter().chain(ours).collect::<Vec<_>>().join(",")
}

/// What has been measured so far.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Begins to measure, at the first call.
    pub fn start() -> Result<Self, TelemetryError> {
        static STARTED: Mutex<Option<Metrics>> = Mutex::new(None);

        let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(metrics) = &*started {
            return Ok(metrics.clone());
        }
        let mut builder = PrometheusBuilder::new();
        for measure in &table::ALL {
            if let Kind::Histogram(buckets) = measure.kind {
                builder = builder.set_buckets_for_metric(Matcher::Full(measure.name.to_owned()), buckets)?;
            }
        }
        let metrics = Self(builder.install_recorder()?);
        measures::register();
        *started = Some(metrics.clone());
        Ok(metrics)
    }

    /// The page that Prometheus reads.
    #[must_use]
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Drains the samples of histograms: to be called every few seconds, or they pile up until
    /// somebody reads them.
    pub fn upkeep(&self) {
        self.0.run_upkeep();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_never_say_more_than_warnings() {
        assert_eq!(directives("trace"), "warn,webauthn_rs_core=off,keyward=trace");
        assert_eq!(directives("error"), "error,webauthn_rs_core=off,keyward=error");
        let one_more = "warn,webauthn_rs_core=off,keyward=info,keyward::store=debug";
        assert_eq!(directives("info, keyward::store=debug"), one_more);
    }
}

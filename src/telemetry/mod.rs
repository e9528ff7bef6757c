//! What operators see: log lines on standard error, and metrics. Installed once a process; the
//! servers that tests start in one process share both.

mod lines;

use std::{
    io,
    panic::{self, PanicHookInfo},
    sync::{Mutex, PoisonError},
};

use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, filter::ParseError, util::TryInitError};

pub use self::lines::LastLines;
use self::lines::Lines;
use crate::config::{Log, LogFormat};

/// Upper bounds of every histogram of durations, in seconds: from a cached check to a slow login.
const BUCKETS: [f64; 14] =
    [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];

/// Logging or metrics that could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `log.level` is no filter.
    #[error("log.level cannot be used as a filter: {0}")]
    Filter(#[from] ParseError),
    /// Something else logs in this process.
    #[error("logging is set up already: {0}")]
    Logging(#[from] TryInitError),
    /// There is no thread to be had that writes the log.
    #[error("the log cannot be written: {0}")]
    Writer(#[from] io::Error),
    /// Something else measures in this process.
    #[error("metrics cannot be set up: {0}")]
    Metrics(#[from] BuildError),
}

/// Sends log lines to standard error from now on, and the last of them when what is returned is dropped.
pub fn log(settings: &Log) -> Result<LastLines, TelemetryError> {
    use tracing_subscriber::util::SubscriberInitExt;

    let lines = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::builder().parse(directives(&settings.level))?)
        // What cannot be logged would be printed to where it could not be logged, with a panic.
        .log_internal_errors(false)
        .with_writer(Lines::start()?);
    match settings.format {
        LogFormat::Text => lines.with_ansi(io::IsTerminal::is_terminal(&io::stderr())).finish().try_init()?,
        LogFormat::Json => lines.json().flatten_event(true).finish().try_init()?,
    }
    panic::set_hook(Box::new(tell_of_panic));
    Ok(LastLines::awaited())
}

/// A panic is a defect; where it was is told, and not its message, which may hold anything.
fn tell_of_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(place, "a panic: this is a defect, please report it");
}

/// What a level means: our own lines of that level, and the warnings of the libraries. Never more of
/// theirs: the PostgreSQL client writes the parameters of each statement at `debug`, hashes among them.
fn directives(level: &str) -> String {
    let parts = level.split(',').map(str::trim);
    let ours = parts.map(|part| if part.contains('=') { part.to_owned() } else { format!("keyward={part}") });
    let quiet = ["off", "error"].into_iter().find(|quiet| level.split(',').any(|part| part.trim() == *quiet));
    std::iter::once(quiet.unwrap_or("warn").to_owned()).chain(ours).collect::<Vec<_>>().join(",")
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
        let metrics = Self(PrometheusBuilder::new().set_buckets(&BUCKETS)?.install_recorder()?);
        // Shown from the start: who looks for it wants to see that it is none.
        metrics::counter!("keyward_log_lines_lost_total").increment(0);
        metrics::counter!("keyward_events_lost_total").increment(0);
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
        assert_eq!(directives("trace"), "warn,keyward=trace");
        assert_eq!(directives("error"), "error,keyward=error");
        assert_eq!(directives("info, keyward::store=debug"), "warn,keyward=info,keyward::store=debug");
    }
}

//! What is measured: the table of all metrics, and the handles to count with. Knows nothing of who counts, and
//! nothing of who reads.

mod labels;
pub mod table;

pub use labels::STATUSES;
use metrics::{Counter, Gauge, Histogram, Key, Level, Metadata, Unit, with_recorder};

/// What an outcome is called that was no refusal.
pub const GRANTED: &str = "granted";
/// Anything else than what a label is known to say.
pub const OTHER: &str = "other";

static METADATA: Metadata<'_> = Metadata::new("keyward", Level::INFO, None);

/// A metric: what it is called, and what there is of it.
#[derive(Debug)]
pub struct Measure {
    pub name: &'static str,
    pub kind: Kind,
    /// One sentence, for whoever reads `/metrics` alone.
    pub help: &'static str,
    pub labels: &'static [LabelName],
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    Counter,
    Gauge,
    /// With the upper bounds of its buckets.
    Histogram(&'static [f64]),
}

/// A label and what it may say. Never what a client chose: the number of series is bounded.
#[derive(Debug)]
pub struct LabelName {
    pub name: &'static str,
    pub values: Values,
}

#[derive(Debug, Clone, Copy)]
pub enum Values {
    /// These alone; all else is [`OTHER`], where that is among them.
    Of(&'static [&'static str]),
    /// As many as the code has; the text says what they are.
    Fixed(&'static str),
}

impl Kind {
    /// The word for it in the exposition format.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

impl Measure {
    /// The counter of these labels, in the order of the table. To be looked up once where it counts often.
    pub fn counter(&self, labels: &[&'static str]) -> Counter {
        let key = self.key(labels);
        with_recorder(|recorder| recorder.register_counter(&key, &METADATA))
    }

    pub fn gauge(&self, labels: &[&'static str]) -> Gauge {
        let key = self.key(labels);
        with_recorder(|recorder| recorder.register_gauge(&key, &METADATA))
    }

    pub fn histogram(&self, labels: &[&'static str]) -> Histogram {
        let key = self.key(labels);
        with_recorder(|recorder| recorder.register_histogram(&key, &METADATA))
    }

    /// Counts one.
    pub fn count(&self, labels: &[&'static str]) {
        self.counter(labels).increment(1);
    }

    fn key(&self, labels: &[&'static str]) -> Key {
        debug_assert_eq!(labels.len(), self.labels.len(), "{}", self.name);
        let pairs = self.labels.iter().zip(labels);
        let labels =
            pairs.map(|(label, value)| metrics::Label::from_static_parts(label.name, label.said(value)));
        Key::from_parts(self.name, labels.collect::<Vec<_>>())
    }

    /// Says what it is, and shows every counter whose labels are known from the start: what has not happened yet is 0,
    /// and so the first time is seen as a rise.
    fn register(&self) {
        with_recorder(|recorder| match self.kind {
            Kind::Counter => recorder.describe_counter(self.name.into(), None::<Unit>, self.help.into()),
            Kind::Gauge => recorder.describe_gauge(self.name.into(), None::<Unit>, self.help.into()),
            Kind::Histogram(_) => {
                recorder.describe_histogram(self.name.into(), None::<Unit>, self.help.into());
            }
        });
        match (self.kind, self.labels) {
            (Kind::Counter, []) => drop(self.counter(&[])),
            (Kind::Counter, [LabelName { values: Values::Of(values), .. }]) => {
                for value in *values {
                    drop(self.counter(&[value]));
                }
            }
            _ => {}
        }
    }
}

impl LabelName {
    fn said(&self, value: &'static str) -> &'static str {
        match self.values {
            Values::Fixed(_) => value,
            Values::Of(values) if values.contains(&value) => value,
            Values::Of(values) => {
                debug_assert!(values.contains(&OTHER), "{value} is no {}", self.name);
                OTHER
            }
        }
    }
}

/// Describes all metrics, once there is somebody who keeps them.
pub fn register() {
    for measure in &table::ALL {
        measure.register();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole_and_each_name_stands_once() {
        let written = include_str!("table.rs").matches("\npub static ").count();
        assert_eq!(written, table::ALL.len() + 1, "one for each, and the table itself");
        let mut names: Vec<_> = table::ALL.iter().map(|measure| measure.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), table::ALL.len());
    }

    #[test]
    fn what_is_not_known_is_other() {
        let label = LabelName { name: "outcome", values: Values::Of(&["granted", OTHER]) };
        assert_eq!((label.said("granted"), label.said("name=secret")), ("granted", "other"));
    }
}

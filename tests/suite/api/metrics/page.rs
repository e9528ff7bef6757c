//! The page of metrics, as Prometheus reads it.

use std::fmt;

use keyward::{
    http::endpoints::ENDPOINTS,
    measures::{Kind, Measure, Values, table::ALL},
};

use crate::support::outside::{actor::Actor, install::Server};

pub struct Page {
    pub text: String,
}

/// A series: the name of its metric and its labels.
struct Series<'a> {
    name: &'a str,
    labels: Vec<(&'a str, &'a str)>,
}

impl Page {
    pub async fn of(server: &Server) -> Self {
        let answer = Actor::new(&server.management_url).get("/metrics").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        Self { text: answer.text }
    }

    /// Of the series that is written so.
    pub fn value(&self, series: &str) -> Option<f64> {
        let line = self
            .text
            .lines()
            .find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')));
        line.and_then(|line| line.rsplit_once(' ')?.1.parse().ok())
    }

    /// Each series is of the table, with labels that say what they may.
    pub fn assert_bounded(&self) {
        let lines = self.text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        for series in lines.map(Series::of) {
            let measure = series.measure();
            let own = series.labels.iter().filter(|(name, _)| *name != "le");
            for ((name, value), label) in own.zip(measure.labels) {
                assert_eq!(*name, label.name, "{} in {self}", series.name);
                let is_known = match (label.values, label.name) {
                    (Values::Of(values), _) => values.contains(value),
                    (Values::Fixed(_), "route") => {
                        ["none", "metadata", "ext_authz"].contains(value)
                            || ENDPOINTS.iter().any(|endpoint| endpoint.path == *value)
                    }
                    (Values::Fixed(_), "verb") => {
                        let is_word = |part: &str| part.chars().all(|c| c.is_ascii_lowercase() || c == '_');
                        value.split_once('.').is_some_and(|(store, verb)| is_word(store) && is_word(verb))
                    }
                    (Values::Fixed(_), "version") => *value == env!("CARGO_PKG_VERSION"),
                    (Values::Fixed(_), _) => false,
                };
                assert!(is_known, "{name}=\"{value}\" of {} in {self}", series.name);
            }
        }
    }
}

impl<'a> Series<'a> {
    fn of(line: &'a str) -> Self {
        let (series, _) = line.rsplit_once(' ').expect("a value");
        let Some((name, labels)) = series.split_once('{') else {
            return Self { name: series, labels: Vec::new() };
        };
        let labels = labels.strip_suffix("\"}").expect("labels").split("\",");
        Self { name, labels: labels.map(|label| label.split_once("=\"").expect("a label")).collect() }
    }

    fn measure(&self) -> &'static Measure {
        let is_of = |measure: &&&Measure| {
            let rest = self.name.strip_prefix(measure.name);
            match measure.kind {
                Kind::Histogram(_) => rest.is_some_and(|rest| ["_bucket", "_sum", "_count"].contains(&rest)),
                Kind::Counter | Kind::Gauge => rest == Some(""),
            }
        };
        ALL.iter().find(is_of).unwrap_or_else(|| panic!("{} is not in the table", self.name))
    }
}

impl fmt::Display for Page {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.text)
    }
}

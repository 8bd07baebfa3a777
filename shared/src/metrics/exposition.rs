//! The text format of Prometheus, version 0.0.4: written, never read.

use std::fmt::{Display, Write};

use super::histogram::{BOUNDS_NS, HistogramFigures};

/// What the text is, as a header says it.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How the values of a metric behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, from 0 at the start of the process.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by bucket.
    Histogram,
}

/// Metrics being written.
///
/// ```
/// use meshwork_shared::metrics::{Exposition, Kind};
///
/// let mut text = Exposition::default();
/// text.family("meshwork_links", Kind::Gauge, "Links that are open.");
/// text.sample("meshwork_links", &[("worker", "gateway")], 3);
/// assert!(text.finish().ends_with("meshwork_links{worker=\"gateway\"} 3\n"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Exposition {
    text: String,
}

impl Exposition {
    /// Begins a metric; its samples follow.
    pub fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        self.push(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    /// One value.
    pub fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.text.push_str(name);
        self.labels(labels, None);
        self.push(format_args!(" {value}\n"));
    }

    /// The values of a histogram of seconds.
    pub fn histogram(&mut self, name: &str, labels: &[(&str, &str)], figures: &HistogramFigures) {
        let bounds = BOUNDS_NS.iter().map(|bound| format!("{}", *bound as f64 / 1e9));
        let mut total = 0;
        for (bound, count) in bounds.chain(["+Inf".to_owned()]).zip(figures.buckets) {
            total += count;
            self.push(format_args!("{name}_bucket"));
            self.labels(labels, Some(&bound));
            self.push(format_args!(" {total}\n"));
        }
        self.sample(&format!("{name}_sum"), labels, figures.sum_ns as f64 / 1e9);
        self.sample(&format!("{name}_count"), labels, total);
    }

    /// The whole text.
    pub fn finish(self) -> String {
        self.text
    }

    fn labels(&mut self, labels: &[(&str, &str)], bound: Option<&str>) {
        let bound = bound.map(|bound| ("le", bound));
        let mut first = true;
        for (name, value) in labels.iter().copied().chain(bound) {
            self.text.push(if first { '{' } else { ',' });
            first = false;
            self.push(format_args!("{name}=\""));
            for letter in value.chars() {
                match letter {
                    '\\' => self.text.push_str("\\\\"),
                    '"' => self.text.push_str("\\\""),
                    '\n' => self.text.push_str("\\n"),
                    letter => self.text.push(letter),
                }
            }
            self.text.push('"');
        }
        if !first {
            self.text.push('}');
        }
    }

    fn push(&mut self, words: std::fmt::Arguments<'_>) {
        // A String takes whatever is written.
        let _ = self.text.write_fmt(words);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Histogram;
    use super::*;
    use std::time::Duration;

    #[test]
    fn text_of_elsewhere_stays_within_its_label() {
        let mut text = Exposition::default();
        text.family("a_total", Kind::Counter, "All\nof it.");
        text.sample("a_total", &[("x", "1\"} 9\nb_total 7\\")], 2);
        let expected = "# HELP a_total All\\nof it.\n# TYPE a_total counter\n\
                        a_total{x=\"1\\\"} 9\\nb_total 7\\\\\"} 2\n";
        assert_eq!(text.finish(), expected);
    }

    #[test]
    fn buckets_add_up() {
        let histogram = Histogram::default();
        histogram.count(Duration::from_micros(40), 1);
        histogram.count(Duration::from_millis(400), 2);
        let mut text = Exposition::default();
        text.histogram("t_seconds", &[("c", "a.b")], &histogram.figures());
        let text = text.finish();
        for line in [
            "t_seconds_bucket{c=\"a.b\",le=\"0.00005\"} 1",
            "t_seconds_bucket{c=\"a.b\",le=\"0.25\"} 1",
            "t_seconds_bucket{c=\"a.b\",le=\"0.5\"} 3",
            "t_seconds_bucket{c=\"a.b\",le=\"+Inf\"} 3",
            "t_seconds_sum{c=\"a.b\"} 0.80004",
            "t_seconds_count{c=\"a.b\"} 3",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
    }
}

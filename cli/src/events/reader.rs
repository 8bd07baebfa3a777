//! Where one is in the stream of events: what was missed, and what to ask for next. Pure.

use std::time::Duration;

use serde::Serialize;

use super::seen::Page;

/// Something that a reader cannot have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Gap {
    /// The master was started anew: numbers begin at 1.
    EpochChanged {
        /// The life that numbers what follows.
        epoch: u64,
    },
    /// So many events were forgotten before they were read.
    EventsLost {
        /// How many.
        lost: u64,
    },
}

/// Where one is.
#[derive(Debug)]
pub(super) struct Reader {
    epoch: Option<u64>,
    after: u64,
    /// Whether all that there is was read.
    at_end: bool,
    /// Whether nothing was read yet and all is wanted: what is forgotten by now nobody asked for.
    from_start: bool,
}

impl Reader {
    /// Behind number `after`, of this life of the master if it is known.
    pub(super) fn new(epoch: Option<u64>, after: u64) -> Self {
        Self { epoch, after, at_end: false, from_start: after == 0 && epoch.is_none() }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at_end
    }

    /// What to ask the master for.
    pub(super) fn path(&self, wait: Duration) -> String {
        let mut path = format!("/v1/events?after={}", self.after);
        if let Some(epoch) = self.epoch {
            path.push_str(&format!("&epoch={epoch}"));
        }
        if !wait.is_zero() {
            path.push_str(&format!("&wait={}s", wait.as_secs()));
        }
        path
    }

    /// Takes an answer; tells what is missing before its events.
    pub(super) fn take(&mut self, page: &Page) -> Vec<Gap> {
        let mut gaps = Vec::new();
        if page.epoch_changed {
            gaps.push(Gap::EpochChanged { epoch: page.epoch });
        }
        if page.lost > 0 && !self.from_start {
            gaps.push(Gap::EventsLost { lost: page.lost });
        }
        self.from_start = false;
        (self.epoch, self.after) = (Some(page.epoch), page.next);
        self.at_end = page.next >= page.last;
        gaps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(epoch: u64, next: u64, last: u64) -> Page {
        Page { epoch, epoch_changed: false, lost: 0, next, last, events: Vec::new() }
    }

    #[test]
    fn a_reader_goes_on_where_it_was() {
        let mut reader = Reader::new(None, 0);
        assert_eq!(reader.path(Duration::ZERO), "/v1/events?after=0");
        // What is gone before one came is no loss.
        assert_eq!(reader.take(&Page { lost: 9, ..page(7, 500, 501) }), []);
        assert!(!reader.is_at_end());
        assert_eq!(reader.path(Duration::ZERO), "/v1/events?after=500&epoch=7");
        assert_eq!(reader.take(&page(7, 501, 501)), []);
        assert!(reader.is_at_end());
        assert_eq!(reader.path(Duration::from_secs(25)), "/v1/events?after=501&epoch=7&wait=25s");
    }

    #[test]
    fn what_is_missing_is_told() {
        let mut reader = Reader::new(Some(7), 40);
        let gaps = reader.take(&Page { lost: 12, ..page(7, 60, 60) });
        assert_eq!(gaps, [Gap::EventsLost { lost: 12 }]);
        let gaps = reader.take(&Page { epoch_changed: true, ..page(8, 3, 3) });
        assert_eq!(gaps, [Gap::EpochChanged { epoch: 8 }]);
        assert_eq!(reader.path(Duration::ZERO), "/v1/events?after=3&epoch=8");
        let json = serde_json::to_string(&Gap::EventsLost { lost: 12 }).unwrap();
        assert_eq!(json, r#"{"kind":"events_lost","lost":12}"#);
    }
}

//! What the gateway reports, and the last line of `--json`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What the gateway reports; it says more than is needed here.
#[derive(Debug, Deserialize)]
pub(super) struct Reported {
    pictures: usize,
    thumbnails: usize,
    failed: usize,
    workers: BTreeMap<String, u64>,
    contact_sheet: Option<PathBuf>,
}

/// The demo in one line. The names are part of what scripts rely on.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    pictures: usize,
    thumbnails: usize,
    failed: usize,
    workers: BTreeMap<String, u64>,
    pids: Vec<u32>,
    contact_sheet: Option<PathBuf>,
    /// How many thumbnailers there must be.
    #[serde(skip)]
    thumbnailers: usize,
}

impl Reported {
    /// Reads a report; `None` if it is none.
    pub(super) fn read(json: &str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }
}

impl Summary {
    pub(super) fn new(reported: Reported, pids: Vec<u32>, thumbnailers: usize) -> Self {
        let Reported { pictures, thumbnails, failed, workers, contact_sheet } = reported;
        Self { pictures, thumbnails, failed, workers, pids, contact_sheet, thumbnailers }
    }

    /// Whether all was done, by as many processes as were asked for.
    pub(super) fn is_complete(&self) -> bool {
        let distinct: BTreeSet<_> = self.pids.iter().collect();
        self.pictures > 0
            && self.thumbnails == self.pictures
            && self.failed == 0
            && self.workers.len() == self.thumbnailers
            && self.workers.values().sum::<u64>() == self.thumbnails as u64
            // Besides the thumbnailers there are the master and the gateway.
            && distinct.len() == self.thumbnailers + 2
            && self.contact_sheet.as_ref().is_some_and(|sheet| sheet.is_file())
    }

    /// Prints the line for programs; people have seen the gateway's table.
    pub(super) fn show(&self, json: bool) {
        if json {
            // Only a map with keys that are no text could fail, and there is none.
            println!("{}", serde_json::to_string(self).unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(json: &str, pids: &[u32]) -> Summary {
        Summary::new(Reported::read(json).unwrap(), pids.to_vec(), 2)
    }

    #[test]
    fn only_all_of_it_is_complete() {
        let sheet = tempfile::NamedTempFile::new().unwrap();
        let path = sheet.path().display();
        let report = |thumbnails, failed, one| {
            format!(
                r#"{{"pictures":3,"thumbnails":{thumbnails},"failed":{failed},
                "workers":{{"a":{one},"b":1}},"contact_sheet":"{path}","silent":{{}}}}"#
            )
        };
        assert!(summary(&report(3, 0, 2), &[1, 2, 3, 4]).is_complete());
        assert!(!summary(&report(2, 1, 1), &[1, 2, 3, 4]).is_complete());
        assert!(!summary(&report(3, 0, 1), &[1, 2, 3, 4]).is_complete());
        assert!(!summary(&report(3, 0, 2), &[1, 2, 3, 3]).is_complete());
        assert!(!summary(&report(3, 0, 2), &[1, 2, 3]).is_complete());
        assert!(Reported::read("{}").is_none());
    }

    #[test]
    fn the_line_has_the_names_that_scripts_rely_on() {
        let report = r#"{"pictures":1,"thumbnails":1,"failed":0,"workers":{"a":1},
            "contact_sheet":"/out/contact-sheet.png"}"#;
        assert_eq!(
            serde_json::to_string(&summary(report, &[1, 2])).unwrap(),
            r#"{"pictures":1,"thumbnails":1,"failed":0,"workers":{"a":1},"pids":[1,2],"contact_sheet":"/out/contact-sheet.png"}"#
        );
    }
}

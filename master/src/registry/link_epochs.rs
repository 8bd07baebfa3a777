//! The epochs of the link secret: which ones a worker holds at a time.

use std::time::Duration;

/// The present epoch and the one after it. A worker that has lost its master goes on to the second,
/// and meets there those that have not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkEpochs {
    present: u64,
    lasts_s: u64,
}

impl LinkEpochs {
    /// The epochs to hold at unix second `unix_s`, each lasting for `lasts`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use meshwork_master::registry::LinkEpochs;
    ///
    /// let epochs = LinkEpochs::at(250, Duration::from_secs(100));
    /// assert_eq!(epochs.starts(), [(2, 200), (3, 300)]);
    /// ```
    pub fn at(unix_s: u64, lasts: Duration) -> Self {
        let lasts_s = lasts.as_secs().max(1);
        Self { present: unix_s / lasts_s, lasts_s }
    }

    /// Number of each epoch and the unix second at which it starts, in order.
    pub fn starts(&self) -> [(u64, u64); 2] {
        [self.present, self.present.saturating_add(1)]
            .map(|epoch| (epoch, epoch.saturating_mul(self.lasts_s)))
    }

    /// Goes on to `later` if that is later; true if it did.
    pub(super) fn advance(&mut self, later: Self) -> bool {
        let advanced = later.present > self.present;
        if advanced {
            *self = later;
        }
        advanced
    }
}

//! When to ask a silent peer whether it lives, and when to give it up; and how long the way there
//! and back takes, for which a peer that is not silent is asked now and then, too.
//!
//! Time in which this process itself did not look at the socket (a handler that computed in place,
//! a stopped process) is not held against the peer.

use std::time::Duration;

use tokio::time::Instant;

/// A timer that fires this much too late says that this process was held up.
const HELD_UP: Duration = Duration::from_millis(500);

/// PINGs of the peer that are answered per second; the rest are counted and ignored.
pub(crate) const PINGS_PER_SECOND_MAX: u32 = 20;

/// The way there and back is measured this often, on a link that is never silent too.
const MEASURE_EVERY: Duration = Duration::from_secs(15);

/// What the timer asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pulse {
    Quiet,
    SendPing,
    /// Send a PING, though the peer lives.
    Measure,
    Dead,
}

pub(crate) struct Liveness {
    ping_after: Duration,
    dead_after: Duration,
    last_heard: Instant,
    pinged_at: Option<Instant>,
    /// When the PING was sent that is not answered yet.
    asked_at: Option<Instant>,
    measure_at: Instant,
    round_trip: Option<Duration>,
    due: Instant,
    ping_window: Instant,
    pings_in_window: u32,
}

impl Liveness {
    pub(crate) fn new(ping_after: Duration, dead_after: Duration, now: Instant) -> Self {
        Self {
            ping_after,
            dead_after,
            last_heard: now,
            pinged_at: None,
            asked_at: None,
            measure_at: now,
            round_trip: None,
            due: now + ping_after,
            ping_window: now,
            pings_in_window: 0,
        }
    }

    /// A frame of the peer came in.
    pub(crate) fn heard(&mut self, now: Instant) {
        self.last_heard = now;
        self.pinged_at = None;
    }

    /// The peer has answered a PING.
    pub(crate) fn answered(&mut self, now: Instant) {
        if let Some(asked) = self.asked_at.take() {
            self.round_trip = Some(now.saturating_duration_since(asked));
        }
    }

    /// How long the last PING took there and back; `None` before the first answer.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    fn asks(&mut self, now: Instant) {
        self.measure_at = now + MEASURE_EVERY;
        // Answers come in order: the next one is that to the first question.
        let is_owed = self.asked_at.is_some_and(|asked| now < asked + self.dead_after);
        if !is_owed {
            self.asked_at = Some(now);
        }
    }

    /// When [`Liveness::tick`] wants to be called.
    pub(crate) fn due(&self) -> Instant {
        self.due
    }

    /// True when a PING of the peer is to be answered.
    pub(crate) fn may_answer(&mut self, now: Instant) -> bool {
        if now.duration_since(self.ping_window) >= Duration::from_secs(1) {
            self.ping_window = now;
            self.pings_in_window = 0;
        }
        self.pings_in_window = self.pings_in_window.saturating_add(1);
        self.pings_in_window <= PINGS_PER_SECOND_MAX
    }

    pub(crate) fn tick(&mut self, now: Instant) -> Pulse {
        if now < self.due {
            return Pulse::Quiet;
        }
        let late = now.duration_since(self.due);
        if late >= HELD_UP {
            self.last_heard = (self.last_heard + late).min(now);
        }
        let dead_at = self.last_heard + self.dead_after;
        if now >= dead_at {
            return Pulse::Dead;
        }
        let ping_at = self.pinged_at.unwrap_or(self.last_heard) + self.ping_after;
        if now >= ping_at {
            self.pinged_at = Some(now);
            self.due = dead_at.min(now + self.ping_after);
            self.asks(now);
            return Pulse::SendPing;
        }
        self.due = dead_at.min(ping_at);
        if now >= self.measure_at {
            self.asks(now);
            return Pulse::Measure;
        }
        Pulse::Quiet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PING: Duration = Duration::from_secs(5);
    const DEAD: Duration = Duration::from_secs(15);

    /// Calls `tick` whenever it is due until `seconds` have passed; says what it asked for.
    fn run(liveness: &mut Liveness, start: Instant, seconds: u64) -> Vec<(u64, Pulse)> {
        let mut asked = Vec::new();
        while liveness.due() <= start + Duration::from_secs(seconds) {
            let now = liveness.due();
            let pulse = liveness.tick(now);
            if pulse != Pulse::Quiet {
                asked.push(((now - start).as_secs(), pulse));
            }
            if pulse == Pulse::Dead {
                break;
            }
        }
        asked
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_peer_is_asked_and_then_given_up() {
        let start = Instant::now();
        let mut liveness = Liveness::new(PING, DEAD, start);
        let asked = run(&mut liveness, start, 60);
        let expected = [(5, Pulse::SendPing), (10, Pulse::SendPing), (15, Pulse::Dead)];
        assert_eq!(asked, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_that_was_held_up_asks_again_first() {
        let start = Instant::now();
        let mut liveness = Liveness::new(PING, DEAD, start);
        let woken = start + Duration::from_secs(40);
        assert_eq!(liveness.tick(woken), Pulse::SendPing);
        assert_eq!(liveness.tick(liveness.due()), Pulse::SendPing);
    }

    #[tokio::test(start_paused = true)]
    async fn the_way_there_and_back_is_measured_on_a_busy_link_too() {
        let start = Instant::now();
        let mut liveness = Liveness::new(PING, DEAD, start);
        let mut measured = Vec::new();
        for second in 1..=60 {
            let now = start + Duration::from_secs(second);
            match liveness.tick(now) {
                Pulse::Quiet => {}
                Pulse::Measure => measured.push(second),
                pulse => panic!("{pulse:?} on a link that is busy"),
            }
            if measured.last() == Some(&second) {
                liveness.answered(now + Duration::from_millis(3));
            }
            liveness.heard(now);
        }
        assert!((3..=5).contains(&measured.len()), "{measured:?}");
        assert_eq!(liveness.round_trip(), Some(Duration::from_millis(3)));
        liveness.answered(start + Duration::from_secs(61));
        assert_eq!(liveness.round_trip(), Some(Duration::from_millis(3)), "nobody asked");
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_answer_is_that_to_the_first_question() {
        let start = Instant::now();
        let mut liveness = Liveness::new(PING, DEAD, start);
        let seconds = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(liveness.tick(seconds(5)), Pulse::SendPing);
        assert_eq!(liveness.tick(seconds(10)), Pulse::SendPing);
        liveness.answered(seconds(11));
        assert_eq!(liveness.round_trip(), Some(Duration::from_secs(6)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_pings_is_not_answered() {
        let start = Instant::now();
        let mut liveness = Liveness::new(PING, DEAD, start);
        let answered = (0..1000).filter(|_| liveness.may_answer(start)).count();
        assert_eq!(answered, PINGS_PER_SECOND_MAX as usize);
        assert!(liveness.may_answer(start + Duration::from_secs(1)));
    }
}

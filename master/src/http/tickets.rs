//! Tickets of browsers: a page cannot send the token with a WebSocket, and an address with a token
//! in it ends up in logs. So it fetches a ticket with the token, and shows that, once and soon, as
//! a WebSocket protocol.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use meshwork_shared::config::SecretText;
use meshwork_shared::random::Random;
use tokio::time::Instant;

/// Tickets that are good at a time; the oldest ends when one more is made.
const TICKETS_MAX: usize = 256;

/// How long a ticket is good.
pub(super) const TICKET_VALID: Duration = Duration::from_secs(30);

/// The tickets that are good.
#[derive(Debug)]
pub(super) struct Tickets {
    random: Random,
    open: Mutex<VecDeque<(SecretText, Instant)>>,
}

impl Tickets {
    pub(super) fn new(random: Random) -> Self {
        Self { random, open: Mutex::default() }
    }

    /// A new ticket.
    pub(super) fn make(&self) -> SecretText {
        let ticket = SecretText::from(URL_SAFE_NO_PAD.encode(self.random.bytes::<32>()));
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= TICKETS_MAX {
            open.pop_front();
        }
        open.push_back((ticket.clone(), Instant::now() + TICKET_VALID));
        ticket
    }

    /// Whether that is a good ticket; it is none any more.
    pub(super) fn redeem(&self, shown: &str) -> bool {
        let now = Instant::now();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|(_, until)| *until > now);
        match open.iter().position(|(ticket, _)| ticket.equals(shown)) {
            Some(place) => open.remove(place).is_some(),
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_ticket_is_good_once_and_not_for_long() {
        let tickets = Tickets::new(Random::seeded(1));
        let [first, second] = [tickets.make(), tickets.make()];
        assert!(!tickets.redeem("") && !tickets.redeem("guess"));
        assert!(tickets.redeem(first.expose()));
        assert!(!tickets.redeem(first.expose()), "used up");
        tokio::time::advance(TICKET_VALID + Duration::from_secs(1)).await;
        assert!(!tickets.redeem(second.expose()), "too late");
    }

    #[tokio::test(start_paused = true)]
    async fn too_many_tickets_end_the_oldest() {
        let tickets = Tickets::new(Random::seeded(1));
        let made: Vec<_> = (0..=TICKETS_MAX).map(|_| tickets.make()).collect();
        assert!(!tickets.redeem(made[0].expose()) && tickets.redeem(made[1].expose()));
    }
}

//! From the end of a call to its caller.

use std::task::Context;

use super::super::core::Event;
use super::super::inbox::Item;
use super::super::replies::{Outcome, ReplyKey};
use super::LinkTask;
use crate::outcome::{CallError, NotExecuted};

/// Answers after which callers get their turn even if more answers are here: their next requests
/// are on their way while the rest is worked off, so that neither end waits for the other.
const ANSWERS_IN_A_ROW: usize = 16;

/// With many calls in flight callers get their turn after this part of them.
const PART_IN_A_ROW: usize = 4;

impl<S> LinkTask<S> {
    /// Notes the end of a call; [`LinkTask::hand_out`] tells its caller.
    pub(super) fn complete(&mut self, key: ReplyKey, outcome: Outcome) {
        self.answers.push((key, outcome));
    }

    /// Notes that a request was not sent.
    pub(super) fn refuse_call(&mut self, key: ReplyKey, reason: NotExecuted) {
        self.complete(key, Err(CallError::not_executed(reason)));
    }

    /// Hands answers to their callers.
    pub(super) fn hand_out(&mut self) {
        if !self.answers.is_empty() {
            self.answered += self.answers.len();
            self.shared.inbox.answer(&mut self.answers, &mut self.wakers);
        }
    }

    /// True when so many callers have their answers that they should get to run before more is
    /// done here; says so once.
    pub(super) fn is_callers_turn(&mut self) -> bool {
        let enough = self.answers_left() == 0;
        if enough {
            self.answered = 0;
        }
        enough
    }

    /// Answers to take in before it is the callers' turn.
    pub(super) fn answers_left(&self) -> usize {
        let in_a_row = ANSWERS_IN_A_ROW.max(self.core.in_flight() / PART_IN_A_ROW);
        in_a_row.saturating_sub(self.answered)
    }

    /// Completes the calls whose end the core reports by itself.
    pub(super) fn complete_events(&mut self) {
        let mut events = std::mem::take(&mut self.events);
        for event in events.drain(..) {
            if let Event::Completed { token, result } = event {
                self.complete(token, result);
            }
        }
        self.events = events;
        self.hand_out();
    }

    /// Lets nothing in any more and ends every call.
    pub(super) fn end_calls(&mut self) {
        let left = self.shared.inbox.close();
        let touched = {
            let mut writer = self.shared.lock_writer();
            writer.hang_up();
            writer.touched()
        };
        self.end_pending(touched);
        left.into_iter().for_each(|item| self.refuse(item));
        self.hand_out();
    }

    /// Ends every call that was taken: `touched` is the last frame of which a byte is written.
    pub(super) fn end_pending(&mut self, touched: u64) {
        self.complete_rest();
        self.core.end(touched, &mut self.events);
        self.complete_events();
        self.held_bytes = 0;
        std::mem::take(&mut self.held).into_iter().for_each(|item| self.refuse(item));
        self.hand_out();
    }

    /// Answers that are here count, though the link ends in the middle of their frame.
    fn complete_rest(&mut self) {
        let Some(mut frame) = self.frame.take() else { return };
        while let Ok(Some(event)) = self.core.next_event(&mut frame, self.last_read) {
            if let Event::Completed { token, result } = event {
                self.complete(token, result);
            }
        }
    }

    /// So do those in the frames behind it, when the socket failed and not what it brought.
    pub(super) fn complete_read(&mut self) {
        self.complete_rest();
        while let Ok(Some(frame)) = self.opener.next_frame(&mut self.buffer) {
            self.frame = Some(frame.freeze());
            self.complete_rest();
        }
    }

    /// Refuses what callers hand in while the link closes.
    pub(super) fn refuse_requests(&mut self, cx: &mut Context<'_>) {
        let mut taken = std::mem::take(&mut self.taken);
        self.shared.inbox.take(&mut taken, cx.waker());
        let moved = !taken.is_empty();
        taken.drain(..).for_each(|item| self.refuse(item));
        self.taken = taken;
        self.hand_out();
        if moved {
            // Only an empty inbox knows whom to wake.
            cx.waker().wake_by_ref();
        }
    }

    /// Refuses a call that is not going to be sent. The place of one that was withdrawn is not
    /// given to others: the core may still know its call, and who had the place next would get that
    /// answer. The places end with the link.
    pub(super) fn refuse(&mut self, item: Item) {
        if let Item::Call(_, key) = item {
            self.refuse_call(key, NotExecuted::LinkLost);
        }
    }

    /// Gives the place of a caller that left to others.
    pub(super) fn free(&mut self, key: ReplyKey) {
        // What was meant for it must not reach whoever has the place next.
        self.hand_out();
        self.shared.inbox.free(key);
    }
}

//! From callers to the socket: requests become records, records frames, frames bytes.

use std::task::{Context, Poll};

use tokio::time::Instant;

use super::super::close::{CloseCode, LinkEnd};
use super::super::inbox::Item;
use super::super::replies::ReplyKey;
use super::super::service::Service;
use super::LinkTask;
use crate::ids::CallId;
use crate::outcome::NotExecuted;

/// With more bytes than this waiting for the socket, requests stay outside of frames, where a
/// cancel or a deadline still reaches them.
const HIGH_WATER_BYTES: usize = 1 << 20;

/// Pieces of large messages are written while fewer bytes than this wait, so that a small call
/// finds a short queue.
const PIECES_BELOW_BYTES: usize = 128 << 10;

/// With this few frames left the link closes and is made anew.
const FRAMES_RESERVE: u64 = 1 << 10;

impl<S: Service> LinkTask<S> {
    /// Takes what callers handed in, as far as there is room; true when there was something.
    pub(super) fn take_requests(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        let mut taken = std::mem::take(&mut self.taken);
        self.shared.inbox.take(&mut taken, cx.waker());
        let mut moved = !taken.is_empty();
        let queued = self.shared.lock_writer().queued_bytes();
        while self.has_room_beside(queued)
            && let Some(item) = self.held.pop_front()
        {
            self.held_bytes -= item.bytes();
            self.take_item(item, now);
            moved = true;
        }
        for item in taken.drain(..) {
            let has_room = self.held.is_empty() && self.has_room_beside(queued);
            // Once the link closes, nothing is held: it is refused.
            if has_room || item.is_urgent() || self.closing.is_some() {
                self.take_item(item, now);
            } else {
                self.hold(item);
            }
        }
        self.taken = taken;
        self.hand_out();
        moved
    }

    /// True when held requests could go on now.
    pub(super) fn may_take_held(&self) -> bool {
        !self.held.is_empty() && self.has_room_beside(self.shared.lock_writer().queued_bytes())
    }

    fn has_room_beside(&self, queued_bytes: usize) -> bool {
        queued_bytes + self.core.unsealed_bytes() < HIGH_WATER_BYTES
    }

    fn take_item(&mut self, item: Item, now: Instant) {
        if self.closing.is_some() {
            self.refuse(item);
            return;
        }
        match item {
            Item::Call(request, key) => match self.core.call(&request, key, now) {
                Ok(id) => self.note_id(key, id),
                Err((key, refused)) => self.refuse_call(key, refused),
            },
            // Its size and the bounds were checked when it was handed in; one whose time is over
            // by now is dropped, which a cast allows.
            Item::Cast(request) => drop(self.core.cast(&request, now)),
            Item::Cancel(key) => {
                // An id that the place had before is of a call that is over.
                if let Some(&id) = self.ids.get(key.index()) {
                    self.core.cancel(id);
                }
                self.free(key);
            }
            Item::Drain => self.core.drain(),
            Item::Ticket(ticket) => self.core.send_ticket(ticket),
            Item::Revoke(list) => self.core.send_revoke(list),
            Item::Close(code, text) => self.start_close(code, &text, now),
        }
    }

    fn note_id(&mut self, key: ReplyKey, id: CallId) {
        if self.ids.len() <= key.index() {
            self.ids.resize(key.index() + 1, CallId(0));
        }
        self.ids[key.index()] = id;
    }

    /// Ends held calls whose deadline has passed.
    pub(super) fn expire_held(&mut self, now: Instant) {
        if !self.held.iter().any(|item| super::deadline(item).is_some_and(|at| at <= now)) {
            return;
        }
        self.held_bytes = 0;
        for item in std::mem::take(&mut self.held) {
            match item {
                Item::Call(request, key) if request.deadline <= now => {
                    self.refuse_call(key, NotExecuted::Deadline);
                }
                Item::Cast(request) if request.deadline <= now => {}
                item => self.hold(item),
            }
        }
    }

    fn hold(&mut self, item: Item) {
        self.held_bytes += item.bytes();
        self.held.push_back(item);
    }

    /// Seals and writes what is ready; true when nothing is left to write.
    pub(super) fn write_frames(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
    ) -> Result<bool, LinkEnd> {
        let shared = self.shared.clone();
        let mut writer = shared.lock_writer();
        loop {
            let waiting = writer.queued_bytes();
            self.core.pump(PIECES_BELOW_BYTES.saturating_sub(waiting));
            let mut sealed = false;
            while let Some(frame) = self.core.take_frame() {
                if writer.push(frame, now).is_err() {
                    return Err(LinkEnd::ClosedHere { code: CloseCode::Exhausted });
                }
                sealed = true;
            }
            if !sealed && waiting == 0 {
                break;
            }
            match writer.poll_flush(cx, now, |buffer| self.core.recycle(buffer)) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Err(LinkEnd::Lost { cause: error.to_string() }),
                Poll::Pending => break,
            }
            if !self.core.has_pieces() {
                break;
            }
        }
        let (queued, left) = (writer.queued_bytes(), writer.frames_left());
        drop(writer);
        if queued > self.limits.write_bytes_max {
            self.start_close(CloseCode::Stalled, "too many bytes wait to be written", now);
        } else if left < FRAMES_RESERVE {
            self.start_close(CloseCode::Exhausted, "the keys of this link are used up", now);
        }
        Ok(queued == 0)
    }
}

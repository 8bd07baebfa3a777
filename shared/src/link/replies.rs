//! Where callers wait for their answers: a slab, so that a call takes no memory of its own and the
//! link's task answers many callers under one lock. Pure; the [inbox](super::inbox) holds the lock.

use std::task::{Context, Poll, Waker};

use slab::Slab;

use super::message::Body;
use crate::outcome::CallError;

/// What became of a call.
pub(crate) type Outcome = Result<Body, CallError>;

/// The place of one waiting caller. It is its own until the caller has taken the answer, or has
/// left and the link's task knows of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReplyKey(u32);

impl ReplyKey {
    /// A small number; no two callers that wait at once have the same.
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

enum Place {
    Waiting(Option<Waker>),
    Done(Outcome),
    /// The caller has left; the call is not over.
    Left,
    /// Both.
    Void,
}

/// All waiting callers of a link.
#[derive(Default)]
pub(crate) struct Replies {
    places: Slab<Place>,
    in_flight: usize,
}

impl Replies {
    /// A place for a caller, which is woken through `waker` if it has polled already.
    pub(crate) fn open(&mut self, waker: Option<Waker>) -> ReplyKey {
        self.in_flight += 1;
        // The bound of calls in flight is far below 2^32.
        ReplyKey(self.places.insert(Place::Waiting(waker)) as u32)
    }

    /// Calls that are not over.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// The call is over: whom to wake.
    pub(crate) fn complete(&mut self, key: ReplyKey, outcome: Outcome) -> Option<Waker> {
        let place = self.places.get_mut(key.index())?;
        match place {
            Place::Waiting(waker) => {
                let waker = waker.take();
                *place = Place::Done(outcome);
                self.in_flight -= 1;
                waker
            }
            Place::Left => {
                *place = Place::Void;
                self.in_flight -= 1;
                None
            }
            Place::Done(_) | Place::Void => None,
        }
    }

    /// Takes the answer, with which the place is free again.
    pub(crate) fn poll(&mut self, key: ReplyKey, cx: &mut Context<'_>) -> Poll<Outcome> {
        match self.places.get_mut(key.index()) {
            Some(Place::Waiting(waker)) => {
                if !waker.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
                    *waker = Some(cx.waker().clone());
                }
                Poll::Pending
            }
            Some(Place::Done(_)) => match self.places.try_remove(key.index()) {
                Some(Place::Done(outcome)) => Poll::Ready(outcome),
                _ => Poll::Pending,
            },
            Some(Place::Left | Place::Void) | None => Poll::Pending,
        }
    }

    /// The caller leaves. True when its call is under way: whoever carries it must be told, and
    /// frees the place with [`Replies::free`].
    pub(crate) fn leave(&mut self, key: ReplyKey) -> bool {
        match self.places.get_mut(key.index()) {
            Some(place @ Place::Waiting(_)) => {
                *place = Place::Left;
                true
            }
            Some(Place::Done(_)) => {
                self.places.try_remove(key.index());
                false
            }
            Some(Place::Left | Place::Void) | None => false,
        }
    }

    /// Frees the place of a caller that left.
    pub(crate) fn free(&mut self, key: ReplyKey) {
        if let Some(Place::Left) = self.places.try_remove(key.index()) {
            self.in_flight -= 1;
        }
    }

    /// Gives memory back when nobody waits.
    pub(crate) fn release(&mut self) {
        if self.places.is_empty() {
            self.places = Slab::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll(replies: &mut Replies, key: ReplyKey) -> Poll<Outcome> {
        replies.poll(key, &mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn an_answer_is_taken_once_and_frees_its_place() {
        let mut replies = Replies::default();
        let key = replies.open(None);
        assert!(poll(&mut replies, key).is_pending());
        assert!(replies.complete(key, Ok(Body::empty())).is_some(), "who polled is woken");
        assert!(replies.complete(key, Ok(Body::raw("late"))).is_none());
        assert_eq!(poll(&mut replies, key), Poll::Ready(Ok(Body::empty())));
        assert!(poll(&mut replies, key).is_pending());
        assert_eq!((replies.in_flight(), replies.open(None)), (0, key));
    }

    #[test]
    fn a_place_is_not_given_away_before_the_task_knows_that_its_caller_left() {
        let mut replies = Replies::default();
        let [first, second] = [(); 2].map(|()| replies.open(Some(Waker::noop().clone())));
        assert!(replies.leave(first) && replies.leave(second));
        assert_eq!(replies.in_flight(), 2, "the calls are under way");
        assert!(replies.complete(second, Ok(Body::empty())).is_none(), "nobody is there");
        let third = replies.open(None);
        assert!(third != first && third != second);
        replies.free(first);
        replies.free(second);
        assert_eq!(replies.in_flight(), 1);
        assert!(replies.open(None) != third);
    }

    #[test]
    fn who_leaves_after_the_answer_tells_nobody() {
        let mut replies = Replies::default();
        let key = replies.open(None);
        replies.complete(key, Ok(Body::empty()));
        assert!(!replies.leave(key));
        assert_eq!(replies.open(None), key);
    }
}

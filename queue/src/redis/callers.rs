//! Answers that go back to their callers.
//!
//! To wake a task of another thread takes a call of the system each time, to wake one of the own
//! thread next to nothing. So the answers of a batch are left to one of the callers of a thread,
//! which hands the others theirs when it is polled. But a caller may live and not be polled for
//! long, or ever: its task waits for something else first. So whoever has no answer by then is told
//! after [`HAND_ON_WITHIN`]. If the one that hands on is gone, the others are told at once.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::ThreadId;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::sleep;

/// How long answers may wait for the caller that hands them on. One that is polled when it is woken
/// takes a fraction of that.
const HAND_ON_WITHIN: Duration = Duration::from_millis(1);

/// Where a caller waits for its answer.
pub(super) struct Caller<T> {
    sender: oneshot::Sender<Parcel<T>>,
    /// Where it asked. Tasks may move to another thread of their runtime: that costs time only.
    thread: ThreadId,
}

/// An answer on its way.
pub(super) struct Answer<T>(oneshot::Receiver<Parcel<T>>);

/// The answer of a caller, and those that it is to hand on.
struct Parcel<T> {
    own: Option<T>,
    _others: Option<Others<T>>,
}

/// Callers and their answers.
type Untold<T> = Vec<(oneshot::Sender<Parcel<T>>, T)>;

/// Answers that are left to another caller. The first of these that is dropped tells them.
struct Others<T>(Arc<Mutex<Untold<T>>>);

/// Answers that may not have been handed on. Whoever has none is told when it is dropped.
#[must_use = "dropped at once, it tells each by itself"]
pub(super) struct Late<T> {
    _left: Vec<Others<T>>,
}

impl<T> Late<T> {
    /// Waits for those who hand on, for a while.
    pub(super) async fn tell_in_time(self) {
        sleep(HAND_ON_WITHIN).await;
    }
}

/// A caller on this thread, and its answer.
pub(super) fn caller<T>() -> (Caller<T>, Answer<T>) {
    let (sender, receiver) = oneshot::channel();
    (Caller { sender, thread: std::thread::current().id() }, Answer(receiver))
}

impl<T> Caller<T> {
    /// Whether nobody waits any more.
    pub(super) fn is_gone(&self) -> bool {
        self.sender.is_closed()
    }

    /// Answers this one alone.
    pub(super) fn tell(self, answer: T) {
        tell(self.sender, answer, None);
    }
}

impl<T> Answer<T> {
    /// Waits for it; `None` when it will not come.
    pub(super) async fn wait(self) -> Option<T> {
        let mut parcel = self.0.await.ok()?;
        // Dropping the parcel hands on what is in it for others.
        parcel.own.take()
    }
}

impl<T> Drop for Others<T> {
    fn drop(&mut self) {
        // Nothing is left half changed by a panic.
        let untold = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for (sender, answer) in untold {
            tell(sender, answer, None);
        }
    }
}

/// Answers each of these; `None`: all have theirs.
pub(super) fn tell_all<T>(answers: impl Iterator<Item = (Caller<T>, T)>) -> Option<Late<T>> {
    let mut threads: Vec<(ThreadId, Untold<T>)> = Vec::new();
    for (Caller { sender, thread }, answer) in answers {
        match threads.iter_mut().find(|(known, _)| *known == thread) {
            Some((_, all)) => all.push((sender, answer)),
            None => threads.push((thread, vec![(sender, answer)])),
        }
    }
    let left: Vec<_> = threads.into_iter().filter_map(|(_, all)| tell_one(all)).collect();
    (!left.is_empty()).then_some(Late { _left: left })
}

/// Tells one of the callers of a thread, and leaves the others to it.
fn tell_one<T>(untold: Untold<T>) -> Option<Others<T>> {
    let mut untold = untold.into_iter();
    let (first, own) = untold.by_ref().find(|(sender, _)| !sender.is_closed())?;
    let others: Untold<T> = untold.collect();
    if others.is_empty() {
        tell(first, own, None);
        return None;
    }
    let others = Arc::new(Mutex::new(others));
    tell(first, own, Some(Others(others.clone())));
    Some(Others(others))
}

fn tell<T>(sender: oneshot::Sender<Parcel<T>>, answer: T, others: Option<Others<T>>) {
    // If it is gone, that is all the same: the others are told then.
    drop(sender.send(Parcel { own: Some(answer), _others: others }));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn callers(count: usize) -> (Vec<Caller<usize>>, Vec<Answer<usize>>) {
        (0..count).map(|_| caller()).unzip()
    }

    /// Nobody is told but by those who hand on.
    fn tell(callers: Vec<Caller<usize>>) {
        std::mem::forget(tell_all(callers.into_iter().zip(0..)));
    }

    #[tokio::test(start_paused = true)]
    async fn who_lives_and_is_not_polled_keeps_nobody_from_the_answer() {
        let (callers, mut answers) = callers(3);
        let _stalled = answers.remove(0);
        let late = tell_all(callers.into_iter().zip(0..)).expect("one of them hands on");
        let waiting = futures_util::future::join_all(answers.into_iter().map(Answer::wait));
        let (told, ()) = tokio::join!(waiting, late.tell_in_time());
        assert_eq!(told, [Some(1), Some(2)]);
        let (callers, mut answers) = self::callers(2);
        drop(tell_all(callers.into_iter().zip(0..)));
        assert_eq!(answers.remove(1).wait().await, Some(1), "a runtime that ends tells them too");
    }

    #[tokio::test]
    async fn each_gets_its_own_answer() {
        let (callers, answers) = callers(4);
        let waiting: Vec<_> =
            answers.into_iter().map(|answer| tokio::spawn(answer.wait())).collect();
        std::thread::spawn(|| tell(callers)).join().unwrap();
        for (number, waiting) in waiting.into_iter().enumerate() {
            assert_eq!(waiting.await.unwrap(), Some(number));
        }
    }

    #[tokio::test]
    async fn who_is_gone_keeps_nobody_from_the_answer() {
        // Gone before they are answered, and after, without a look at the answer.
        for gone_after in [false, true] {
            let (callers, answers) = callers(4);
            let mut answers = answers.into_iter();
            let first: Vec<_> = answers.by_ref().take(2).collect();
            if gone_after {
                tell(callers);
                drop(first);
            } else {
                drop(first);
                tell(callers);
            }
            for (number, answer) in (2..).zip(answers) {
                assert_eq!(answer.wait().await, Some(number));
            }
        }
    }

    #[tokio::test]
    async fn callers_of_other_threads_do_not_wait_for_each_other() {
        let (here, _stalled) = caller();
        let (there, answer) = std::thread::spawn(caller).join().unwrap();
        tell(vec![here, there]);
        // The first one has its answer and does not look at it.
        assert_eq!(answer.wait().await, Some(1));
    }

    #[tokio::test]
    async fn an_answer_that_will_not_come_ends_the_wait() {
        let (callers, answers) = callers(1);
        drop(callers);
        for answer in answers {
            assert_eq!(answer.wait().await, None);
        }
    }
}

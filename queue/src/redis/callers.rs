//! Answers that go back to their callers.
//!
//! To wake a task of another thread takes a call of the system each time, to wake one of the own
//! thread next to nothing. So the answers of a batch are given to one of the callers of a thread,
//! and that one hands the others theirs before it goes on. If it is gone meanwhile, another one
//! gets them.

use std::thread::ThreadId;

use tokio::sync::oneshot;

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
    /// The last one first.
    others: Vec<(oneshot::Sender<Parcel<T>>, T)>,
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
        // If it is gone, that is all the same.
        drop(self.sender.send(Parcel { own: Some(answer), others: Vec::new() }));
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

impl<T> Drop for Parcel<T> {
    fn drop(&mut self) {
        while let Some((sender, own)) = self.others.pop() {
            drop(sender.send(Parcel { own: Some(own), others: Vec::new() }));
        }
    }
}

/// Answers each of these.
pub(super) fn tell_all<T>(answers: impl Iterator<Item = (Caller<T>, T)>) {
    let mut threads: Vec<(ThreadId, Vec<_>)> = Vec::new();
    for (Caller { sender, thread }, answer) in answers {
        match threads.iter_mut().find(|(known, _)| *known == thread) {
            Some((_, all)) => all.push((sender, answer)),
            None => threads.push((thread, vec![(sender, answer)])),
        }
    }
    for (_, mut others) in threads {
        others.reverse();
        while let Some((first, own)) = others.pop() {
            match first.send(Parcel { own: Some(own), others }) {
                Ok(()) => break,
                Err(mut parcel) => others = std::mem::take(&mut parcel.others),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn callers(count: usize) -> (Vec<Caller<usize>>, Vec<Answer<usize>>) {
        (0..count).map(|_| caller()).unzip()
    }

    fn tell(callers: Vec<Caller<usize>>) {
        tell_all(callers.into_iter().zip(0..));
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

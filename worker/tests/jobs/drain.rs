//! How a worker leaves its queues.

use super::support::soon;
use super::*;

/// The question for jobs is withdrawn while its answer is on the way.
#[tokio::test]
async fn a_drain_hands_back_what_comes_too_late_before_the_worker_is_gone() {
    let site = Site::start(Kind::Store).await;
    site.store.lease_late();
    let log = Log::default();
    let press = site.press("one", &log).start().await.unwrap();
    let shop = site.shop().await;
    shop.enqueue(answer("later")).await.unwrap();
    let queue = site.store.queue("print");
    let is_taken = async {
        while queue.depth().await.unwrap().running == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon("the lease", is_taken).await;
    press.shutdown().await;
    let depth = queue.depth().await.unwrap();
    assert_eq!((depth.ready, depth.running, depth.retried), (1, 0, 0), "{depth:?}");
    let waiting = queue.peek(meshwork_queue::Section::Ready, None, 1).await.unwrap().remove(0);
    assert_eq!(waiting.attempts, 0, "no attempt is lost");
    assert!(log.lines().is_empty());
}

//! Many at once, behind one address.

use futures_util::future::join_all;
use meshwork_shared::limits::Limits;

use super::listener::{dial, start};
use super::stranger::Stranger;

/// As many as the usual bound of open files of a process allows for both ends.
const CROWD: usize = 400;

#[tokio::test]
async fn a_crowd_that_joins_at_once_from_one_address_gets_in() {
    let mut end = start(Limits::default()).await;
    let dials = join_all((0..CROWD).map(|_| dial(end.address)));
    let accepts = async {
        let mut links = Vec::new();
        while links.len() < CROWD {
            links.push(end.accepted.recv().await.unwrap());
        }
        links
    };
    let (dialled, accepted) = tokio::join!(dials, accepts);
    assert!(dialled.iter().all(Result::is_ok), "{:?}", end.counters().by_cause());
    assert_eq!((accepted.len(), end.counters().of("accepted")), (CROWD, CROWD as u64));
    assert_eq!(end.counters().by_cause().iter().map(|(_, count)| count).sum::<u64>(), CROWD as u64);
}

#[tokio::test]
async fn behind_silent_connections_of_the_same_address_the_holder_of_the_secret_gets_in() {
    let mut end = start(Limits::default()).await;
    let live = end.live_link().await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(Stranger::connect(end.address).await);
    }
    for _ in 0..10 {
        assert!(dial(end.address).await.is_ok());
        end.accepted.recv().await.unwrap();
    }
    assert!(end.counted("evicted", 60).await >= 60);
    assert!(live.works().await);
}

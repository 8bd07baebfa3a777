//! Processes that are killed and stopped.

use std::collections::BTreeSet;

use rustix::process::Signal;

use crate::child::Child;
use crate::people::{Asker, LONGER_THAN_DEAD, QUICK, SCHEMA, all_are, ends_unknown, quick};
use crate::support::{Mesh, eventually, soon};

#[tokio::test]
async fn a_killed_worker_leaves_its_calls_unknown_and_others_answer() {
    let mesh = Mesh::start(SCHEMA).await;
    let killed = Child::join(&mesh, "e1", &[]).await;
    let _other = Child::join(&mesh, "e2", &[]).await;
    let asker = Asker::quick(&mesh, "a1").await;
    asker.linked_to(&["echo/e1", "echo/e2"]).await;
    let call = asker.wait("e1");
    // Answered on the same link and behind the call: the call is there.
    while asker.say().await.unwrap() != "echo/e1" {}
    killed.signal(Signal::KILL);
    ends_unknown(call).await;
    for _ in 0..10 {
        assert_eq!(asker.say().await.unwrap(), "echo/e2");
    }
}

#[tokio::test]
async fn row_48_a_stopped_process_comes_back_and_blames_nobody() {
    let mesh = Mesh::start_with(SCHEMA, quick).await;
    let (first, second) =
        (Child::join(&mesh, "e1", &QUICK).await, Child::join(&mesh, "e2", &QUICK).await);
    let asker = Asker::quick(&mesh, "a1").await;
    asker.linked_to(&["echo/e1", "echo/e2"]).await;
    second.says("linked to echo/e1").await;
    let call = asker.wait("e1");
    while asker.say().await.unwrap() != "echo/e1" {}

    for child in [&first, &second] {
        child.signal(Signal::STOP);
    }
    ends_unknown(call).await;
    asker.linked_to(&[]).await;
    eventually("both losses are told", || asker.lost().len() == 2).await;
    assert!(asker.lost().iter().all(|lost| lost.ends_with("closed here (silent)")));
    tokio::time::sleep(LONGER_THAN_DEAD).await;

    for child in [&first, &second] {
        child.signal(Signal::CONT);
    }
    asker.linked_to(&["echo/e1", "echo/e2"]).await;
    let answers = async {
        let mut answered = BTreeSet::new();
        while answered.len() < 2 {
            answered.insert(asker.say().await.unwrap());
        }
    };
    soon("an answer of both", answers).await;
    all_are(&mesh, "Ready").await;
    for child in [&first, &second] {
        let output = child.output();
        assert!(!output.contains("closed here"), "it blames a peer for its own sleep");
        assert!(output.contains("no longer linked to asker/a1: "), "the asker has closed its link");
    }
    // Both slept: their own link is the one of the beginning.
    let lost = |child: &Child| child.output().matches("no longer linked to echo").count();
    assert_eq!((lost(&first), lost(&second)), (0, 0));
    assert_eq!(asker.lost().len(), 2, "nothing is lost after that");
}

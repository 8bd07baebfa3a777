//! Networks that go silent and are cut.

use std::time::Duration;

use meshwork_worker::Sources;

use crate::people::{Asker, QUICK, SCHEMA, all_are, echo, ends_unknown, quick};
use crate::proxy::Proxy;
use crate::support::{Mesh, eventually, soon};

#[tokio::test]
async fn row_47_a_peer_that_loses_power_is_dead_after_its_time() {
    let mesh = Mesh::start(SCHEMA).await;
    let wire = Proxy::open().await;
    let dark = echo(&mesh, "e1").advertise(wire.address()).start().await.unwrap();
    wire.lead_to(dark.listen_addr().unwrap());
    let _other = echo(&mesh, "e2").start().await.unwrap();
    let asker = Asker::quick(&mesh, "a1").await;
    asker.linked_to(&["echo/e1", "echo/e2"]).await;
    let call = asker.wait("e1");
    while asker.say_raw().await.unwrap() != "echo/e1" {}

    wire.silence();
    ends_unknown(call).await;
    asker.linked_to(&["echo/e2"]).await;
    let silent = || asker.lost() == ["echo/e1: closed here (silent)"];
    eventually("its link is closed for its silence", silent).await;
    for _ in 0..10 {
        assert_eq!(asker.say_raw().await.unwrap(), "echo/e2");
    }
    wire.heal();
    asker.linked_to(&["echo/e1", "echo/e2"]).await;
}

#[tokio::test]
async fn row_49_a_master_that_nobody_reaches_costs_no_call_and_no_link() {
    let mesh = Mesh::start_with(SCHEMA, quick).await;
    let wire = Proxy::to(mesh.address()).await;
    let _echo = echo(&mesh, "e1").master(wire.address()).start().await.unwrap();
    let sources = Sources::from_environment(QUICK);
    let asker = mesh.worker("asker").sources(sources).variant("a1").master(wire.address());
    let asker = Asker::start(asker).await;
    all_are(&mesh, "Ready").await;
    let before = (mesh.members().await, asker.worker.identity());

    wire.silence();
    while !mesh.statuses().await.iter().all(|member| member.ends_with("Lost")) {
        assert_eq!(asker.say_raw().await.unwrap(), "echo/e1");
    }
    assert_eq!(asker.say_raw().await.unwrap(), "echo/e1");
    wire.heal();
    all_are(&mesh, "Ready").await;
    assert_eq!((mesh.members().await, asker.worker.identity()), before);
    assert_eq!(asker.say_raw().await.unwrap(), "echo/e1");
    assert!(asker.lost().is_empty(), "{:?}", asker.lost());
}

#[tokio::test]
async fn row_49_workers_that_reach_nobody_find_everybody_again() {
    let mesh = Mesh::start_with(SCHEMA, quick).await;
    let (to_master, to_echo) = (Proxy::to(mesh.address()).await, Proxy::open().await);
    let alone = echo(&mesh, "e1").master(to_master.address()).advertise(to_echo.address());
    let alone = alone.start().await.unwrap();
    to_echo.lead_to(alone.listen_addr().unwrap());
    let asker = Asker::quick(&mesh, "a1").await;
    asker.linked_to(&["echo/e1"]).await;
    let incarnation = alone.identity().incarnation;

    for wire in [&to_master, &to_echo] {
        wire.silence();
    }
    asker.linked_to(&[]).await;
    let lost = async {
        while !mesh.statuses().await.contains(&"echo/e1 Lost".to_owned()) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    soon("the master's word that e1 is lost", lost).await;
    let error = asker.say_raw().await.unwrap_err();
    assert!(error.is_safe_to_retry(), "{error}");

    for wire in [&to_master, &to_echo] {
        wire.heal();
    }
    asker.linked_to(&["echo/e1"]).await;
    all_are(&mesh, "Ready").await;
    assert_eq!(asker.say_raw().await.unwrap(), "echo/e1");
    assert_eq!(alone.identity().incarnation, incarnation, "it is the same life");
}

#[tokio::test]
async fn row_29_known_members_link_anew_while_the_master_is_down() {
    let mut mesh = Mesh::start(SCHEMA).await;
    let wire = Proxy::open().await;
    let echo = echo(&mesh, "e1").advertise(wire.address()).start().await.unwrap();
    wire.lead_to(echo.listen_addr().unwrap());
    let asker = Asker::quick(&mesh, "a1").await;
    asker.linked_to(&["echo/e1"]).await;
    mesh.stop_master().await;
    for cut in 1..=3 {
        wire.cut();
        let gone = || asker.lost().len() == cut;
        eventually("the cut is noticed", gone).await;
        asker.linked_to(&["echo/e1"]).await;
        assert_eq!(asker.say_raw().await.unwrap(), "echo/e1");
    }
}

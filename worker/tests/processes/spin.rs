//! A handler that computes in place and never lets go of its lane.

use std::time::Duration;

use meshwork_shared::config::MasterConfig;
use meshwork_worker::Sources;
use serde_json::json;

use crate::child::Child;
use crate::people::Asker;
use crate::support::{Mesh, eventually};

/// Only askers link to it, each on the next lane.
const SCHEMA: &str = r#"
[echo]
_allow = ["asker"]
[echo._commands._balanced]
say = { timeout = "5s" }
wait = {}
spin = { timeout = "60s" }
[echo._commands._broadcast]
who = { responds = true }
[asker]
_connect = ["echo"]
"#;

const LIMITS: [(&str, &str); 2] =
    [("MESHWORK_LIMITS__PING_AFTER", "500ms"), ("MESHWORK_LIMITS__DEAD_AFTER", "5s")];

/// Longer than a silent peer lives.
const SPIN: Duration = Duration::from_millis(6_500);

#[tokio::test]
async fn a_handler_that_spins_costs_no_worker_its_link() {
    let limits = |config: &mut MasterConfig| {
        config.limits.ping_after = Duration::from_millis(500);
        config.limits.dead_after = Duration::from_secs(5);
    };
    let mesh = Mesh::start_with(SCHEMA, limits).await;
    let settings = [LIMITS.as_slice(), &[("MESHWORK_LANES", "2")]].concat();
    let child = Child::join(&mesh, "e1", &settings).await;
    let asker = |variant| {
        let sources = Sources::from_environment(LIMITS);
        Asker::start(mesh.worker("asker").sources(sources).variant(variant))
    };
    let (spinning, other) = (asker("a1").await, asker("a2").await);
    for asker in [&spinning, &other] {
        assert_eq!(asker.links(), ["echo/e1"]);
    }

    let worker = spinning.worker.clone();
    let arguments = json!({"ms": SPIN.as_millis() as u64});
    let spin = tokio::spawn(async move { worker.call_json("echo", "spin", &arguments).await });
    let mut answered_meanwhile = 0;
    while !spin.is_finished() {
        assert_eq!(other.say().await.unwrap(), "echo/e1", "the other lane answers");
        answered_meanwhile += 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    spin.await.unwrap().unwrap();
    assert!(answered_meanwhile > 10, "{answered_meanwhile} answers");
    assert_eq!(spinning.say().await.unwrap(), "echo/e1", "on the link that was held up");
    for asker in [&spinning, &other] {
        assert!(asker.lost().is_empty(), "{:?}", asker.lost());
    }
    let ready = "echo/e1 Ready".to_owned();
    assert!(mesh.statuses().await.contains(&ready), "its link to the master");
    let output = child.output();
    assert!(!output.contains("no session with the master"));
    let warned = || {
        let output = child.output();
        let (_, computed) = output.split_once("the handler of `spin` computed for ")?;
        computed.split_once(" ms ")?.0.parse::<u128>().ok()
    };
    eventually("the warning names the command", || warned().is_some()).await;
    let computed = warned().unwrap();
    // Clocks of two threads: a little less is not too little.
    assert!(computed > SPIN.as_millis() - 500, "{computed} ms");
}

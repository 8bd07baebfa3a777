//! `meshwork why` against a master and workers that run.

use std::time::Duration;

use meshwork_worker::{Context, Sources, Worker};
use serde_json::Value;

use crate::binary::{Folder, Ran, RunningMaster, SCHEMA};
use crate::mesh::{Resize, Stats};

async fn worker(folder: &Folder, master: &RunningMaster, name: &str) -> Worker {
    let secret = std::fs::read_to_string(folder.path("mesh.secret")).unwrap();
    let mut builder = Worker::builder(name)
        .sources(Sources::nothing())
        .master(master.http())
        .secret(secret)
        .variant("one")
        .listen("127.0.0.1:0")
        .lanes(1)
        .ready_within(Duration::from_secs(20));
    if name == "thumbnailer" {
        builder = builder
            .handle(|_: Context, _: Resize| async { Ok("done".to_owned()) })
            .handle(|_: Context, _: Stats| async { Ok(7) });
    }
    Box::pin(builder.start()).await.unwrap()
}

#[tokio::test]
async fn the_way_of_a_call_is_walked_until_something_says_no() {
    let folder = Folder::with_mesh(SCHEMA);
    let master = RunningMaster::start(&folder, &[]);
    let why = |arguments: &[&str]| -> Ran {
        let access = ["--master", master.http(), "--state-dir", "state"];
        folder.run(&[&["why"], arguments, &access].concat())
    };
    let last = |ran: &Ran| -> Value {
        let json = ran.json();
        json["steps"].as_array().unwrap().last().unwrap().clone()
    };
    let thumbnailer = worker(&folder, &master, "thumbnailer").await;
    // Nobody is there who would call.
    let ran = why(&["gateway", "thumbnailer.resize"]).code(1);
    assert!(ran.out.contains("✗ callers"), "{}", ran.out);
    assert!(
        ran.out.contains("no: no instance of gateway is a member\n  Start one."),
        "{}",
        ran.out
    );

    let gateway = worker(&folder, &master, "gateway").await;
    let ran = why(&["gateway", "thumbnailer.resize", "--json"]).code(0);
    let json = ran.json();
    assert_eq!((&json["answer"], &json["caller"]), (&true.into(), &"gateway".into()));
    for step in json["steps"].as_array().unwrap() {
        assert_eq!(step["verdict"], "yes", "{json}");
    }
    let ran = why(&["gateway", "thumbnailer.resize"]).code(0);
    assert!(ran.out.ends_with("yes: gateway can call thumbnailer.resize\n"), "{}", ran.out);
    assert!(!ran.out.contains('\x1b'), "no colours where nobody looks");

    let no = why(&["gateway", "thumbnailer.resise", "--json"]).code(1);
    assert_eq!(last(&no)["advice"], "did you mean `resize`?");
    let no = why(&["operator", "gateway.anything", "--json"]).code(1);
    assert_eq!(last(&no)["step"], "schema");

    thumbnailer.shutdown().await;
    let no = why(&["gateway", "thumbnailer.resize", "--json"]).code(1);
    assert_eq!(last(&no)["step"], "callees");
    why(&["gateway"]).code(64);
    folder
        .run(&["why", "gateway", "thumbnailer.resize", "--master", "http://127.0.0.1:1"])
        .code(69);
    gateway.shutdown().await;
    assert_eq!(master.stop().code, 0);
}

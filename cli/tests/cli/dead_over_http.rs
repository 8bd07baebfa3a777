//! Dead letters tried again by the master's HTTP side, as the buttons of the dashboard do it.

use std::time::Duration;

use meshwork_queue::{
    FileBackend, FileOptions, JobEnd, NewJob, Queue, QueueBackend, QueueName, QueueOptions,
    Section, Start,
};
use meshwork_shared::clock::Clock;
use meshwork_shared::random::Random;
use serde_json::{Value, json};

use crate::binary::{Folder, RunningMaster, SCHEMA};
use crate::jobs::job;

/// More than the master moves with one request to the store.
const DEAD: u16 = 230;

/// What the master keeps its token in.
const TOKEN: &str = "state/admin.token";

fn post(master: &RunningMaster, path: &str, token: Option<&str>) -> (u16, Value) {
    let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(20)));
    let agent: ureq::Agent = config.http_status_as_error(false).build().into();
    let mut request = agent.post(format!("{}{path}", master.http()));
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let mut answer = request.send_empty().unwrap();
    let body = answer.body_mut().read_to_string().unwrap();
    (answer.status().as_u16(), serde_json::from_str(&body).unwrap())
}

/// How often the audit log tells of jobs that run again.
fn counted(master: &RunningMaster, token: Option<&str>) -> Value {
    let request = ureq::get(format!("{}/v1/counters", master.http()));
    let request = request.header("authorization", format!("Bearer {}", token.unwrap()));
    let body = request.call().unwrap().body_mut().read_to_string().unwrap();
    let mut counters: Value = serde_json::from_str(&body).unwrap();
    counters["counters"]["audit_jobs_retried"].take()
}

async fn fail_all(queue: &dyn Queue) {
    for stored in queue.enqueue((0..DEAD).map(job).collect::<Vec<NewJob>>()).await {
        stored.unwrap();
    }
    let mut died = 0;
    while died < usize::from(DEAD) {
        let leases = queue.lease("pod-2#7", usize::from(DEAD)).await;
        died += leases.len();
        for lease in leases {
            let error = "no such picture".to_owned();
            queue.finish(lease.token(), JobEnd::Fail { error }).await.unwrap();
        }
    }
}

#[tokio::test]
async fn all_dead_letters_of_a_queue_run_again_and_those_of_others_do_not() {
    let folder = Folder::with_mesh(SCHEMA);
    let file = folder.path("jobs.db");
    let options = FileOptions::new(file.clone());
    let backend = FileBackend::open(options, Random::seeded(1), Clock::system()).unwrap();
    let queue = |command: &str| {
        let name = QueueName::balanced("thumbnailer".parse().unwrap(), command.parse().unwrap());
        backend.open(name, QueueOptions::default())
    };
    let (all, other) = (queue("resize"), queue("convert"));
    fail_all(&*all).await;
    let later = NewJob { start: Start::After(Duration::from_secs(3600)), ..job(900) };
    all.enqueue(vec![later]).await.remove(0).unwrap();
    fail_all(&*other).await;

    let config = format!("[master]\nqueue = \"file:{}\"\n", file.display());
    std::fs::write(folder.path("meshwork.toml"), config).unwrap();
    let master = RunningMaster::start(&folder, &["--config", "meshwork.toml"]);
    let token = std::fs::read_to_string(folder.path(TOKEN)).unwrap();
    let token = Some(token.trim());
    let path = "/v1/queues/thumbnailer.resize/dead/retry";

    assert_eq!(post(&master, path, None).0, 401);
    assert_eq!(all.depth().await.unwrap().dead, usize::from(DEAD), "nobody asked who may");
    assert_eq!(post(&master, path, token), (200, json!({ "retried": DEAD })));
    let depth = all.depth().await.unwrap();
    assert_eq!((depth.dead, depth.ready, depth.scheduled), (0, usize::from(DEAD), 1));
    assert_eq!(other.depth().await.unwrap().dead, usize::from(DEAD), "that is another queue");

    assert_eq!(post(&master, path, token), (200, json!({ "retried": 0 })), "none are left");
    let (status, problem) = post(&master, "/v1/queues/nonsense/dead/retry", token);
    assert_eq!((status, &problem["error"]), (400, &json!("bad_name")));

    let one = other.peek(Section::Dead, None, 1).await.unwrap().remove(0).id;
    let path = format!("/v1/queues/thumbnailer.convert/dead/{one}/retry");
    assert_eq!(post(&master, &path, token), (200, json!({ "retried": 1 })));
    assert_eq!(post(&master, &path, token).0, 409, "it is none any more");
    assert_eq!(
        counted(&master, token),
        json!(2),
        "what was done is counted, and what was not is not"
    );
    let log = master.stop().code(0).err;
    for line in [
        "230 dead letters of thumbnailer.resize are run again, by HTTP".to_owned(),
        format!("job {one} of thumbnailer.convert is run again, by HTTP"),
    ] {
        assert_eq!(log.matches(&line).count(), 1, "{line} in\n{log}");
    }
}

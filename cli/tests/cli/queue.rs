//! `meshwork queue`: looking after queues in a file, with the real binary.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use meshwork_queue::{
    FileBackend, FileOptions, JobEnd, NewJob, Queue, QueueBackend, QueueName, QueueOptions, Start,
};
use meshwork_shared::clock::Clock;
use meshwork_shared::ids::JobId;
use meshwork_shared::random::Random;
use serde_json::{Value, json};

use crate::binary::{Folder, Ran};
use crate::jobs::{BODY, RESIZE, depth_of, id, job};

/// A folder with queues in a file.
struct Site {
    folder: Folder,
    backend: FileBackend,
}

impl Site {
    fn new() -> Self {
        let folder = Folder::new();
        let options = FileOptions::new(folder.path("jobs.db"));
        let backend = FileBackend::open(options, Random::seeded(1), Clock::system()).unwrap();
        Self { folder, backend }
    }

    fn queue(&self, command: &str) -> Arc<dyn Queue> {
        let name = QueueName::balanced("thumbnailer".parse().unwrap(), command.parse().unwrap());
        self.backend.open(name, QueueOptions::default())
    }

    /// Runs `meshwork queue ...` on the file, and looks for what must not be seen.
    fn run(&self, arguments: &[&str]) -> Ran {
        let queue = ["--queue", "file:jobs.db"];
        let ran = self.folder.run(&[&["queue"], arguments, &queue].concat());
        assert!(!ran.out.contains("hunter2"), "{}", ran.out);
        ran
    }

    fn json(&self, arguments: &[&str]) -> Value {
        self.run(&[arguments, &["--json"]].concat()).code(0).json()
    }

    async fn store(&self, command: &str, numbers: std::ops::Range<u16>) {
        let jobs = numbers.map(job).collect();
        for stored in self.queue(command).enqueue(jobs).await {
            stored.unwrap();
        }
    }

    async fn fail(&self, command: &str, numbers: std::ops::Range<u16>) {
        let queue = self.queue(command);
        let jobs: Vec<NewJob> = numbers.map(job).collect();
        let count = jobs.len();
        for stored in queue.enqueue(jobs).await {
            stored.unwrap();
        }
        let leases = queue.lease("pod-2#7", count).await;
        assert_eq!(leases.len(), count);
        let ends = leases.iter().map(|lease| {
            let error = "no \x1b[2J such picture".to_owned();
            queue.finish(lease.token(), JobEnd::Fail { error })
        });
        for ended in futures_util::future::join_all(ends).await {
            ended.unwrap();
        }
    }
}

#[tokio::test]
async fn ls_shows_every_queue_that_holds_anything() {
    let site = Site::new();
    assert_eq!(site.run(&["ls"]).code(0).out, "no queue holds anything\n");
    assert_eq!(site.json(&["ls"]), json!({ "queues": [] }));

    site.store("resize", 0..3).await;
    site.fail("convert", 10..12).await;
    let later = NewJob { start: Start::After(Duration::from_secs(3600)), ..job(20) };
    site.queue("convert").enqueue(vec![later]).await.remove(0).unwrap();
    assert_eq!(site.queue("resize").lease("pod-2#7", 1).await.len(), 1);

    let ran = site.run(&["ls"]).code(0);
    let headings = "queue                ready  scheduled  running  dead  retried  oldest  paused";
    assert!(ran.out.starts_with(&format!("  {headings}\n  thumbnailer.convert ")), "{}", ran.out);
    assert_eq!(ran.out.lines().count(), 3);

    let rows = site.json(&["ls"])["queues"].clone();
    assert_eq!(
        (&rows[0]["queue"], depth_of(&rows[0])),
        (&json!("thumbnailer.convert"), [0, 1, 0, 2])
    );
    assert_eq!((&rows[1]["queue"], depth_of(&rows[1])), (&json!(RESIZE), [2, 0, 1, 0]));
    assert!(rows[1]["oldest_ready_ms"].is_u64(), "{rows}");
    assert_eq!(rows[1]["is_paused"], false);
}

#[tokio::test]
async fn show_is_one_row_and_what_to_type_next() {
    let site = Site::new();
    site.fail("resize", 0..2).await;
    let ran = site.run(&["show", RESIZE]).code(0);
    assert!(ran.out.contains("  dead       2\n"), "{}", ran.out);
    assert_eq!(ran.err, "why jobs are dead: meshwork queue dead thumbnailer.resize\n");
    let row = site.json(&["show", RESIZE]);
    assert_eq!(row, site.json(&["ls"])["queues"][0]);
}

#[tokio::test]
async fn an_unknown_queue_says_which_there_are() {
    let site = Site::new();
    site.store("resize", 0..1).await;
    let commands: [&[&str]; 7] = [
        &["show"],
        &["peek"],
        &["dead"],
        &["pause"],
        &["resume"],
        &["retry", "--all"],
        &["purge", "--section", "dead", "--yes"],
    ];
    for command in commands {
        let ran = site.run(&[command, &["thumbnailer.resise"]].concat()).code(1);
        let said = "error: nothing is known of a queue `thumbnailer.resise`\n  \
                    did you mean `thumbnailer.resize`?\n";
        assert!(ran.err.starts_with(said), "{command:?}: {}", ran.err);
        assert_eq!(ran.out, "");
    }
    let ran = site.run(&["show", "thumbnailer"]).code(64);
    assert!(ran.err.contains("as in thumbnailer.resize"), "{}", ran.err);
}

#[tokio::test]
async fn peek_goes_through_the_jobs_page_by_page() {
    let site = Site::new();
    site.store("resize", 0..5).await;
    let page = site.json(&["peek", RESIZE, "--limit", "2"]);
    assert_eq!((&page["queue"], &page["section"]), (&json!(RESIZE), &json!("ready")));
    let jobs = page["jobs"].as_array().unwrap();
    assert_eq!(jobs.len(), 2);
    assert_eq!(jobs[0]["id"], id(0).to_string());
    assert_eq!(jobs[0]["body_bytes"], BODY.len());
    assert_eq!(jobs[0]["caller"], "gateway");

    let last = jobs[1]["id"].as_str().unwrap();
    let rest = site.json(&["peek", RESIZE, "--after", last]);
    assert_eq!(rest["jobs"].as_array().unwrap().len(), 3);
    let ran = site.run(&["peek", RESIZE, "--limit", "2"]).code(0);
    assert!(ran.out.contains("gateway/pod-1   7 B     0"), "{}", ran.out);
    assert_eq!(ran.err, format!("there may be more: the same with --after {last}\n"));

    let ran = site.run(&["peek", RESIZE, "--section", "running"]).code(0);
    assert_eq!(ran.out, "no running jobs in thumbnailer.resize\n");
    site.queue("resize").lease("pod-2#7", 1).await;
    let ran = site.run(&["peek", RESIZE, "--section", "running"]).code(0);
    assert!(ran.out.contains("pod-2#7\n"), "{}", ran.out);
    site.run(&["peek", RESIZE, "--limit", "0"]).code(64);
    site.run(&["peek", RESIZE, "--section", "done"]).code(64);
}

#[tokio::test]
async fn dead_letters_say_why() {
    let site = Site::new();
    site.fail("resize", 0..2).await;
    let ran = site.run(&["dead", RESIZE]).code(0);
    assert!(ran.out.contains("no \\u{1b}[2J such picture\n"), "{}", ran.out);
    let page = site.json(&["dead", RESIZE]);
    assert_eq!(page["section"], "dead");
    assert_eq!(page["jobs"][1]["last"]["consumer"], "pod-2#7");

    let first = id(0).to_string();
    let ran = site.run(&["dead", RESIZE, &first]).code(0);
    assert!(ran.out.contains("  caller  gateway/pod-1, as it says\n"), "{}", ran.out);
    let letter = site.json(&["dead", RESIZE, &first]);
    assert_eq!(letter["job"]["id"], first);
    assert_eq!(letter["job"]["history"][0]["attempt"], 1);
    assert_eq!(letter["job"]["history"][0]["error"]["kind"], "failed");

    let ran = site.run(&["dead", RESIZE, &id(9).to_string()]).code(1);
    assert!(ran.err.starts_with("error: nothing is known of a job 0000"), "{}", ran.err);
    site.run(&["dead", RESIZE, "9"]).code(64);
}

#[tokio::test]
async fn retry_moves_one() {
    let site = Site::new();
    site.fail("resize", 0..3).await;
    let ran = site.run(&["retry", RESIZE, &id(1).to_string()]).code(0);
    assert_eq!(ran.out, "1 job runs again; 2 dead letters are left\n");
    let ran = site.run(&["retry", RESIZE, &id(1).to_string()]).code(1);
    assert!(ran.err.contains("is no dead letter: it is ready to run\n"), "{}", ran.err);
    assert!(ran.err.ends_with("meshwork queue dead thumbnailer.resize\n"), "{}", ran.err);
    site.run(&["retry", RESIZE]).code(64);
    site.run(&["retry", RESIZE, &id(1).to_string(), "--all"]).code(64);
}

/// More than two pages of them.
#[tokio::test]
async fn retry_all_moves_all() {
    let site = Site::new();
    site.fail("resize", 0..600).await;
    let moved = site.json(&["retry", RESIZE, "--all"]);
    assert_eq!(moved, json!({ "queue": RESIZE, "retried": 600, "dead": 0 }));
    assert_eq!(site.queue("resize").depth().await.unwrap().ready, 600);
    let ran = site.run(&["retry", RESIZE, "--all"]).code(0);
    assert_eq!(ran.out, "0 jobs run again; 0 dead letters are left\n");
    assert_eq!(ran.err, "", "no bar where nobody looks");
}

/// What there is no room for stays a dead letter, and that is said.
#[tokio::test]
async fn retry_all_ends_where_there_is_no_room() {
    let site = Site::new();
    site.fail("resize", 0..2).await;
    let jobs_max = QueueOptions::default().limits.jobs_max;
    let random = Random::seeded(2);
    let others = (1..jobs_max).map(|_| NewJob { id: JobId(random.bytes()), ..job(9) }).collect();
    let stored = site.queue("resize").enqueue(others).await;
    assert_eq!(stored.iter().filter(|stored| stored.is_ok()).count(), jobs_max - 1);

    let ran = site.run(&["retry", RESIZE, "--all"]).code(1);
    assert_eq!(ran.out, "1 job runs again; 1 dead letter is left\n");
    assert!(ran.err.starts_with("error: what is dead in thumbnailer.resize"), "{}", ran.err);
    let ran = site.run(&["retry", RESIZE, &id(1).to_string()]).code(1);
    assert!(ran.err.contains("type the same again"), "{}", ran.err);
}

#[tokio::test]
async fn purge_wants_a_yes() {
    let site = Site::new();
    site.fail("resize", 0..300).await;
    let ran = site.run(&["purge", RESIZE, "--section", "dead"]).code(64);
    assert!(ran.err.contains("delete 300 dead letters of thumbnailer.resize for good?"), "{ran:?}");
    assert!(ran.err.contains("add --yes"), "{}", ran.err);
    assert_eq!(site.queue("resize").depth().await.unwrap().dead, 300);

    let purged = site.json(&["purge", RESIZE, "--section", "dead", "--yes"]);
    assert_eq!(purged, json!({ "queue": RESIZE, "section": "dead", "purged": 300 }));
    assert_eq!(site.queue("resize").depth().await.unwrap().dead, 0);
    site.run(&["purge", RESIZE, "--section", "running", "--yes"]).code(64);
    site.run(&["purge", RESIZE, "--yes"]).code(64);
}

#[tokio::test]
async fn purge_leaves_the_other_sections() {
    let site = Site::new();
    site.store("resize", 0..4).await;
    let later = NewJob { start: Start::After(Duration::from_secs(3600)), ..job(20) };
    site.queue("resize").enqueue(vec![later]).await.remove(0).unwrap();
    site.queue("resize").lease("pod-2#7", 1).await;
    let ran = site.run(&["purge", RESIZE, "--section", "ready", "--yes"]).code(0);
    assert_eq!(ran.out, "3 ready jobs of thumbnailer.resize are deleted\n");
    assert_eq!(depth_of(&site.json(&["show", RESIZE])), [0, 1, 1, 0]);
    site.run(&["purge", RESIZE, "--section", "scheduled", "--yes"]).code(0);
    assert_eq!(depth_of(&site.json(&["show", RESIZE])), [0, 0, 1, 0]);
}

#[tokio::test]
async fn a_paused_queue_gives_nothing_out() {
    let site = Site::new();
    site.store("resize", 0..1).await;
    let ran = site.run(&["pause", RESIZE]).code(0);
    assert!(ran.out.ends_with("until: meshwork queue resume thumbnailer.resize\n"), "{}", ran.out);
    assert!(site.run(&["ls"]).code(0).out.ends_with("  yes\n"));
    let paused = site.queue("resize").depth().await.unwrap().is_paused;
    assert!(paused);
    let resumed = site.json(&["resume", RESIZE]);
    assert_eq!(resumed, json!({ "queue": RESIZE, "is_paused": false }));
    assert_eq!(site.queue("resize").lease("pod-2#7", 1).await.len(), 1);
}

#[tokio::test]
async fn a_queue_is_paused_before_its_first_job() {
    let site = Site::new();
    let ran = site.run(&["pause", "thumbnailer.later"]).code(1);
    assert!(ran.err.ends_with("add --new if its first job is still to come\n"), "{}", ran.err);
    let paused = site.json(&["pause", "thumbnailer.later", "--new"]);
    assert_eq!(paused["is_paused"], true);
    site.run(&["resume", "thumbnailer.later"]).code(0);
}

#[tokio::test]
async fn watch_looks_each_second() {
    let site = Site::new();
    site.store("resize", 0..2).await;
    let ran = site.run(&["watch", "--count", "2", "--json"]).code(0);
    let looks: Vec<Value> =
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(looks.len(), 2);
    assert_eq!(depth_of(&looks[1]["queues"][0]), [2, 0, 0, 0]);
    let ran = site.run(&["watch", "--count", "1"]).code(0);
    assert!(ran.out.contains(RESIZE) && !ran.out.contains('\x1b'), "{}", ran.out);
    site.run(&["watch", "--count", "0"]).code(64);
}

#[tokio::test]
async fn ctrl_c_ends_a_watch() {
    use std::io::{BufRead, BufReader};
    let site = Site::new();
    let arguments = ["queue", "watch", "--json", "--queue", "file:jobs.db"];
    let mut child = site.folder.command(&arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "{\"queues\":[]}\n");
    let pid = child.id().to_string();
    assert!(
        std::process::Command::new("kill").args(["-s", "INT", &pid]).status().unwrap().success()
    );
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn what_is_in_memory_cannot_be_looked_at() {
    let folder = Folder::new();
    let ran = folder.run(&["queue", "ls"]).code(64);
    assert!(ran.err.starts_with("error: the queue lives in each worker's process"), "{}", ran.err);
    assert!(ran.err.contains("write --queue redis://HOST"), "{}", ran.err);
    let ran = folder.run(&["queue", "ls", "--queue", "rabbit://me:hunter2@host"]).code(64);
    assert!(ran.err.contains("names no kind of queue") && !ran.err.contains("hunter2"), "{ran:?}");
}

#[test]
fn a_file_that_is_not_there_is_not_made() {
    let folder = Folder::new();
    let ran = folder.run(&["queue", "ls", "--queue", "file:jobs.db"]).code(66);
    assert!(ran.err.contains("jobs.db: there is no such file of queues"), "{}", ran.err);
    assert_eq!(folder.files().len(), 0);
    folder.run(&["queue", "ls", "--queue", "file:jobs.db?sync=maybe"]).code(64);
    folder.write("notes.txt", "not a file of queues, but long enough to look like something");
    folder.run(&["queue", "ls", "--queue", "file:notes.txt"]).code(66);
}

#[test]
fn a_server_is_asked_for_the_queues_of_one_mesh() {
    let folder = Folder::new();
    let away = "redis://127.0.0.1:1";
    let ran = folder.run(&["queue", "ls", "--queue", away]).code(64);
    assert!(ran.err.contains("nothing says which is meant\n  write --secret-file"), "{}", ran.err);
    folder.run(&["queue", "ls", "--queue", away, "--secret-file", "mesh.secret"]).code(64);
    folder.run(&["keygen", "--out", "mesh.secret"]).code(0);
    let ran =
        folder.run(&["queue", "ls", "--queue", away, "--secret-file", "mesh.secret"]).code(69);
    assert!(ran.err.contains("and whether the store runs"), "{}", ran.err);
}

#[tokio::test]
async fn the_address_is_that_of_a_worker() {
    let site = Site::new();
    site.store("resize", 0..1).await;
    let mut command = site.folder.command(&["queue", "ls", "--json"]);
    let ran = Ran::from(command.env("MESHWORK_QUEUE", "file:jobs.db").output().unwrap());
    assert_eq!(ran.code(0).json()["queues"][0]["queue"], RESIZE);
    site.folder.write("meshwork.toml", "[worker]\nqueue = \"file:jobs.db\"\n");
    let ran = site.folder.run(&["queue", "ls", "--json", "--config", "meshwork.toml"]).code(0);
    assert_eq!(ran.json()["queues"][0]["queue"], RESIZE);
}

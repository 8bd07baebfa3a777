//! Row 50: nothing that a mesh writes shows a secret, whatever goes wrong and however much is
//! logged.

use std::fmt::Write as _;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use meshwork_schema::WorkerName;
use meshwork_shared::config::{MasterConfig, WorkerSettings};
use meshwork_shared::link::close::CloseCode;
use meshwork_shared::random::Random;
use meshwork_shared::secret::{JoinKey, LinkKind, LinkSecret, MeshSecret};
use meshwork_worker::{Sources, StartError, Worker};
use serde_json::json;

use crate::child::Child;
use crate::people::{Asker, SCHEMA};
use crate::support::Mesh;
use crate::support::raw::RawWorker;

/// What this process logs, at every level.
#[derive(Default)]
struct Captured(Mutex<String>);

impl Captured {
    fn start() -> &'static Self {
        static LOG: OnceLock<Captured> = OnceLock::new();
        let captured = LOG.get_or_init(Self::default);
        if log::set_logger(captured).is_ok() {
            log::set_max_level(log::LevelFilter::Trace);
        }
        captured
    }

    fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl log::Log for Captured {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let mut text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(text, "{} {} {}", record.level(), record.target(), record.args()).unwrap();
    }

    fn flush(&self) {}
}

/// Something that must not be shown: a text as it is, bytes in the ways in which bytes are printed.
struct Hidden {
    what: &'static str,
    spellings: Vec<String>,
}

impl Hidden {
    fn text(what: &'static str, text: &str) -> Self {
        // The part between prefix and checksum says it all.
        let (_, rest) = text.split_once('_').unwrap_or(("", text));
        // It may hold underscores itself.
        let (middle, _) = rest.rsplit_once('_').unwrap_or((rest, ""));
        Self { what, spellings: vec![text.to_owned(), middle.to_owned()] }
    }

    fn bytes(what: &'static str, bytes: &[u8]) -> Self {
        assert!(bytes.len() >= 32, "{what} is no key");
        let mut spellings = Vec::new();
        // Half of it is too much already.
        for part in bytes.chunks_exact(16) {
            let hex: String = part.iter().map(|byte| format!("{byte:02x}")).collect();
            spellings.extend([hex.to_uppercase(), hex]);
            spellings.push(format!("{part:?}").trim_matches(['[', ']']).to_owned());
            // Base64 looks different with each of the three places that a part may start at.
            for before in 0..3 {
                let shifted = [&[0, 0][..before.min(2)], part].concat();
                for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
                    let text = engine.encode(&shifted);
                    spellings.push(text[4 * before.min(1)..text.len() - 2].to_owned());
                }
            }
        }
        Self { what, spellings }
    }

    fn assert_not_in(&self, place: &str, text: &str) {
        for spelling in &self.spellings {
            assert!(!text.contains(spelling), "{place} shows {}: {spelling}", self.what);
        }
    }

    fn is_in(&self, text: &str) -> bool {
        self.spellings.iter().any(|spelling| text.contains(spelling))
    }
}

/// The bytes behind a text of the form `prefix_base64url_checksum`.
fn payload(text: &str) -> Vec<u8> {
    let (_, rest) = text.trim().split_once('_').unwrap();
    let (middle, _) = rest.rsplit_once('_').unwrap_or((rest, ""));
    URL_SAFE_NO_PAD.decode(middle).unwrap()
}

/// Everything that is secret in this mesh.
fn hidden(mesh: &Mesh, join_key: &JoinKey, wrong: &MeshSecret, raw: &RawWorker) -> Vec<Hidden> {
    let (text, join_text) = (mesh.secret.expose_text(), join_key.expose_text());
    let authority = std::fs::read_to_string(mesh.state.path().join("authority.key")).unwrap();
    let token = std::fs::read_to_string(mesh.state.path().join("admin.token")).unwrap();
    let root = std::fs::read_to_string(mesh.state.path().join("queue.roots")).unwrap();
    let mut hidden = vec![
        Hidden::text("the queue root", root.trim()),
        Hidden::bytes("the queue root", &payload(&root)[8..]),
        Hidden::text("the mesh secret", &text),
        Hidden::bytes("the mesh secret", &payload(&text)[16..]),
        Hidden::text("a wrong mesh secret", &wrong.expose_text()),
        Hidden::bytes("a wrong mesh secret", &payload(&wrong.expose_text())[16..]),
        Hidden::text("a join key", &join_text),
        Hidden::bytes("a join key", &payload(&join_text)[48..80]),
        Hidden::bytes("the key of joining", mesh.secret.psk(LinkKind::Control).key.as_slice()),
        Hidden::bytes("the key of a join key", join_key.psk().key.as_slice()),
        Hidden::text("the authority key", authority.trim()),
        Hidden::bytes("the authority key", &payload(&authority)),
        Hidden { what: "the admin token", spellings: vec![token.trim().to_owned()] },
        Hidden::bytes("a node key", raw.node_key.expose_bytes().as_slice()),
    ];
    let keys = raw.welcome.queue_keys.iter().flat_map(|keys| &keys.callees);
    for grant in keys.flat_map(|callee| &callee.commands) {
        hidden.push(Hidden::bytes("a key of jobs", grant.key.expose()));
    }
    for epoch in &raw.welcome.link_secrets.secrets {
        let secret = epoch.secret.expose();
        let psk = LinkSecret::from_bytes(*secret).psk(&mesh.secret.mesh_id());
        hidden.push(Hidden::bytes("a link secret", secret));
        hidden.push(Hidden::bytes("the key of links", psk.key.as_slice()));
    }
    hidden
}

fn traced<'a>(master: &'a str, credential: (&'a str, &'a str)) -> Vec<(&'a str, &'a str)> {
    let listen = ("MESHWORK_LISTEN", "127.0.0.1:0");
    vec![("RUST_LOG", "trace"), ("MESHWORK_MASTER", master), listen, credential]
}

/// Why a worker with this environment does not start.
async fn start_without_master(environment: &[(&str, &str)]) -> StartError {
    let worker = Worker::builder("asker")
        .sources(Sources::from_environment(environment.iter().copied()))
        .master("127.0.0.1:9")
        .ready_within(Duration::from_millis(300));
    worker.start().await.unwrap_err()
}

#[tokio::test]
async fn row_50_nothing_that_is_written_shows_a_secret() {
    let captured = Captured::start();
    let mesh = Mesh::start(SCHEMA).await;
    let (text, master) = (mesh.secret.expose_text(), mesh.address().to_string());
    let join_key =
        mesh.secret.join_key(&WorkerName::new("echo").unwrap(), mesh.master().authority().hash());
    let join_text = join_key.expose_text();
    let wrong = mesh.secret.generate_rotated(&Random::system());
    let wrong_text = wrong.expose_text();
    let damaged = format!("{}x", &text[..text.len() - 1]);

    let trace = [("RUST_LOG", "trace")];
    let first = Child::join(&mesh, "e1", &trace).await;
    let second = Child::start(&traced(&master, ("MESHWORK_JOIN_KEY", &join_text)));
    second.says("is ready").await;
    let stranger = Child::start(&traced(&master, ("MESHWORK_SECRET", &wrong_text)));
    stranger.says("no session with the master").await;
    let broken = Child::start(&traced(&master, ("MESHWORK_SECRET", &damaged)));
    broken.says("echo: ").await;
    let mixed_up = Child::start(&traced(&master, ("MESHWORK_JOIN_KEY", &text)));
    mixed_up.says("echo: ").await;

    let asker = Asker::start(mesh.worker("asker").variant("a1")).await;
    asker.say().await.unwrap();
    let failed = asker.worker.call_json("echo", "say", &json!({"text": ""})).await.unwrap_err();
    let refused = asker.worker.call_json("echo", "say", &json!(7)).await.unwrap_err();
    let echo = asker.worker.members("echo")[0].addresses[0];
    let denied = RawWorker::join(&mesh, "stranger", "s1").await.unwrap();
    assert_eq!(denied.dial(echo, None).await.closed().await, CloseCode::Denied);
    let forged = denied.dial_with(echo, vec![1; 296], None).await.closed().await;
    assert_eq!(forged, CloseCode::Denied);
    let settings = WorkerSettings {
        secret: Some(text.as_str().into()),
        join_key: Some(join_text.as_str().into()),
        ..WorkerSettings::default()
    };
    let environment = [("MESHWORK_SECRET", text.as_str())];
    let not_ready = start_without_master(&environment).await;
    let printed = format!(
        "{settings:#?} {:#?} {:#?} {:#?} {:#?} {:#?} {not_ready} {not_ready:?} {failed:?} \
         {refused:?}",
        Sources::from_environment(environment),
        MasterConfig::new(mesh.secret.clone()),
        mesh.master(),
        asker.worker,
        denied.welcome,
    );

    let hidden = hidden(&mesh, &join_key, &wrong, &denied);
    let children = [&first, &second, &stranger, &broken, &mixed_up];
    for (number, child) in children.iter().enumerate() {
        let output = child.output();
        assert!(!output.is_empty());
        hidden.iter().for_each(|one| one.assert_not_in(&format!("child {number}"), &output));
        assert!(!output.contains(&damaged), "child {number} shows a damaged secret");
    }
    assert!(first.output().contains("TRACE"), "everything is logged");
    let log = captured.text();
    assert!(
        log.contains("TRACE ") && log.contains(" meshwork_worker::"),
        "everything is logged here too"
    );
    hidden.iter().for_each(|one| one.assert_not_in("the log", &log));
    hidden.iter().for_each(|one| one.assert_not_in("Debug", &printed));
}

/// The search above finds what it looks for, wherever in a base64 text it starts.
#[test]
fn a_shown_secret_would_be_found() {
    let key: [u8; 32] = std::array::from_fn(|at| (at * 37 + 200) as u8);
    let hidden = Hidden::bytes("a key", &key);
    for before in 0..4 {
        let bytes = [&[7; 3][..before.min(3)], &key, &[8]].concat();
        assert!(hidden.is_in(&URL_SAFE_NO_PAD.encode(&bytes)), "{before}");
        assert!(hidden.is_in(&STANDARD_NO_PAD.encode(&bytes)), "{before}");
    }
    assert!(hidden.is_in(&format!("key: {key:?}")));
    assert!(hidden.is_in(&format!("{key:02x?}").replace(", ", "")));
    assert!(!hidden.is_in("nothing"));
}

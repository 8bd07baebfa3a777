//! What the language means: options, defaults, the table `_mesh`, and the frozen fingerprint.

use std::time::Duration;

use meshwork_schema::{
    Access, BACKOFF_DEFAULT, BackoffRange, CommandSchema, Delivery, Missed, OnLeave, Schedule,
    Schema, SchemaFormat,
};

const EXAMPLE: &str = r#"
[thumbnailer]
_allow   = ["gateway"]      # who may link to me: a list, "anyNode", or [] for nobody
_connect = []               # whom I dial: a list or "anyNode"

[thumbnailer._commands._balanced]
resize = {}                                          # one instance, in turn; answers
warm   = { responds = false }                        # one instance; fire and forget
render = { queued = true, concurrency = 4, attempts = 3, backoff = "2s..1m30s", run_timeout="30s" }

[thumbnailer._commands._broadcast]
stats   = { responds = true, timeout = "500ms" }     # every instance; all answers
flush   = {}                                         # every instance; no answer
reindex = { queued = true }                          # every instance, one job each

[gateway]
_allow   = []
_connect = ["thumbnailer"]
"#;

fn command(schema: &Schema, name: &str) -> CommandSchema {
    let (_, command) = schema.worker("thumbnailer").and_then(|w| w.command(name)).expect(name);
    command.clone()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn the_example_and_its_defaults() {
    let schema = Schema::from_toml(EXAMPLE).unwrap();
    let resize = command(&schema, "resize");
    let expected = CommandSchema {
        name: "resize".parse().unwrap(),
        delivery: Delivery::Balanced,
        responds: true,
        queued: false,
        timeout: seconds(10),
        run_timeout: seconds(60),
        idempotent: false,
        allow: None,
        concurrency: None,
        backlog: 1024,
        attempts: 5,
        backoff: BACKOFF_DEFAULT,
        lease: seconds(30),
        done_kept: seconds(3600),
        repeat: None,
        on_leave: OnLeave::Bury,
    };
    assert_eq!(resize, expected);
    let warm = CommandSchema { name: "warm".parse().unwrap(), responds: false, ..expected.clone() };
    assert_eq!(command(&schema, "warm"), warm);
    let render = CommandSchema {
        name: "render".parse().unwrap(),
        responds: false,
        queued: true,
        concurrency: Some(4),
        attempts: 3,
        backoff: BackoffRange { min: seconds(2), max: seconds(90) },
        run_timeout: seconds(30),
        ..expected
    };
    assert_eq!(command(&schema, "render"), render);
    let stats = command(&schema, "stats");
    assert_eq!((stats.delivery, stats.responds), (Delivery::Broadcast, true));
    assert_eq!(stats.timeout, Duration::from_millis(500));
    assert!(!command(&schema, "flush").responds);
    let reindex = command(&schema, "reindex");
    assert_eq!((reindex.queued, reindex.responds, reindex.concurrency), (true, false, None));
}

#[test]
fn commands_that_run_by_themselves() {
    let schema = Schema::from_toml(
        "[thumbnailer._commands._balanced]\n\
         sweep = { queued = true, every = '5m', missed = 'all' }\n\
         report = { queued = true, cron = ' 0 3  * * mon', timezone = 'europe/berlin' }\n\
         nightly = { queued = true, cron = '@daily', lease = '5s', done_kept = '2h' }\n\
         [thumbnailer._commands._broadcast]\n\
         reindex = { queued = true, on_leave = 'keep', every = '1h', missed = 'skip' }\n",
    )
    .unwrap();
    let repeat = |name: &str| command(&schema, name).repeat.expect(name);
    assert_eq!(repeat("sweep").schedule, Schedule::Every(seconds(300)));
    assert_eq!(repeat("sweep").missed, Missed::All);
    let Schedule::Cron(cron) = repeat("report").schedule else { panic!("an interval") };
    assert_eq!((cron.expression(), cron.timezone()), ("0 3 * * MON", "Europe/Berlin"));
    assert_eq!(repeat("report").missed, Missed::Once);
    let Schedule::Cron(cron) = repeat("nightly").schedule else { panic!("an interval") };
    assert_eq!((cron.expression(), cron.timezone()), ("@daily", "UTC"));
    let nightly = command(&schema, "nightly");
    assert_eq!((nightly.lease, nightly.done_kept), (seconds(5), seconds(7200)));
    assert_eq!(command(&schema, "reindex").on_leave, OnLeave::Keep);
    assert_eq!(repeat("reindex").missed, Missed::Skip);

    let canonical = schema.canonical_json();
    assert_eq!(Schema::from_json(&canonical), Ok(schema));
    for part in [
        r#""every":"5m","missed":"all","queued":true"#,
        r#""cron":"0 3 * * MON","queued":true,"timezone":"Europe/Berlin""#,
        r#""cron":"@daily","done_kept":"2h","lease":"5s","queued":true"#,
        r#""every":"1h","missed":"skip","on_leave":"keep","queued":true"#,
    ] {
        assert!(canonical.contains(part), "{part} in {canonical}");
    }
}

#[test]
fn mesh_defaults_reach_every_command_that_says_nothing() {
    let mesh = "[_mesh]\ntimeout = '3s'\nrun_timeout = '4s'\nconcurrency = 9\nbacklog = 0\n\
                attempts = 2\nbackoff = '1ms..5ms'\n";
    let schema = Schema::from_toml(&format!("{EXAMPLE}{mesh}")).unwrap();
    let resize = command(&schema, "resize");
    assert_eq!((resize.timeout, resize.concurrency, resize.backlog), (seconds(3), Some(9), 0));
    assert_eq!((resize.run_timeout, resize.attempts), (seconds(60), 5), "it has no jobs");
    assert_eq!(command(&schema, "stats").timeout, Duration::from_millis(500), "its own");
    let reindex = command(&schema, "reindex");
    assert_eq!((reindex.run_timeout, reindex.attempts), (seconds(4), 2));
    let millis = Duration::from_millis;
    assert_eq!(reindex.backoff, BackoffRange { min: millis(1), max: millis(5) });
    assert_eq!(reindex.concurrency, None, "a queue keeps its order");
    assert_eq!(command(&schema, "render").concurrency, Some(4));
}

#[test]
fn the_canonical_form_is_frozen() {
    let schema = Schema::from_toml(EXAMPLE).unwrap();
    let expected = concat!(
        r#"{"_mesh":{"attempts":5,"backlog":1024,"backoff":"1s..1m","run_timeout":"1m","#,
        r#""timeout":"10s"},"gateway":{"_allow":[],"_connect":["thumbnailer"]},"#,
        r#""thumbnailer":{"_allow":["gateway"],"_commands":{"_balanced":{"#,
        r#""render":{"attempts":3,"backoff":"2s..1m30s","concurrency":4,"queued":true,"#,
        r#""run_timeout":"30s"},"resize":{},"warm":{"responds":false}},"_broadcast":{"#,
        r#""flush":{},"reindex":{"queued":true},"#,
        r#""stats":{"responds":true,"timeout":"500ms"}}},"_connect":[]}}"#,
    );
    assert_eq!(schema.canonical_json(), expected);
    // BLAKE2s-256 of the text above, computed by another implementation as well.
    let fingerprint = "49d9fa1311611624d69ec17f8aed5e439e3f7aa10ef81e33a6cbc703f81407c5";
    assert_eq!(schema.fingerprint().to_string(), fingerprint);
    assert_eq!(fingerprint.parse(), Ok(schema.fingerprint()));
    assert_eq!(Schema::from_json(expected), Ok(schema));
}

#[test]
fn what_changes_the_meaning_changes_the_fingerprint() {
    let base = Schema::from_toml(EXAMPLE).unwrap();
    let changes = [
        ("resize = {}", "resize = { idempotent = true }"),
        ("resize = {}", "resize = { allow = 'anyNode' }"),
        ("resize = {}", "resize = { backlog = 1 }"),
        ("responds = false", "responds = true"),
        ("\"500ms\"", "\"501ms\""),
        ("attempts = 3", "attempts = 4"),
        ("_allow   = []", "_allow   = \"anyNode\""),
        ("flush ", "flesh "),
    ];
    for (from, to) in changes {
        assert!(EXAMPLE.contains(from));
        let changed = Schema::from_toml(&EXAMPLE.replacen(from, to, 1)).unwrap();
        assert_ne!(changed.fingerprint(), base.fingerprint(), "{to}");
    }
    let same = [
        ("resize = {}", "resize = { responds = true, timeout = '10s', queued = false }"),
        ("\"2s..1m30s\"", "\"2000ms..90s\""),
        ("_allow   = []", ""),
    ];
    for (from, to) in same {
        let written = Schema::from_toml(&EXAMPLE.replacen(from, to, 1)).unwrap();
        assert_eq!(written.fingerprint(), base.fingerprint(), "{to}");
    }
}

#[test]
fn the_format_follows_the_name_of_the_file() {
    let format = |name: &str| SchemaFormat::of(name.as_ref());
    assert_eq!(format("mesh.json"), SchemaFormat::Json);
    assert_eq!(format("MESH.JSON"), SchemaFormat::Json);
    assert_eq!(format("mesh.toml"), SchemaFormat::Toml);
    assert_eq!(format("mesh"), SchemaFormat::Toml);
}

#[test]
fn no_two_spellings_of_nobody() {
    let schema = Schema::from_toml("[a]\n").unwrap();
    assert_eq!(schema.worker("a").unwrap().connect, Access::nobody());
    assert!(schema.worker("a").unwrap().allow.is_nobody());
}

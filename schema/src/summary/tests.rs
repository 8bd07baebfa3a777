use super::*;

const SOURCE: &str = "\
[thumbnailer]
_allow = ['gateway', 'audit']
[thumbnailer._commands._balanced]
resize = {}
warm = { responds = false, allow = ['gateway'] }
render = { queued = true, concurrency = 4, backlog = 7, idempotent = true, responds = true }
[thumbnailer._commands._broadcast]
stats = { responds = true, timeout = '500ms' }
secret = { allow = ['audit'] }
[gateway]
_connect = ['thumbnailer']
[audit]
";

#[test]
fn the_summary_as_text() {
    let summary = summary(&Schema::from_toml(SOURCE).unwrap());
    let fingerprint = summary.fingerprint.to_string();
    let expected = "\
3 workers, 5 commands, 1 link
fingerprint FINGERPRINT

Workers
  worker       commands                           _allow          _connect
  audit        none                               nobody          nobody
  gateway      none                               nobody          thumbnailer
  thumbnailer  3 balanced, 2 broadcast, 1 queued  audit, gateway  nobody

Who may link to whom
  worker   dials
  gateway  thumbnailer

Who may call what
  command             kind                            bounds                         who may call it
  thumbnailer.render  balanced, queued, keeps its     timeout 10s, run 1m, 5         gateway
                      reply, idempotent               attempts, backoff 1s..1m, 4
                                                      at once, backlog 7
  thumbnailer.resize  balanced, answers               timeout 10s                    gateway
  thumbnailer.secret  broadcast, no answer            timeout 10s                    nobody
  thumbnailer.stats   broadcast, answers              timeout 500ms                  gateway
  thumbnailer.warm    balanced, no answer             timeout 10s                    gateway

Notes
  - thumbnailer allows audit, which does not connect to it: no link
  - audit has no link to any worker
  - nobody may call thumbnailer.secret
  - thumbnailer.secret allows audit, which has no link to it
";
    assert_eq!(summary.to_string().replace(&fingerprint, "FINGERPRINT"), expected);
}

#[test]
fn the_summary_for_programs() {
    let summary = summary(&Schema::from_toml(SOURCE).unwrap());
    let json = serde_json::to_value(&summary).unwrap();
    assert_eq!(json["fingerprint"], summary.fingerprint.to_string());
    let thumbnailer = serde_json::json!({
        "name": "thumbnailer", "allow": ["audit", "gateway"], "connect": [],
        "dials": [], "dialled_by": ["gateway"],
        "balanced": 3, "broadcast": 2, "queued": 1,
    });
    assert_eq!(json["workers"][2], thumbnailer);
    let render = serde_json::json!({
        "worker": "thumbnailer", "command": "render", "number": 0, "delivery": "balanced",
        "responds": true, "queued": true, "idempotent": true, "timeout": "10s",
        "concurrency": 4, "backlog": 7,
        "job": { "run_timeout": "1m", "attempts": 5, "backoff": "1s..1m", "lease": "30s",
            "done_kept": "1h", "repeat": null, "on_leave": null },
        "callers": ["gateway"],
    });
    assert_eq!(json["commands"][0], render);
    assert_eq!(json["notes"].as_array().map(Vec::len), Some(4));
}

#[test]
fn a_worker_of_many_callers_is_shown_with_the_first_and_a_number() {
    let others: String = (0..30).map(|n| format!("[w{n}]\n_connect = ['x']\n")).collect();
    let source = format!("[x]\n_allow = 'anyNode'\n[x._commands._balanced]\nc = {{}}\n{others}");
    let text = summary(&Schema::from_toml(&source).unwrap()).to_string();
    assert!(text.contains("and 10 more"), "{text}");
    assert!(text.lines().all(|line| line.len() <= 100), "{text}");
}

#[test]
fn notes_are_bounded() {
    let others: String = (0..300).map(|n| format!("[w{n}]\n_connect = ['x']\n")).collect();
    let summary = summary(&Schema::from_toml(&format!("[x]\n{others}")).unwrap());
    assert_eq!(summary.notes.len(), 100);
    assert_eq!(summary.notes.last().map(String::as_str), Some("and 502 more"));
}

#[test]
fn what_runs_by_itself_is_shown() {
    let source = "\
[a._commands._balanced]
sweep = { queued = true, every = '5m', lease = '5s', done_kept = '2h' }
report = { queued = true, cron = '0 3 * * *', timezone = 'Europe/Berlin', missed = 'skip' }
[a._commands._broadcast]
reindex = { queued = true, on_leave = 'keep' }
";
    let summary = summary(&Schema::from_toml(source).unwrap());
    let shown = summary.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    for part in ["lease 5s", "done kept 2h", "every 5m", "kept on leave", "missed skip"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    let json = serde_json::to_value(&summary).unwrap();
    let repeat = |row: usize| json["commands"][row]["job"]["repeat"].clone();
    assert_eq!(repeat(0), serde_json::Value::Null);
    assert_eq!(json["commands"][0]["job"]["on_leave"], "keep");
    let cron = serde_json::json!({
        "every": null, "cron": "0 3 * * *", "timezone": "Europe/Berlin", "missed": "skip",
    });
    assert_eq!(repeat(1), cron);
    let every = serde_json::json!({
        "every": "5m", "cron": null, "timezone": null, "missed": "once",
    });
    assert_eq!(repeat(2), every);
}

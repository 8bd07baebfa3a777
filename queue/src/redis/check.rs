//! What could be lost with the settings of the store.

use std::collections::BTreeMap;

use redis::{Cmd, Value};
use tokio::time::Instant;

use super::store::{CALL_TIMEOUT, CallError, Store};

/// Redis before this lacks commands that the scripts use.
const VERSION_MIN: (u32, u32) = (6, 2);

/// The settings that are looked at. Several patterns in one question are new in 7.0.
const PATTERNS: [&str; 3] = ["maxmemory*", "append*", "save"];

/// Sentences about what could be lost; none is good. Of a cluster all masters are asked: what not
/// all of them say, is said with who does.
pub(super) async fn run(store: &Store) -> Result<Vec<String>, CallError> {
    let until = Instant::now() + CALL_TIMEOUT;
    let is_cluster = store.connector.is_cluster();
    let mut said: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (server, info) in store.ask_all(&command(&["INFO"]), until).await? {
        said.insert(server, about_info(&fields(&info), is_cluster));
    }
    let mut config: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for pattern in PATTERNS {
        match store.ask_all(&command(&["CONFIG", "GET", pattern]), until).await {
            Ok(answers) => answers
                .into_iter()
                .for_each(|(server, value)| config.entry(server).or_default().extend(pairs(value))),
            Err(error) if !error.is_refused => return Err(error),
            Err(_) => {
                let hidden = "the store does not show its settings (CONFIG is forbidden): check \
                              that maxmemory-policy is noeviction and that appendonly is on";
                let mut sentences = together(&said);
                sentences.push(hidden.to_owned());
                return Ok(sentences);
            }
        }
    }
    for (server, config) in config {
        said.entry(server).or_default().extend(about_config(&config));
    }
    Ok(together(&said))
}

/// What the servers say, each sentence once.
pub(super) fn together(said: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let mut by_sentence: BTreeMap<&String, Vec<&str>> = BTreeMap::new();
    for (server, sentences) in said {
        for sentence in sentences {
            by_sentence.entry(sentence).or_default().push(server);
        }
    }
    let one = |(sentence, servers): (&String, Vec<&str>)| match servers.len() == said.len() {
        true => sentence.clone(),
        false => format!("{}: {sentence}", servers.join(", ")),
    };
    by_sentence.into_iter().map(one).collect()
}

fn command(words: &[&str]) -> Cmd {
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]);
    command
}

/// What the settings mean for jobs.
pub(super) fn about_config(config: &BTreeMap<String, String>) -> Vec<String> {
    let setting = |name: &str| config.get(name).map_or("", String::as_str);
    let mut sentences = Vec::new();
    let policy = setting("maxmemory-policy");
    if policy != "noeviction" && setting("maxmemory") != "0" {
        sentences.push(format!(
            "maxmemory-policy is {policy}: when the store's memory is full it deletes jobs; set \
             noeviction, and enqueueing is refused instead"
        ));
    } else if policy != "noeviction" {
        sentences.push(format!(
            "maxmemory-policy is {policy}: as soon as maxmemory is set the store may delete jobs; \
             set noeviction"
        ));
    }
    match (setting("appendonly"), setting("appendfsync")) {
        ("yes", "always") => {}
        ("yes", "no") => sentences.push(
            "appendfsync is no: a crash of the machine loses what was acknowledged since the \
             system last wrote to disk, usually up to 30 s"
                .to_owned(),
        ),
        ("yes", _) => sentences.push(
            "appendfsync is everysec: a crash of the machine loses what was acknowledged in the \
             last second or two; a crash of the store's process alone what it put off writing \
             while the disk was slow, 2 s at most"
                .to_owned(),
        ),
        _ if setting("save").is_empty() => sentences.push(
            "appendonly is off and there are no snapshots: a restart of the store loses all jobs"
                .to_owned(),
        ),
        _ => sentences.push(format!(
            "appendonly is off: a crash of the store loses what was acknowledged since its last \
             snapshot (save {})",
            setting("save")
        )),
    }
    sentences
}

fn about_info(info: &BTreeMap<String, String>, is_cluster: bool) -> Vec<String> {
    let mut sentences = Vec::new();
    let field = |name: &str| info.get(name).map_or("", String::as_str);
    let mut numbers = field("redis_version").split('.').map(|part| part.parse().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version < VERSION_MIN && version != (0, 0) {
        let (major, minor) = VERSION_MIN;
        sentences.push(format!(
            "the store is version {}; at least {major}.{minor} is needed, nothing will work",
            field("redis_version")
        ));
    }
    let has_replicas = field("connected_slaves") != "0" && !field("connected_slaves").is_empty();
    if is_cluster && !has_replicas && field("role") == "master" {
        sentences.push(
            "a server of the cluster has no replica: its queues stand still while it is down, and \
             are lost with its disk"
                .to_owned(),
        );
    }
    if has_replicas {
        sentences.push(
            "the store is replicated: a failover loses what was acknowledged in the moments that \
             its replica lagged behind"
                .to_owned(),
        );
    }
    if info.get("aof_last_write_status").is_some_and(|status| status != "ok")
        || info.get("rdb_last_bgsave_status").is_some_and(|status| status != "ok")
    {
        sentences.push("the store could not write to its disk the last time it tried".to_owned());
    }
    sentences
}

/// The lines `name:value` of INFO.
fn fields(value: &Value) -> BTreeMap<String, String> {
    let text = match value {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::SimpleString(text) => text.clone(),
        Value::VerbatimString { text, .. } => text.clone(),
        _ => return BTreeMap::new(),
    };
    let pair = |line: &str| {
        line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
    };
    text.lines().filter_map(pair).collect()
}

/// Names and values of CONFIG GET.
fn pairs(value: Value) -> Vec<(String, String)> {
    let text = |value: &Value| match value {
        Value::BulkString(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::SimpleString(text) => Some(text.clone()),
        _ => None,
    };
    match value {
        Value::Array(items) => {
            items.chunks_exact(2).filter_map(|pair| text(&pair[0]).zip(text(&pair[1]))).collect()
        }
        Value::Map(items) => {
            items.iter().filter_map(|(name, value)| text(name).zip(text(value))).collect()
        }
        _ => Vec::new(),
    }
}

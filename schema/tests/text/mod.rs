//! Made-up schemas as documents that can be written in both formats and in any order.

use proptest::prelude::*;

/// A value of a document; leaves are written the same in TOML and in JSON.
#[derive(Clone, Debug)]
pub(crate) enum Doc {
    Leaf(String),
    List(Vec<Doc>),
    Table(Vec<(String, Doc)>),
}

impl Doc {
    fn string(text: &str) -> Self {
        Self::Leaf(format!("\"{text}\""))
    }

    pub(crate) fn json(&self, space: &str) -> String {
        let list = |open: &str, items: Vec<String>, close: &str| {
            format!("{open}{space}{}{space}{close}", items.join(&format!("{space},{space}")))
        };
        match self {
            Self::Leaf(text) => text.clone(),
            Self::List(items) => {
                list("[", items.iter().map(|item| item.json(space)).collect(), "]")
            }
            Self::Table(entries) => {
                let entry = |(key, value): &(String, Doc)| {
                    format!("\"{key}\"{space}:{space}{}", value.json(space))
                };
                list("{", entries.iter().map(entry).collect(), "}")
            }
        }
    }

    /// Tables at the top as headers, deeper ones inline.
    pub(crate) fn toml(&self) -> String {
        let Self::Table(tables) = self else {
            panic!("a document is a table");
        };
        let mut text = String::new();
        for (key, table) in tables {
            let Self::Table(entries) = table else {
                panic!("a table at the top");
            };
            text.push_str(&format!("[{key}]\n"));
            for (key, value) in entries {
                text.push_str(&format!("{key} = {} # {key}\n", value.inline()));
            }
        }
        text
    }

    fn inline(&self) -> String {
        let join = |items: Vec<String>| items.join(", ");
        match self {
            Self::Leaf(text) => text.clone(),
            Self::List(items) => format!("[{}]", join(items.iter().map(Self::inline).collect())),
            Self::Table(entries) => {
                let entry = |(key, value): &(String, Doc)| format!("{key} = {}", value.inline());
                format!("{{ {} }}", join(entries.iter().map(entry).collect()))
            }
        }
    }
}

/// The same document with the entries of all tables and lists in another order.
pub(crate) fn shuffled(doc: &Doc, mut seed: u64) -> Doc {
    fn order<T>(mut items: Vec<T>, seed: &mut u64) -> Vec<T> {
        for last in (1..items.len()).rev() {
            *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
            items.swap(last, (*seed >> 33) as usize % (last + 1));
        }
        items
    }
    fn walk(doc: &Doc, seed: &mut u64) -> Doc {
        match doc {
            Doc::Leaf(text) => Doc::Leaf(text.clone()),
            Doc::List(items) => Doc::List(order(items.clone(), seed)),
            Doc::Table(entries) => {
                let entries =
                    entries.iter().map(|(key, value)| (key.clone(), walk(value, seed))).collect();
                Doc::Table(order(entries, seed))
            }
        }
    }
    walk(doc, &mut seed)
}

const WORKERS: [&str; 4] = ["gateway", "thumbnailer", "a", "Z-9_very-long-name-of-a-worker-for-it"];
const COMMANDS: [&str; 5] = ["resize", "stats", "B", "c-1", "x_"];

/// A valid schema of up to four workers.
pub(crate) fn schema_doc() -> impl Strategy<Value = Doc> {
    let workers = prop::sample::subsequence(WORKERS.to_vec(), 1..=WORKERS.len());
    workers.prop_flat_map(|names| {
        let tables: Vec<_> = names.iter().map(|_| worker(names.clone())).collect();
        (mesh(), tables).prop_map(move |(mesh, tables)| {
            let named = names.iter().map(|name| (*name).to_owned()).zip(tables);
            Doc::Table(mesh.into_iter().chain(named).collect())
        })
    })
}

fn worker(names: Vec<&'static str>) -> impl Strategy<Value = Doc> {
    let commands = prop::collection::vec((any::<bool>(), command(names.clone())), 0..5);
    let access = || prop::option::of(access(names.clone()));
    (access(), access(), commands).prop_map(|(allow, connect, commands)| {
        let (mut balanced, mut broadcast) = (Vec::new(), Vec::new());
        for (name, (is_balanced, options)) in COMMANDS.iter().zip(commands) {
            let kind = if is_balanced { &mut balanced } else { &mut broadcast };
            kind.push(((*name).to_owned(), options));
        }
        let kinds = [("_balanced", balanced), ("_broadcast", broadcast)];
        let kinds = kinds.into_iter().map(|(key, entries)| (key.to_owned(), Doc::Table(entries)));
        let mut entries = vec![("_commands".to_owned(), Doc::Table(kinds.collect()))];
        entries.extend(allow.map(|access| ("_allow".to_owned(), access)));
        entries.extend(connect.map(|access| ("_connect".to_owned(), access)));
        Doc::Table(entries)
    })
}

fn access(names: Vec<&'static str>) -> impl Strategy<Value = Doc> {
    let count = names.len();
    prop_oneof![
        Just(Doc::string("anyNode")),
        prop::sample::subsequence(names, 0..=count)
            .prop_map(|names| Doc::List(names.into_iter().map(Doc::string).collect())),
    ]
}

fn command(names: Vec<&'static str>) -> impl Strategy<Value = Doc> {
    let flag = || prop::option::of(any::<bool>().prop_map(|flag| Doc::Leaf(flag.to_string())));
    let allow = prop::option::of(access(names));
    let job = (job_options(), repeat_options())
        .prop_map(|(job, repeat)| job.into_iter().chain(repeat).collect::<Vec<_>>());
    (flag(), flag(), allow, any::<bool>(), call_options(), job).prop_map(
        |(responds, idempotent, allow, queued, call, job)| {
            let mut entries = vec![("queued".to_owned(), Doc::Leaf(queued.to_string()))];
            entries.extend(responds.map(|flag| ("responds".to_owned(), flag)));
            entries.extend(idempotent.map(|flag| ("idempotent".to_owned(), flag)));
            entries.extend(allow.map(|allow| ("allow".to_owned(), allow)));
            entries.extend(call);
            if queued {
                entries.extend(job);
            }
            Doc::Table(entries)
        },
    )
}

fn mesh() -> impl Strategy<Value = Option<(String, Doc)>> {
    let options = (call_options(), job_options())
        .prop_map(|(call, job)| Doc::Table(call.into_iter().chain(job).collect()));
    prop::option::of(options.prop_map(|table| ("_mesh".to_owned(), table)))
}

fn call_options() -> impl Strategy<Value = Vec<(String, Doc)>> {
    let timeout = duration_ms().prop_map(|ms| Doc::string(&format!("{ms}ms")));
    let concurrency = (1u32..=65_536).prop_map(|number| Doc::Leaf(number.to_string()));
    let backlog = (0u32..=1_000_000).prop_map(|number| Doc::Leaf(number.to_string()));
    some([
        ("timeout", timeout.boxed()),
        ("concurrency", concurrency.boxed()),
        ("backlog", backlog.boxed()),
    ])
}

fn job_options() -> impl Strategy<Value = Vec<(String, Doc)>> {
    let run_timeout = duration_ms().prop_map(|ms| Doc::string(&format!("{ms}ms")));
    let attempts = (1u32..=1000).prop_map(|number| Doc::Leaf(number.to_string()));
    let backoff = (duration_ms(), duration_ms())
        .prop_map(|(a, b)| Doc::string(&format!("{}ms..{}ms", a.min(b), a.max(b))));
    let from_1s = || (1000u64..=86_400_000).prop_map(|ms| Doc::string(&format!("{ms}ms")));
    some([
        ("run_timeout", run_timeout.boxed()),
        ("attempts", attempts.boxed()),
        ("backoff", backoff.boxed()),
        ("lease", from_1s().boxed()),
        ("done_kept", from_1s().boxed()),
    ])
}

/// When a command runs by itself, or nothing.
fn repeat_options() -> impl Strategy<Value = Vec<(String, Doc)>> {
    let entry = |key: &str, text: &str| (key.to_owned(), Doc::string(text));
    let missed = prop::option::of(prop::sample::select(vec!["skip", "once", "all"]));
    let every = (1000u64..=86_400_000).prop_map(move |ms| vec![entry("every", &format!("{ms}ms"))]);
    let zone = prop::option::of(prop::sample::select(vec!["UTC", "Asia/Kolkata", "europe/berlin"]));
    let cron = prop::sample::select(vec!["0 3 * * *", "*/5 1-4 * * mon,fri", "@hourly"]);
    let cron = (cron, zone).prop_map(move |(cron, zone)| {
        let zone = zone.map(|zone| entry("timezone", zone));
        [entry("cron", cron)].into_iter().chain(zone).collect()
    });
    let repeat = (prop_oneof![every, cron], missed).prop_map(
        move |(mut options, missed): (Vec<(String, Doc)>, _)| {
            options.extend(missed.map(|missed| entry("missed", missed)));
            options
        },
    );
    prop_oneof![3 => Just(Vec::new()), 1 => repeat]
}

/// Often a default, so that "written and default" is tried too.
fn duration_ms() -> impl Strategy<Value = u64> {
    prop_oneof![Just(10_000u64), Just(60_000), Just(1000), 1u64..=86_400_000]
}

/// Any of the options, or none.
fn some<const N: usize>(
    options: [(&'static str, BoxedStrategy<Doc>); N],
) -> impl Strategy<Value = Vec<(String, Doc)>> {
    let options: Vec<_> = options
        .into_iter()
        .map(|(key, value)| prop::option::of(value.prop_map(move |value| (key.to_owned(), value))))
        .collect();
    options.prop_map(|chosen| chosen.into_iter().flatten().collect())
}

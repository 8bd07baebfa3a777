//! Every mistake that a file can have: what is said, where, and what is to be written instead.

use meshwork_schema::{MistakeKind, Schema, SchemaErrors, SchemaFormat};

/// The only mistake of a command's options: text under the caret, message and help.
fn option_mistake(options: &str) -> (String, String, String) {
    let source = format!("[a._commands._balanced]\nx = {{ {options} }}\n");
    let errors = Schema::from_toml(&source).expect_err(options);
    let [mistake] = errors.mistakes.as_slice() else {
        panic!("one mistake in {options}: {errors}");
    };
    assert_eq!(mistake.line, 2);
    let place = source[mistake.start..mistake.end].to_owned();
    (place, mistake.message.clone(), mistake.help.clone().unwrap_or_default())
}

const UNITS: &str =
    "write whole numbers with the units h, m, s, ms, the longest first, like \"1m30s\"";
const WAITS: &str = "write the shortest and the longest wait, like \"1s..1m\"";
const FIELDS: &str = "write minute, hour, day of month, month and day of week, like \"0 3 * * *\"";
const BOOLEAN: &str = "write true or false, without quotes";

/// Options, the text under the caret, the message, the help.
const OPTION_MISTAKES: &[[&str; 4]] = &[
    ["responds = 'yes'", "'yes'", "`responds` is true or false, this is a string", BOOLEAN],
    ["queued = 1", "1", "`queued` is true or false, this is a number", BOOLEAN],
    [
        "timeout = 10",
        "10",
        "`timeout` is a duration, this is a number",
        "say the unit, in quotes: \"10s\" or \"10ms\"",
    ],
    [
        "timeout = 1.5",
        "1.5",
        "`timeout` is a duration, this is a number with a point",
        "write a duration, like \"10s\"",
    ],
    ["timeout = '1.5s'", "'1.5s'", "`1.5s` is not a duration", UNITS],
    ["timeout = '5 minutes'", "'5 minutes'", "`5 minutes` is not a duration", UNITS],
    ["timeout = '25h'", "'25h'", "`25h` is longer than a day", "write at most \"24h\""],
    [
        "timeout = '0ms'",
        "'0ms'",
        "`timeout` may not be zero: nothing could ever finish",
        "write the longest wait that makes sense, like \"10s\"",
    ],
    [
        "run_timeout = '5s'",
        "run_timeout",
        "`run_timeout` needs a queued command",
        "set `queued` to true, or write `timeout` for the deadline of a call",
    ],
    [
        "queued = false, attempts = 5",
        "attempts",
        "`attempts` needs a queued command",
        "set `queued` to true, or leave it out",
    ],
    [
        "backoff = '1s..2s'",
        "backoff",
        "`backoff` needs a queued command",
        "set `queued` to true, or leave it out",
    ],
    [
        "concurrency = 0",
        "0",
        "`concurrency` may not be 0: nothing could ever run",
        "write a whole number from 1 to 65536",
    ],
    [
        "concurrency = -1",
        "-1",
        "`concurrency` is a whole number, this is a negative number",
        "write a whole number from 1 to 65536",
    ],
    [
        "concurrency = 65537",
        "65537",
        "`concurrency` is at most 65536, this is 65537",
        "write a whole number from 1 to 65536",
    ],
    [
        "concurrency = '4'",
        "'4'",
        "`concurrency` is a whole number, this is a string",
        "write a whole number from 1 to 65536",
    ],
    [
        "backlog = 99999999999999999999",
        "99999999999999999999",
        "`backlog` is a whole number, this is too large a number",
        "write a whole number from 0 to 1000000",
    ],
    [
        "queued = true, attempts = 0",
        "0",
        "`attempts` may not be 0: the first run counts, 1 means that none follows",
        "write a whole number from 1 to 1000",
    ],
    ["queued = true, backoff = '1s'", "'1s'", "`1s` is not a range of durations", WAITS],
    [
        "queued = true, backoff = 5",
        "5",
        "`backoff` is a range of durations, this is a number",
        WAITS,
    ],
    [
        "queued = true, backoff = '0s..1s'",
        "'0s..1s'",
        "the shortest wait may not be zero: a failing job would run without a pause",
        WAITS,
    ],
    [
        "queued = true, backoff = '2s..1s'",
        "'2s..1s'",
        "the shortest wait comes first, this one is longer than the second",
        WAITS,
    ],
    ["queued = true, backoff = '1s..2'", "'1s..2'", "`2` is not a duration", UNITS],
    [
        "cron = '0 3 * * *'",
        "cron",
        "`cron` needs a queued command",
        "set `queued` to true, or leave it out",
    ],
    [
        "queued = true, every = '5m', cron = '0 3 * * *'",
        "cron",
        "`every` and `cron` do not go together",
        "keep one of the two",
    ],
    [
        "queued = true, every = '500ms'",
        "'500ms'",
        "`every` is at least 1s: a queue is no clock",
        "write \"1s\" or more",
    ],
    [
        "queued = true, lease = '10ms'",
        "'10ms'",
        "`lease` is at least 1s: a pause of the process would cost it its jobs",
        "write \"1s\" or more",
    ],
    [
        "queued = true, done_kept = '0s'",
        "'0s'",
        "`done_kept` is at least 1s: a job that is sent twice would run twice",
        "write \"1s\" or more",
    ],
    [
        "queued = true, cron = '0 3 * *'",
        "'0 3 * *'",
        "`0 3 * *` is not a cron expression: it has 4 fields instead of five",
        FIELDS,
    ],
    [
        "queued = true, cron = '0 0 3 * * *'",
        "'0 0 3 * * *'",
        "`0 0 3 * * *` is not a cron expression: it has 6 fields instead of five",
        "leave the seconds out: minute, hour, day of month, month, day of week; for less than a \
         minute write `every`",
    ],
    [
        "queued = true, cron = '0 0 30 2 *'",
        "'0 0 30 2 *'",
        "`0 0 30 2 *` is not a cron expression: there is never such a time",
        FIELDS,
    ],
    ["queued = true, cron = 3", "3", "`cron` is a cron expression, this is a number", FIELDS],
    [
        "queued = true, cron = '0 3 * * *', timezone = 'Europe/Berln'",
        "'Europe/Berln'",
        "`Europe/Berln` is not a time zone",
        "did you mean `Europe/Berlin`?",
    ],
    [
        "queued = true, cron = '0 3 * * *', timezone = 'home'",
        "'home'",
        "`home` is not a time zone",
        "write a name of the IANA database, like \"Europe/Berlin\"",
    ],
    [
        "queued = true, every = '5m', timezone = 'UTC'",
        "timezone",
        "`timezone` needs `cron`",
        "leave it out: an interval is the same in every zone",
    ],
    [
        "queued = true, missed = 'all'",
        "missed",
        "`missed` needs `every` or `cron`",
        "write one of the two, or leave it out",
    ],
    [
        "queued = true, every = '5m', missed = 'some'",
        "'some'",
        "`some` is not `skip`, `once` or `all`",
        "write `skip`, `once` or `all`, in quotes",
    ],
    [
        "queued = true, on_leave = 'keep'",
        "on_leave",
        "`on_leave` needs a broadcast command",
        "leave it out: a balanced queue belongs to no instance",
    ],
    ["allow = 'a'", "'a'", "`a` is not a list of workers", "write a list: [\"a\"]"],
    [
        "allow = 'anynode'",
        "'anynode'",
        "`anynode` is not a list of workers",
        "write \"anyNode\" for every worker, or a list of names",
    ],
    [
        "allow = true",
        "true",
        "`allow` is a list of workers, this is true or false",
        "write a list of names, [] for nobody, or \"anyNode\"",
    ],
    ["allow = ['a', 'a']", "'a'", "`a` is in the list twice", "remove one of them"],
    [
        "allow = [1979-05-27]",
        "1979-05-27",
        "a list of workers holds names, this is a date or time",
        "write the name of a worker, in quotes",
    ],
    [
        "time-out = '5s'",
        "time-out",
        "`time-out` is not an option of a command",
        "did you mean `timeout`?",
    ],
];

#[test]
fn options_say_what_is_wrong_and_what_to_write() {
    for [options, place, message, help] in OPTION_MISTAKES {
        let expected = ((*place).to_owned(), (*message).to_owned(), (*help).to_owned());
        assert_eq!(option_mistake(options), expected, "{options}");
    }
}

#[test]
fn an_option_without_a_similar_one_is_answered_with_all_of_them() {
    let (place, message, help) = option_mistake("retries = 3");
    assert_eq!(
        (place.as_str(), message.as_str()),
        ("retries", "`retries` is not an option of a command")
    );
    assert!(help.contains("`attempts`") && help.contains("`backoff`"), "{help}");
}

#[test]
fn both_bounds_of_a_backoff_are_reported() {
    let errors = toml_errors("[a._commands._balanced]\nx = { queued = true, backoff = 'x..y' }\n");
    assert_eq!(errors.mistakes.len(), 2);
}

fn toml_errors(source: &str) -> SchemaErrors {
    Schema::from_toml(source).expect_err(source)
}

fn lines(errors: &SchemaErrors) -> Vec<String> {
    errors.mistakes.iter().map(ToString::to_string).collect()
}

#[test]
fn tables_in_the_wrong_place() {
    let source = "\
gateway = 5
[_mash]
[_mesh]
responds = true
timeout = 3
[b]
allow = []
resize = {}
_commands = []
[c._commands]
_balanced = 1
_brodcast = {}
x = {}
[c._commands._broadcast]
y = true
";
    let expected = [
        "1:11: a worker is a table, this is a number (write { } for one that says nothing)",
        "2:2: `_mash` is not a table of the schema (did you mean `_mesh`?)",
        "4:1: `responds` is not a default of the mesh (the other options are said by each command \
         for itself; known here: `timeout`, `run_timeout`, `concurrency`, `backlog`, `attempts`, \
         `backoff`, `lease` or `done_kept`)",
        "5:11: `timeout` is a duration, this is a number (say the unit, in quotes: \"3s\" \
         or \"3ms\")",
        "7:1: `allow` is not a key of a worker (did you mean `_allow`?)",
        "8:1: `resize` is not a key of a worker (a command stands in `_commands`, under \
         `_balanced` or `_broadcast`; known here: `_allow`, `_connect` or `_commands`)",
        "9:13: `_commands` is a table, this is a list (write { } for one that says nothing)",
        "11:13: `_balanced` is a table of commands, this is a number (write { } for one that says \
         nothing)",
        "12:1: `_brodcast` is not a kind of commands (did you mean `_broadcast`?)",
        "13:1: `x` is not a kind of commands (a command stands under `_balanced` or `_broadcast`; \
         known here: `_balanced` or `_broadcast`)",
        "15:5: the command `y` is a table of its options, this is true or false (write { } for \
         one that says nothing)",
    ];
    assert_eq!(lines(&toml_errors(source)), expected);
}

#[test]
fn an_empty_schema_is_a_mistake() {
    for source in ["", "# nothing\n", "[_mesh]\ntimeout = '5s'\n"] {
        let errors = toml_errors(source);
        assert_eq!((errors.mistakes.len(), errors.mistakes[0].line), (1, 1));
        assert_eq!(errors.mistakes[0].message, "this schema has no worker");
    }
}

#[test]
fn several_syntax_mistakes_are_reported_at_once_with_the_others() {
    let source = "[a\n_allow = ['b']\n[c]\n_x = 1\n_allow = nobody\n[d]\n_y = \"open\n[c]\n";
    let errors = toml_errors(source);
    let found: Vec<_> = errors.mistakes.iter().map(|m| (m.line, m.kind)).collect();
    let expected = [
        (1, MistakeKind::Syntax),
        (4, MistakeKind::Unknown),
        (5, MistakeKind::Syntax),
        (7, MistakeKind::Syntax),
        (8, MistakeKind::Duplicate),
    ];
    assert_eq!(found, expected, "{errors}");
}

#[test]
fn json_is_plain_json() {
    let cases = [
        ("{\n \"a\": {},\n}", 3, 1),
        ("{\n \"a\": {} // comment\n}", 2, 10),
        ("{'a': {}}", 1, 2),
        ("{\"a\": {\"_allow\": [\"a\" \"a\"]}}", 1, 23),
        ("{\"a\": {}} x", 1, 11),
        ("{\"a\": {\"_allow\": [", 1, 18),
        ("", 1, 1),
        ("\u{feff}{\"a\": {}}", 1, 1),
    ];
    for (source, line, column) in cases {
        let errors = Schema::from_json(source).unwrap_err();
        let [mistake] = errors.mistakes.as_slice() else {
            panic!("one mistake in {source}: {errors}");
        };
        assert_eq!(mistake.kind, MistakeKind::Syntax, "{source}");
        assert_eq!((mistake.line, mistake.column), (line, column), "{source}: {errors}");
        assert!(mistake.help.is_some());
    }
}

#[test]
fn json_mistakes_have_the_places_of_their_values() {
    let source = "{\n \"a\": {\"_connect\": null, \"_allow\": [\"b\"]},\n \
                  \"\\u0061\": {},\n \
                  \"c\": {\"_commands\": {\"_balanced\": {\"x\": {\"timeout\": 1e3}}}}\n}";
    let errors = Schema::from_json(source).unwrap_err();
    let expected = [
        "2:20: `_connect` is a list of workers, this is null (write a list of names, [] for \
         nobody, or \"anyNode\")",
        "2:37: there is no worker `b` in this schema (did you mean `a`?)",
        "3:2: `a` is there twice (say it once: join the two, or give one another name)",
        "4:53: `timeout` is a duration, this is a number with a point (write a duration, like \
         \"10s\")",
    ];
    assert_eq!(lines(&errors), expected);
    let list = Schema::from_json("[1]").unwrap_err();
    assert_eq!((list.mistakes.len(), list.mistakes[0].kind), (1, MistakeKind::Type));
    let surrogate = Schema::from_json("{\"a\\ud800\": {}}").unwrap_err();
    assert_eq!(
        (surrogate.mistakes[0].kind, surrogate.mistakes[0].column),
        (MistakeKind::Syntax, 2)
    );
}

#[test]
fn a_file_that_is_not_utf8_says_where() {
    let errors = Schema::from_bytes(SchemaFormat::Toml, b"[a]\n# \xe4\n").unwrap_err();
    assert_eq!(lines(&errors), ["2:3: this is not UTF-8 text (save the file as UTF-8)"]);
    assert!(Schema::from_bytes(SchemaFormat::Json, b"{\"a\": {}}").is_ok());
}

#[test]
fn the_report_for_programs() {
    let errors = toml_errors("[a]\n_alow = []\n");
    let json = serde_json::to_value(&errors).unwrap();
    let expected = serde_json::json!({
        "mistakes": [{
            "line": 2, "column": 1, "start": 4, "end": 9, "kind": "unknown",
            "message": "`_alow` is not a key of a worker", "help": "did you mean `_allow`?",
        }],
        "more": 0,
    });
    assert_eq!(json, expected);
}

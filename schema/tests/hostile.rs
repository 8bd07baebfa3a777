//! Hostile schemas, row by row of the list of hostile cases: refused with a place, never a panic.

use meshwork_schema::limits::{COMMANDS_MAX, SCHEMA_BYTES_MAX, WORKERS_MAX};
use meshwork_schema::{Access, Mistake, MistakeKind, Schema};

fn mistakes(source: &str) -> Vec<Mistake> {
    match Schema::from_toml(source) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.mistakes,
    }
}

/// A name as a TOML and JSON string, with every character escaped that needs it.
fn quoted(name: &str) -> String {
    serde_json::to_string(name).expect("text is JSON").replace('\u{7f}', "\\u007f")
}

fn hostile_names() -> Vec<String> {
    let mut names: Vec<String> = [
        "",
        "line\nbreak",
        "\u{1b}[2J",
        "a\u{202e}b",
        "nul\0",
        "..",
        "../x",
        "a/b",
        "a.b",
        "a b",
        "ä",
        "1a",
        "-a",
        "é",
        "a\u{200b}",
        "a\u{7f}",
        "[a]",
        "a\"b",
    ]
    .map(str::to_owned)
    .into();
    names.extend(["a".repeat(65), "a".repeat(1000)]);
    names
}

#[test]
fn row_43_bad_names_of_workers_are_refused_with_their_place() {
    for name in hostile_names().into_iter().chain(["anyNode".to_owned()]) {
        let found = mistakes(&format!("[good]\n[{}]\n", quoted(&name)));
        assert_eq!(found.len(), 1, "{name:?}: {found:?}");
        assert_eq!(found[0].kind, MistakeKind::Name);
        assert_eq!((found[0].line, found[0].column), (2, 2), "{name:?}");
        assert!(!found[0].message.chars().any(char::is_control), "{name:?}");
        assert!(found[0].message.len() < 300, "a long name is cut");
    }
    // A leading underscore is our own word, and so an unknown one.
    for name in ["_", "_x", "__proto__", "_commands"] {
        let found = mistakes(&format!("[good]\n[{name}]\n"));
        assert_eq!((found.len(), found[0].kind, found[0].line), (1, MistakeKind::Unknown, 2));
    }
}

#[test]
fn row_43_bad_names_of_commands_are_refused_with_their_place() {
    for name in hostile_names().into_iter().chain(["_x".to_owned()]) {
        let found = mistakes(&format!("[good._commands._balanced]\n{} = {{}}\n", quoted(&name)));
        assert_eq!(found.len(), 1, "{name:?}: {found:?}");
        assert_eq!(found[0].kind, MistakeKind::Name);
        assert_eq!((found[0].line, found[0].column), (2, 1), "{name:?}");
    }
}

#[test]
fn row_43_bad_names_in_lists_are_refused_with_their_place() {
    for name in hostile_names().into_iter().chain(["_x".to_owned()]) {
        let found = mistakes(&format!("[good]\n_allow = [{}]\n", quoted(&name)));
        assert_eq!(found.len(), 1, "{name:?}: {found:?}");
        assert_eq!(found[0].kind, MistakeKind::Name);
        assert_eq!((found[0].line, found[0].column), (2, 11), "{name:?}");
    }
    let found = mistakes("[good]\n_allow = ['good', 'anyNode']\n");
    assert_eq!((found[0].kind, found[0].column), (MistakeKind::Value, 19));
}

#[test]
fn row_43_a_name_of_a_megabyte_is_refused() {
    let name = "a".repeat(SCHEMA_BYTES_MAX - 10);
    let found = mistakes(&format!("[{name}]"));
    assert_eq!((found.len(), found[0].kind, found[0].column), (1, MistakeKind::Name, 2));
    assert!(found[0].message.len() < 300);
}

#[test]
fn row_43_the_same_names_are_refused_in_json() {
    for name in hostile_names().into_iter().chain(["anyNode".to_owned()]) {
        let source = format!("{{\"good\": {{}},\n {}: {{}}}}", quoted(&name));
        let errors = Schema::from_json(&source).unwrap_err();
        let found = &errors.mistakes;
        assert_eq!((found.len(), found[0].kind), (1, MistakeKind::Name), "{name:?}");
        assert_eq!((found[0].line, found[0].column), (2, 2));
    }
}

#[test]
fn row_44_unknown_workers_are_refused_with_a_similar_name() {
    let found = mistakes("[gateway]\n_connect = ['gatway']\n_allow = ['gateway', 'other']\n");
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|mistake| mistake.kind == MistakeKind::Reference));
    assert_eq!((found[0].line, found[0].column), (2, 13));
    assert_eq!(found[0].help.as_deref(), Some("did you mean `gateway`?"));
    assert_eq!((found[1].line, found[1].column), (3, 22));
    let found = mistakes("[a._commands._balanced]\nx = { allow = ['nobody'] }\n");
    assert_eq!((found[0].kind, found[0].line), (MistakeKind::Reference, 2));
}

#[test]
fn row_44_a_command_is_balanced_or_broadcast() {
    let found = mistakes(
        "[a._commands._broadcast]\nx = {}\ny = {}\n[a._commands._balanced]\nz = {}\nx = {}\n",
    );
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].kind, found[0].line, found[0].column), (MistakeKind::Duplicate, 6, 1));
}

#[test]
fn row_44_a_worker_may_link_to_itself() {
    let schema = Schema::from_toml("[a]\n_allow = ['a']\n_connect = ['a']\n").unwrap();
    assert!(schema.dials("a", "a") && schema.linked("a", "a"));
    let half = Schema::from_toml("[a]\n_connect = ['a']\n").unwrap();
    assert!(!half.linked("a", "a"));
}

#[test]
fn row_44_two_workers_may_dial_each_other() {
    let schema = Schema::from_toml(
        "[a]\n_allow = ['b']\n_connect = ['b']\n[b]\n_allow = ['a']\n_connect = ['a']\n",
    )
    .unwrap();
    assert!(schema.dials("a", "b") && schema.dials("b", "a"));
}

#[test]
fn row_44_a_schema_over_a_mebibyte_is_refused_and_one_of_a_mebibyte_is_not() {
    let fits = format!("[a]\n#{}", " ".repeat(SCHEMA_BYTES_MAX - 5));
    assert_eq!(fits.len(), SCHEMA_BYTES_MAX);
    assert!(Schema::from_toml(&fits).is_ok());
    let found = mistakes(&format!("{fits} "));
    assert_eq!((found.len(), found[0].kind), (1, MistakeKind::Limit));
    let padded = format!("{{\"a\":{{}}}}{}", " ".repeat(SCHEMA_BYTES_MAX));
    assert_eq!(Schema::from_json(&padded).unwrap_err().mistakes[0].kind, MistakeKind::Limit);
}

#[test]
fn row_44_a_schema_whose_canonical_form_is_over_a_mebibyte_is_refused() {
    let worker = |n: usize| {
        let commands: String = (0..4000).map(|c| format!("c{c}={{}}\n")).collect();
        format!("[w{n}._commands._balanced]\n{commands}")
    };
    let workers: String = (0..10).map(worker).collect();
    let plain = Schema::from_toml(&workers).unwrap();
    assert_eq!(Schema::from_json(&plain.canonical_json()).as_ref(), Ok(&plain));
    let found = mistakes(&format!("{workers}[_mesh]\ntimeout = '1h2m3s4ms'\n"));
    assert_eq!((found.len(), found[0].kind), (1, MistakeKind::Limit));
}

#[test]
fn row_44_the_numbers_of_workers_and_commands_are_bounded() {
    let workers = |count: usize| (0..count).map(|n| format!("[w{n}]\n")).collect::<String>();
    assert!(mistakes(&workers(WORKERS_MAX)).is_empty());
    let found = mistakes(&workers(WORKERS_MAX + 3));
    assert_eq!((found.len(), found[0].kind, found[0].line), (1, MistakeKind::Limit, 1025));

    let commands = |count: usize| {
        let commands: String = (0..count).map(|n| format!("c{n} = {{}}\n")).collect();
        format!("[a._commands._broadcast]\nlast = {{}}\n[a._commands._balanced]\n{commands}")
    };
    assert!(mistakes(&commands(COMMANDS_MAX - 1)).is_empty());
    let found = mistakes(&commands(COMMANDS_MAX));
    assert_eq!((found.len(), found[0].kind, found[0].line), (1, MistakeKind::Limit, 4099));
}

#[test]
fn row_45_empty_missing_and_any_node() {
    let schema = Schema::from_toml(
        "[empty]\n_allow = []\n[missing]\n[any]\n_allow = 'anyNode'\n\
         [dialler]\n_connect = 'anyNode'\n",
    )
    .unwrap();
    let allow = |name: &str| schema.worker(name).unwrap().allow.clone();
    assert_eq!(allow("empty"), Access::nobody());
    assert_eq!(allow("missing"), Access::nobody());
    assert_eq!(allow("any"), Access::AnyNode);
    assert!(!schema.linked("dialler", "empty"));
    assert!(!schema.linked("dialler", "missing"));
    assert!(schema.dials("dialler", "any"));
    assert!(!schema.dials("stranger", "any"), "anyNode is every worker of the schema, no other");
}

#[test]
fn deep_nesting_is_refused_without_exhausting_the_stack() {
    for depth in [17, 200_000] {
        let json = format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(Schema::from_json(&json).is_err());
        let json = format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
        assert!(Schema::from_json(&json).is_err());
        let toml = format!("a = {}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(Schema::from_toml(&toml).is_err());
        let toml = format!("[{}]", vec!["a"; depth].join("."));
        assert!(Schema::from_toml(&toml).is_err());
    }
}

#[test]
fn a_file_of_nothing_but_mistakes_is_bounded() {
    let sources = [
        "=\n".repeat(50_000),
        "\"\n".repeat(50_000),
        format!("[a]\n_allow = [{}]", "'b',".repeat(50_000)),
        format!("[a]\n_allow = [{}]", "1,".repeat(50_000)),
        (0..50_000).map(|n| format!("w{n} = 1\n")).collect(),
    ];
    for source in sources {
        let errors = Schema::from_toml(&source).unwrap_err();
        assert!(errors.mistakes.len() <= 100);
        assert!(errors.render("mesh.toml", &source).len() < 100_000);
    }
}

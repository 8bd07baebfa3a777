use crate::Schema;

fn report(source: &str) -> String {
    Schema::from_toml(source).unwrap_err().render("mesh.toml", source)
}

#[test]
fn several_mistakes_with_carets_and_help() {
    let source = "\
[thumbnailer]
_allow = [\"gatway\"]

[thumbnailer._commands._balanced]
resize = { tiemout = \"5s\", attempts = 3 }
[gateway]
_connect = [\"thumbnailer\"
";
    let broken = "\
error: unclosed array
 --> mesh.toml:7:26
  |
7 | _connect = [\"thumbnailer\"
  |                          ^
  = help: TOML expects `]` here
";
    let others = "\
error: `tiemout` is not an option of a command
 --> mesh.toml:5:12
  |
5 | resize = { tiemout = \"5s\", attempts = 3 }
  |            ^^^^^^^
  = help: did you mean `timeout`?

error: `attempts` needs a queued command
 --> mesh.toml:5:28
  |
5 | resize = { tiemout = \"5s\", attempts = 3 }
  |                            ^^^^^^^^
  = help: set `queued` to true, or leave it out
";
    let reference = "\
error: there is no worker `gatway` in this schema
 --> mesh.toml:2:11
  |
2 | _allow = [\"gatway\"]
  |           ^^^^^^^^
  = help: did you mean `gateway`?
";
    // A broken header may be why a worker is missing, so names wait until the text is whole.
    assert_eq!(report(source), format!("{others}\n{broken}\nmesh.toml: 3 mistakes\n"));
    let whole = source.replace("\"thumbnailer\"\n", "\"thumbnailer\"]\n");
    assert_eq!(report(&whole), format!("{reference}\n{others}\nmesh.toml: 3 mistakes\n"));
}

#[test]
fn the_gutter_grows_with_the_line_number() {
    let source = format!("[a]\n{}x = 1\n", "\n".repeat(98));
    let expected = "\
error: `x` is not a key of a worker
   --> mesh.toml:100:1
    |
100 | x = 1
    | ^
    = help: a command stands in `_commands`, under `_balanced` or `_broadcast`; known here: \
`_allow`, `_connect` or `_commands`

mesh.toml: 1 mistake
";
    assert_eq!(report(&source), expected);
}

#[test]
fn a_long_line_is_cut_around_the_place() {
    let names = "\"a\", ".repeat(200);
    let source = format!("[a]\n_allow = [\"b\", {names}]\n_connect = [7]\n");
    let report = report(&source);
    assert!(report.lines().all(|line| line.chars().count() < 115), "{report}");
    assert!(report.contains("\n2 | _allow = [\"b\", \"a\", "), "{report}");
    let caret_under = |line: &str, caret: &str| {
        let at = caret.find('^').unwrap();
        line.get(at..at + 3).map(str::to_owned)
    };
    let lines: Vec<&str> = report.lines().collect();
    let doubled = lines.iter().position(|line| line.contains("in the list twice")).unwrap();
    let (line, caret) = (lines[doubled + 3], lines[doubled + 4]);
    assert_eq!(caret_under(line, caret).as_deref(), Some("\"a\""));
}

#[test]
fn nothing_of_the_file_steers_the_terminal() {
    let source =
        "[a]\n_allow = [\"\u{1b}[2J\u{202e}x\"] # \u{1b}]0;owned\u{7} \u{202e}\n\t\"\u{85}\" = 1";
    let report = Schema::from_toml(source).unwrap_err().render("me\u{1b}sh.toml", source);
    let steering = |c: &char| c.is_control() && *c != '\n' || ('\u{202a}'..='\u{202e}').contains(c);
    assert_eq!(report.chars().find(steering), None, "{report:?}");
}

#[test]
fn a_tab_or_a_wide_text_before_the_place_keeps_the_caret_below_it() {
    let source = "[a]\n\t_alow = []\n'ä' = 1\n";
    let report = report(source);
    assert!(report.contains("2 |  _alow = []\n  |  ^^^^^\n"), "{report}");
    assert!(report.contains("3 | 'ä' = 1\n  | ^^^\n"), "{report}");
}

#[test]
fn a_file_that_is_wrong_throughout_lists_a_hundred() {
    let lines: String = (0..250).map(|n| format!("k{n} = 1\n")).collect();
    let source = format!("[a]\n{lines}");
    let errors = Schema::from_toml(&source).unwrap_err();
    assert_eq!((errors.mistakes.len(), errors.more), (100, 150));
    assert_eq!(errors.mistakes[99].line, 101, "the first hundred by place");
    let report = errors.render("mesh.toml", &source);
    assert!(report.ends_with("mesh.toml: 250 mistakes, the first 100 are shown\n"));
    assert!(errors.to_string().ends_with("\nand 150 more"));
}

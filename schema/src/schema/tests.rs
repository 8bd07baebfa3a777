use super::*;

fn schema(source: &str) -> Schema {
    Schema::from_toml(source).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn a_link_needs_both_ends() {
    let schema = schema(
        "[a]\n_connect = ['b', 'c']\n[b]\n_allow = ['a']\n[c]\n_allow = ['b']\n\
         [d]\n_allow = ['a']\n",
    );
    assert!(schema.dials("a", "b"));
    assert!(!schema.dials("b", "a"), "the dialler is a");
    assert!(schema.linked("a", "b") && schema.linked("b", "a"));
    assert!(!schema.linked("a", "c"), "c does not allow a");
    assert!(!schema.linked("a", "d"), "a does not dial d");
    assert!(!schema.linked("a", "a"));
    assert!(!schema.dials("a", "nobody") && !schema.dials("nobody", "b"));
}

#[test]
fn a_command_may_narrow_who_calls_it() {
    let schema = schema(
        "[x]\n_allow = ['a', 'b']\n[x._commands._balanced]\n\
         open = {}\nnarrow = { allow = ['a'] }\nclosed = { allow = [] }\n\
         any = { allow = 'anyNode' }\n\
         [a]\n_connect = ['x']\n[a._commands._broadcast]\nback = {}\n[b]\n_connect = ['x']\n[c]\n",
    );
    let callers = |command: &str| -> Vec<&str> {
        let all = ["a", "b", "c", "x", "nobody"];
        all.into_iter().filter(|caller| schema.may_call(caller, "x", command)).collect()
    };
    assert_eq!(callers("open"), ["a", "b"]);
    assert_eq!(callers("narrow"), ["a"]);
    assert_eq!(callers("closed"), [""; 0]);
    assert_eq!(callers("any"), ["a", "b"], "no link, no call");
    assert!(schema.may_call("x", "a", "back"), "both ends of a link may call");
    assert!(!schema.may_call("b", "a", "back"));
    assert!(!schema.may_call("a", "x", "back"), "a command of another worker");
    assert!(!schema.may_call("a", "nobody", "open"));
    assert!(schema.may_enqueue("x", "x", "closed") && schema.may_enqueue("a", "x", "open"));
    assert!(!schema.may_enqueue("a", "x", "closed") && !schema.may_enqueue("c", "x", "open"));
}

#[test]
fn workers_and_commands_are_sorted_and_numbered() {
    let schema = schema(
        "[zed]\n[abe]\n[abe._commands._broadcast]\nm = {}\nB = {}\n\
         [abe._commands._balanced]\na = {}\n",
    );
    let names: Vec<&str> = schema.workers().iter().map(|w| w.name.as_str()).collect();
    assert_eq!(names, ["abe", "zed"]);
    let abe = schema.worker("abe").unwrap();
    let names: Vec<&str> = abe.commands.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["B", "a", "m"]);
    for (number, command) in (0..).zip(&abe.commands) {
        assert_eq!(abe.command(command.name.as_str()), Some((number, command)));
        assert_eq!(abe.command_at(number), Some(command));
    }
    assert_eq!((abe.command("b"), abe.command_at(3), schema.worker("ab")), (None, None, None));
}

#[test]
fn internal_words_are_neither_workers_nor_commands() {
    let schema =
        schema("[a]\n_allow = 'anyNode'\n_connect = 'anyNode'\n[a._commands._balanced]\nx = {}\n");
    for word in ["_mesh", "_commands", "__proto__", "constructor", "anyNode", "", "_balanced"] {
        assert_eq!(schema.worker(word), None);
        assert_eq!(schema.workers()[0].command(word), None);
        assert!(!schema.may_call("a", "a", word) && !schema.may_call(word, "a", "x"));
    }
}

use super::*;

#[test]
fn names_at_the_border_of_their_rule() {
    let longest = "a".repeat(NAME_BYTES_MAX);
    for good in ["a", "Z", "thumb-nailer_2", "anynode", "constructor", longest.as_str()] {
        assert_eq!(WorkerName::new(good).unwrap(), good);
        assert_eq!(CommandName::new(good).unwrap(), good);
        assert_eq!(Variant::new(good).unwrap(), good);
    }
    assert!(CommandName::new("anyNode").is_ok(), "only workers stand in lists");
    for good in ["0", "7b9f-x.y_z", "pod-3.svc"] {
        assert_eq!(Variant::new(good).unwrap(), good);
        assert!(WorkerName::new(good).is_err());
    }
}

#[test]
fn every_refusal_says_which_rule_was_broken() {
    let too_long = "a".repeat(NAME_BYTES_MAX + 1);
    assert_eq!(WorkerName::new(""), Err(NameError::Empty));
    assert_eq!(WorkerName::new(&too_long), Err(NameError::TooLong { bytes: 65 }));
    assert_eq!(WorkerName::new("_mesh"), Err(NameError::Underscore));
    assert_eq!(WorkerName::new("9a"), Err(NameError::Start { character: '9' }));
    let at_two = |character| Err(NameError::Character { character, at: 2 });
    assert_eq!(WorkerName::new("ab.c"), at_two('.'));
    assert_eq!(WorkerName::new("ab\u{202e}c"), at_two('\u{202e}'));
    assert_eq!(WorkerName::new("anyNode"), Err(NameError::Reserved));
    assert_eq!(Variant::new(".."), Err(NameError::Start { character: '.' }));
    assert_eq!(Variant::new("-x"), Err(NameError::Start { character: '-' }));
}

#[test]
fn a_refused_character_is_shown_escaped() {
    let shown = WorkerName::new("a\u{1b}[2J").unwrap_err().to_string();
    assert_eq!(shown, r"a name may not contain '\u{1b}'");
}

#[test]
fn serde_checks_the_rule_too() {
    let name: WorkerName = serde_json::from_str("\"gateway\"").unwrap();
    assert_eq!(serde_json::to_string(&name).unwrap(), "\"gateway\"");
    assert!(serde_json::from_str::<WorkerName>("\"../etc\"").is_err());
    assert!(serde_json::from_str::<WorkerName>("7").is_err());
}

#[test]
fn debug_is_quoted_and_display_can_be_padded() {
    let name = Variant::new("pod-3").unwrap();
    assert_eq!(format!("{name:?}|{name:>7}|"), "\"pod-3\"|  pod-3|");
}

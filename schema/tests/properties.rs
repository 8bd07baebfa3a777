//! Properties of every schema and of every text.

mod text;

use meshwork_schema::{Schema, SchemaErrors, SchemaFormat, summary};
use proptest::prelude::*;
use text::{Doc, schema_doc, shuffled};

/// What must hold of any report about a text.
fn check_report(errors: &SchemaErrors, source: &str) {
    assert!(!errors.mistakes.is_empty());
    assert!(errors.mistakes.len() <= 100);
    let lines = source.split('\n').count();
    for mistake in &errors.mistakes {
        assert!(mistake.start <= mistake.end && mistake.end <= source.len(), "{mistake:?}");
        assert!(source.is_char_boundary(mistake.start) && source.is_char_boundary(mistake.end));
        assert!((1..=lines).contains(&mistake.line), "{mistake:?}");
        let line = source.split('\n').nth(mistake.line - 1).unwrap_or_default();
        assert!((1..=line.chars().count() + 1).contains(&mistake.column), "{mistake:?}");
        assert!(!mistake.message.contains('\n'));
    }
    let report = errors.render("mesh.toml", source);
    assert!(report.chars().all(|c| c == '\n' || !c.is_control()));
}

fn check(format: SchemaFormat, bytes: &[u8]) {
    match Schema::from_bytes(format, bytes) {
        Ok(schema) => {
            assert_eq!(Schema::from_json(&schema.canonical_json()), Ok(schema));
        }
        Err(errors) => {
            if let Ok(source) = std::str::from_utf8(bytes) {
                check_report(&errors, source);
            }
        }
    }
}

proptest! {
    #[test]
    fn the_canonical_form_reads_back(doc in schema_doc()) {
        let schema = Schema::from_toml(&doc.toml()).unwrap();
        let canonical = schema.canonical_json();
        let again = Schema::from_json(&canonical).unwrap();
        prop_assert_eq!(&again, &schema);
        prop_assert_eq!(again.canonical_json(), canonical);
        prop_assert_eq!(again.fingerprint(), schema.fingerprint());
    }

    #[test]
    fn order_space_and_format_do_not_change_the_fingerprint(doc in schema_doc(), seed: u64) {
        let schema = Schema::from_toml(&doc.toml()).unwrap();
        let other: Doc = shuffled(&doc, seed);
        for space in ["", " ", "\n\t"] {
            prop_assert_eq!(Schema::from_json(&other.json(space)), Ok(schema.clone()));
        }
        let other = Schema::from_toml(&other.toml()).unwrap();
        prop_assert_eq!(other.fingerprint(), schema.fingerprint());
    }

    #[test]
    fn a_call_needs_a_link_and_a_link_needs_both_ends(doc in schema_doc()) {
        let schema = Schema::from_toml(&doc.toml()).unwrap();
        for a in schema.workers() {
            for b in schema.workers() {
                let (a_name, b_name) = (a.name.as_str(), b.name.as_str());
                let dials = schema.dials(a_name, b_name);
                prop_assert_eq!(dials, a.connect.names(b_name) && b.allow.names(a_name));
                prop_assert_eq!(schema.linked(a_name, b_name), schema.linked(b_name, a_name));
                for command in &b.commands {
                    if schema.may_call(a_name, b_name, command.name.as_str()) {
                        prop_assert!(schema.linked(a_name, b_name) && command.admits(a_name));
                    }
                }
            }
        }
    }

    #[test]
    fn the_summary_fits_and_agrees_with_the_schema(doc in schema_doc()) {
        let schema = Schema::from_toml(&doc.toml()).unwrap();
        let summary = summary(&schema);
        for line in summary.to_string().lines() {
            prop_assert!(line.chars().count() <= 100, "{}", line);
        }
        for row in &summary.commands {
            for worker in schema.workers() {
                let named = row.callers.contains(&worker.name);
                let (callee, command) = (row.worker.as_str(), row.command.as_str());
                prop_assert_eq!(named, schema.may_call(worker.name.as_str(), callee, command));
            }
        }
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check(SchemaFormat::Toml, &bytes);
        check(SchemaFormat::Json, &bytes);
    }

    #[test]
    fn any_text_is_read_without_panic(text in "[\\[\\]{}=:,.\"'#_a-c0-2 \n\r\t\u{202e}é]{0,80}") {
        check(SchemaFormat::Toml, text.as_bytes());
        check(SchemaFormat::Json, text.as_bytes());
    }

    #[test]
    fn a_damaged_schema_is_read_without_panic(
        doc in schema_doc(),
        at: prop::sample::Index,
        removed in 0usize..6,
        inserted in "[\\[\\]{}=:,.\"'#_a-c0-2 \n\u{202e}é]{0,4}",
    ) {
        for (format, source) in
            [(SchemaFormat::Toml, doc.toml()), (SchemaFormat::Json, doc.json(" "))]
        {
            let mut bytes = source.into_bytes();
            let start = at.index(bytes.len());
            let end = (start + removed).min(bytes.len());
            bytes.splice(start..end, inserted.bytes());
            check(format, &bytes);
        }
    }
}

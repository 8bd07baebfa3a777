//! Any text as a schema, in both notations: it is read or refused, never a panic; what was read
//! says the same again through its canonical form.
#![no_main]

use libfuzzer_sys::fuzz_target;
use meshwork_schema::Schema;

fuzz_target!(|text: &str| {
    for read in [Schema::from_toml(text), Schema::from_json(text)] {
        match read {
            Ok(schema) => {
                let canonical = schema.canonical_json();
                let again = Schema::from_json(&canonical).expect("the canonical form is readable");
                assert_eq!(again, schema);
                assert_eq!(again.canonical_json(), canonical);
                assert_eq!(again.fingerprint(), schema.fingerprint());
            }
            // Printing points into the text with line and column.
            Err(errors) => drop(errors.to_string()),
        }
    }
});

//! The bytes of an introduction.

use meshwork_schema::Fingerprint;

use super::*;

fn full() -> Introduction {
    let worker = |name: &str| name.parse().unwrap();
    let long = "w".repeat(64);
    Introduction {
        ticket: vec![1; 296],
        parameters: Parameters {
            frame_bytes_max: Some(4096),
            features: u64::MAX,
            schema: Some(SchemaKnown { number: 7, fingerprint: Fingerprint([8; 32]) }),
            unix_ms: Some(u64::MAX),
            target: Some(Target { worker: worker(&long), variant: Some(long.parse().unwrap()) }),
            codecs: 14,
            joining: Some(Joining { worker: worker(&long), variant: long.parse().unwrap() }),
            authority: Some([9; 32]),
        },
    }
}

/// An introduction without ticket and with these bytes for parameters.
fn with_parameters(bytes: &[u8]) -> Result<Parameters, IntroductionError> {
    let length = (bytes.len() as u16).to_be_bytes();
    let introduction = [&[1, 0, 0][..], &length, bytes].concat();
    Introduction::decode(&introduction).map(|introduction| introduction.parameters)
}

#[test]
fn what_is_written_is_read_back() {
    let any_variant = Target { worker: "w".parse().unwrap(), variant: None };
    let parameters = Parameters { target: Some(any_variant), ..Parameters::default() };
    for introduction in
        [full(), Introduction::default(), Introduction { ticket: Vec::new(), parameters }]
    {
        let bytes = introduction.encode().unwrap();
        assert_eq!(Introduction::decode(&bytes).unwrap(), introduction);
    }
}

#[test]
fn the_longest_introduction_fits_the_second_message() {
    let bytes = full().encode().unwrap();
    assert!(bytes.len() + 32 + 48 + 16 <= 1024, "{}", bytes.len());
}

#[test]
fn a_cut_or_lengthened_introduction_is_refused() {
    let bytes = full().encode().unwrap();
    for end in 0..bytes.len() {
        assert!(Introduction::decode(&bytes[..end]).is_err(), "{end}");
    }
    let longer = [&bytes[..], &[0]].concat();
    assert_eq!(Introduction::decode(&longer), Err(IntroductionError::Truncated));
}

#[test]
fn another_version_is_refused() {
    let mut bytes = full().encode().unwrap();
    bytes[0] = 2;
    assert_eq!(Introduction::decode(&bytes), Err(IntroductionError::Version));
}

#[test]
fn a_ticket_beyond_its_bound_is_refused_at_both_ends() {
    let ticket = [0; 297];
    let bytes = [&[1, 1, 41][..], &ticket, &[0, 0]].concat();
    assert_eq!(Introduction::decode(&bytes), Err(IntroductionError::TooLong));
    assert_eq!(introduction(&ticket).encode(), Err(IntroductionError::TooLong));
}

#[test]
fn unknown_parameters_are_passed_over() {
    let parameters = with_parameters(&[6, 0, 4, 0, 0, 0, 2, 200, 0, 3, 1, 2, 3]).unwrap();
    assert_eq!(parameters, Parameters { codecs: 2, ..Parameters::default() });
}

#[test]
fn doubled_or_unordered_parameters_are_refused() {
    let codecs = [6, 0, 4, 0, 0, 0, 2];
    let unix_ms = [4, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0];
    let refusal = Err(IntroductionError::Order);
    assert_eq!(with_parameters(&[codecs, codecs].concat()), refusal);
    assert_eq!(with_parameters(&[&codecs[..], &unix_ms].concat()), refusal);
    assert_eq!(with_parameters(&[200, 0, 0, 200, 0, 0]), refusal);
    assert!(with_parameters(&[&unix_ms[..], &codecs].concat()).is_ok());
}

#[test]
fn impossible_values_are_refused() {
    let cases: [(&[u8], u8); 10] = [
        (&[1, 0, 4, 0, 0, 0x0F, 0xFF], 1), // a frame below the floor
        (&[1, 0, 3, 1, 0, 0], 1),          // too short
        (&[1, 0, 5, 1, 0, 0, 0, 0], 1),    // too long
        (&[3, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1], 3),
        (&[5, 0, 1, 0], 5),
        (&[5, 0, 2, 0, 0], 5),             // no worker
        (&[5, 0, 4, 2, b'_', b'x', 0], 5), // a reserved name
        (&[5, 0, 4, 2, 0xFF, 0xFE, 0], 5), // no text
        (&[7, 0, 3, 1, b'w', 0], 7),       // no variant
        (&[8, 0, 1, 0], 8),
    ];
    for (bytes, parameter) in cases {
        assert_eq!(
            with_parameters(bytes),
            Err(IntroductionError::Value { parameter }),
            "{bytes:?}"
        );
    }
    let small = Parameters { frame_bytes_max: Some(4095), ..Parameters::default() };
    let small = Introduction { ticket: Vec::new(), parameters: small };
    assert_eq!(small.encode(), Err(IntroductionError::Value { parameter: 1 }));
}

//! Addresses read back, and what is none.

use proptest::prelude::*;

use super::super::{AddressError, HostPort, MasterAddress};

#[test]
fn addresses_read_back_what_they_print() {
    for text in ["master:7070", "10.0.0.1:1", "[fd00::1]:65535", "my_host-1.example.com:80"] {
        assert_eq!(text.parse::<HostPort>().unwrap().to_string(), text);
        let http = format!("http://{text}");
        assert_eq!(http.parse::<MasterAddress>().unwrap().to_string(), http);
    }
    let slash: MasterAddress = "http://master:7071/".parse().unwrap();
    assert_eq!(slash.to_string(), "http://master:7071");
}

#[test]
fn what_is_no_address_says_why() {
    let cases = [
        ("", AddressError::NoPort),
        ("master", AddressError::NoPort),
        ("master:", AddressError::NoPort),
        (":7070", AddressError::Host),
        ("master:0", AddressError::Port),
        ("master:65536", AddressError::Port),
        ("master:+80", AddressError::Port),
        ("::1:7070", AddressError::Brackets),
        ("[::1:7070", AddressError::Brackets),
        ("[nonsense]:7070", AddressError::Host),
        ("a..b:1", AddressError::Host),
        ("a b:1", AddressError::Host),
        ("0.0.0.0:7070", AddressError::Unspecified),
        ("[::]:7070", AddressError::Unspecified),
    ];
    for (text, error) in cases {
        assert_eq!(text.parse::<HostPort>(), Err(error), "{text}");
    }
    let masters = [
        ("https://master:7071", AddressError::Https),
        ("http://master", AddressError::NoPort),
        ("http://master:7071/v1", AddressError::Form),
        ("http://me:pw@master:7071", AddressError::Form),
        ("ws://master:7071", AddressError::Form),
    ];
    for (text, error) in masters {
        assert_eq!(text.parse::<MasterAddress>(), Err(error), "{text}");
    }
}

proptest! {
    #[test]
    fn whatever_is_an_address_reads_back(text in "\\PC{0,40}|[a-z0-9.:\\[\\]]{0,20}:[0-9]{1,5}") {
        if let Ok(address) = text.parse::<MasterAddress>() {
            prop_assert_eq!(address.to_string().parse::<MasterAddress>().unwrap(), address);
        }
    }
}

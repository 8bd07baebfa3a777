//! The configuration of a worker.

use std::time::Duration;

use super::super::{MasterAddress, WorkerConfig};
use super::*;

#[test]
fn what_is_not_set_has_its_default() {
    let config = worker(&[]).unwrap();
    assert_eq!(config.worker.as_ref(), "thumbnailer");
    assert!(matches!(&config.master, MasterAddress::Http(address) if address.port() == 7071));
    let plain =
        WorkerConfig::new(config.worker.clone(), config.master.clone(), config.credentials.clone());
    assert_eq!(format!("{config:?}"), format!("{plain:?}"));
    assert_eq!(config.listen.to_string(), "0.0.0.0:0");
    assert_eq!(config.grace, Duration::from_secs(25));
}

#[test]
fn every_variable_is_taken() {
    let public = authority().public().to_string();
    let config = worker(&[
        ("MESHWORK_VARIANT", "pod-3"),
        ("MESHWORK_LISTEN", "[::1]:9000"),
        ("MESHWORK_HTTP_LISTEN", "0.0.0.0:9090"),
        ("MESHWORK_ADVERTISE", "10.0.0.5:9000, host.example.com:9001"),
        ("MESHWORK_AUTHORITY", &public),
        ("MESHWORK_AUTHORITY_FILE", "authority"),
        ("MESHWORK_STRICT", "true"),
        ("MESHWORK_IDENTITY_FILE", "identity"),
        ("MESHWORK_LANES", "0"),
        ("MESHWORK_GRACE", "1m30s"),
        ("MESHWORK_STRICT_HANDLERS", "true"),
        ("MESHWORK_BLOCKING_CONCURRENCY", "2"),
        ("MESHWORK_LOG", "debug"),
    ])
    .unwrap();
    assert_eq!(config.variant.unwrap().as_ref(), "pod-3");
    assert_eq!(config.listen.to_string(), "[::1]:9000");
    assert_eq!(config.http_listen, Some("0.0.0.0:9090".parse().unwrap()));
    let advertised: Vec<String> = config.advertise.iter().map(ToString::to_string).collect();
    assert_eq!(advertised, ["10.0.0.5:9000", "host.example.com:9001"]);
    assert_eq!(config.authority, Some(authority().public()));
    assert_eq!(config.authority_file, Some("authority".into()));
    assert_eq!(config.identity_file, Some("identity".into()));
    assert!(config.strict && config.strict_handlers);
    assert_eq!((config.lanes, config.blocking_concurrency), (Some(0), Some(2)));
    assert_eq!(config.grace, Duration::from_secs(90));
    assert_eq!(config.log.as_deref(), Some("debug"));
}

#[test]
fn each_wrong_value_says_what_to_write() {
    let cases = [
        ("MESHWORK_WORKER", "_x", "write a worker of the schema"),
        ("MESHWORK_VARIANT", "a b", "write a name"),
        ("MESHWORK_MASTER", "http://10.0.0.1", "write http://host:7071"),
        ("MESHWORK_LISTEN", "localhost:1", "write an IP address and a port"),
        ("MESHWORK_AUTHORITY", "authority1_x", "copy the line authority1_"),
        ("MESHWORK_LANES", "many", "write a whole number from 0 to 1024"),
        ("MESHWORK_BLOCKING_CONCURRENCY", "0", "write a whole number from 1 to 1024"),
        ("MESHWORK_GRACE", "2h", "write a time from \"0s\" to \"1h\""),
        ("MESHWORK_STRICT", "1", "write true or false"),
        ("MESHWORK_LOG", "inof", "write a level"),
        ("MESHWORK_ADVERTISE", "10.0.0.5", "write host:port"),
        ("MESHWORK_ADVERTISE", "10.0.0.5:0", "write host:port"),
        ("MESHWORK_ADVERTISE", "a:1,a:1", "keep one of them"),
        ("MESHWORK_ADVERTISE", "a:1,a:2,a:3,a:4,a:5,a:6,a:7,a:8,a:9", "keep 8 of them"),
    ];
    for (variable, value, help) in cases {
        let mistake = only(worker(&[(variable, value)]));
        assert!(mistake.help.starts_with(help), "{variable}={value}: {mistake}");
        assert_eq!(mistake.origin.as_deref(), Some(variable));
    }
}

#[test]
fn links_and_http_need_a_port_each() {
    let listens = |mesh, http| worker(&[("MESHWORK_LISTEN", mesh), ("MESHWORK_HTTP_LISTEN", http)]);
    let error = listens("127.0.0.1:9000", "0.0.0.0:9000").unwrap_err();
    assert!(error.to_string().contains("takes port 9000"), "{error}");
    for (mesh, http) in [("127.0.0.1:0", "127.0.0.1:0"), ("127.0.0.1:9000", "127.0.0.2:9000")] {
        assert!(listens(mesh, http).is_ok());
    }
}

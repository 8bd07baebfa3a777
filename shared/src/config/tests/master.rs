//! The configuration of a master.

use std::time::Duration;

use super::super::{MasterConfig, MasterSettings, STATE_DIR_DEFAULT, Sources};
use super::*;

#[test]
fn a_secret_is_all_that_is_needed() {
    let config = master(&[]).unwrap();
    assert_eq!(config.secret, secret());
    assert_eq!(config.mesh_listen.to_string(), "0.0.0.0:7070");
    assert_eq!(config.http_listen.to_string(), "127.0.0.1:7071");
    assert_eq!(config.state_dir.to_str(), Some(STATE_DIR_DEFAULT));
    assert_eq!(config.lease, Duration::from_secs(15));
    assert!(config.schema_file.is_none() && config.admin_token.is_none() && !config.open);
    assert!(!config.join_keys_only);
    let without = MasterConfig::load(&Sources::nothing(), &MasterSettings::default());
    assert!(only(without).help.contains("MESHWORK_SECRET_FILE"));
}

#[test]
fn everything_of_a_file_is_taken() {
    let content = format!(
        "[worker]\nvariant = 5 # not this role's: its value is not looked at\n[master]\n\
         schema_file = \"schema.toml\"\nsecret = '{}'\nmesh_listen = \"[::]:0\"\n\
         http_listen = \"127.0.0.1:0\"\nadvertise = [\"mesh.example.com:7070\"]\n\
         state_dir = \"/var/lib/meshwork\"\nadmin_token = \"0123456789abcdefghijklmn\"\n\
         lease = \"1m30s\"\n\
         join_keys_only = true\nopen = true\nlog = \"warn\"\n[limits]\ncalls_in_flight_max = 5\n\
         [limits.handshake]\nhalf_open_max = 9\n",
        secret_text()
    );
    let file = Written::new("meshwork.toml", &content);
    let sources = Sources::nothing().with_file(&file.path);
    let config = MasterConfig::load(&sources, &MasterSettings::default()).unwrap();
    assert_eq!(config.schema_file, Some("schema.toml".into()));
    assert_eq!(config.mesh_listen.to_string(), "[::]:0");
    assert_eq!(config.http_listen.to_string(), "127.0.0.1:0");
    assert_eq!(config.advertise[0].to_string(), "mesh.example.com:7070");
    assert_eq!(config.state_dir.to_str(), Some("/var/lib/meshwork"));
    assert!(config.admin_token.unwrap().equals("0123456789abcdefghijklmn"));
    assert_eq!(config.lease, Duration::from_secs(90));
    assert_eq!((config.open, config.log.as_deref()), (true, Some("warn")));
    assert!(config.join_keys_only);
    assert_eq!(config.limits.calls_in_flight_max, 5);
    assert_eq!(config.limits.handshake.half_open_max, 9);
    assert_eq!(config.limits.handshake.half_open_per_prefix_max, 9);
}

#[test]
fn one_port_is_for_one_listener() {
    let mistake = only(master(&[("MESHWORK_HTTP_LISTEN", "127.0.0.1:7070")]));
    assert!(mistake.wrong.contains("takes port 7070"), "{mistake}");
    let both = [("MESHWORK_HTTP_LISTEN", "127.0.0.1:80"), ("MESHWORK_MESH_LISTEN", "10.0.0.1:80")];
    assert!(master(&both).is_ok());
    let free = [("MESHWORK_HTTP_LISTEN", "0.0.0.0:0"), ("MESHWORK_MESH_LISTEN", "0.0.0.0:0")];
    assert!(master(&free).is_ok());
}

#[test]
fn http_is_open_on_this_machine_only() {
    assert!(master(&[("MESHWORK_OPEN", "true")]).unwrap().open);
    let reachable = [("MESHWORK_OPEN", "true"), ("MESHWORK_HTTP_LISTEN", "0.0.0.0:7071")];
    assert!(only(master(&reachable)).help.contains("listen on 127.0.0.1"));
}

#[test]
fn a_weak_token_is_refused() {
    for weak in ["hunter2", "0123456789 abcdefghijklmn", "0123456789abcdefghijklé"] {
        let mistake = only(master(&[("MESHWORK_ADMIN_TOKEN", weak)]));
        assert!(!mistake.to_string().contains(weak), "{mistake}");
    }
    let file = Written::new("token", "0123456789abcdefghijklmn\n");
    let config = master(&[("MESHWORK_ADMIN_TOKEN_FILE", file.text())]).unwrap();
    assert!(config.admin_token.unwrap().equals("0123456789abcdefghijklmn"));
}

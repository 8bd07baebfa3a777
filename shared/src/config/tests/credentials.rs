//! What a worker is let in with, and how secrets are given.

use super::super::{Credentials, Sources, WorkerConfig, WorkerSettings};
use super::*;

#[test]
fn a_secret_is_given_as_text_or_as_a_file() {
    let file = Written::new("secret", &format!("{}\n", secret_text()));
    let by_file = bare_worker(&[MASTER, WORKER, ("MESHWORK_SECRET_FILE", file.text())]).unwrap();
    let expected = Credentials::Mesh { secret: secret(), previous: None };
    assert_eq!(by_file.credentials, expected);
    assert_eq!(worker(&[]).unwrap().credentials, expected);
}

#[test]
fn a_join_key_tells_the_worker() {
    let key = join_key("thumbnailer");
    let text = key.expose_text();
    let config = bare_worker(&[MASTER, ("MESHWORK_JOIN_KEY", &text)]).unwrap();
    assert_eq!(config.worker.as_ref(), "thumbnailer");
    assert_eq!(config.credentials, Credentials::Join(key));
    let other = [MASTER, ("MESHWORK_JOIN_KEY", &*text), ("MESHWORK_WORKER", "gateway")];
    let mistake = only(bare_worker(&other));
    assert_eq!(mistake.wrong, "`worker` is `gateway`, but the join key is for `thumbnailer`");
    assert_eq!(mistake.help, "make a key with `meshwork keygen join gateway`");
}

#[test]
fn a_join_key_and_a_pinned_authority_are_of_one_master() {
    let text = join_key("thumbnailer").expose_text();
    let same = authority().public().to_string();
    let with = |authority: &str| {
        let key = ("MESHWORK_JOIN_KEY", text.as_str());
        bare_worker(&[MASTER, key, ("MESHWORK_AUTHORITY", authority)])
    };
    assert_eq!(with(&same).unwrap().authority, Some(authority().public()));
    let other = AuthorityKey::generate(&Random::seeded(3)).public().to_string();
    assert!(only(with(&other)).wrong.contains("another master"));
}

#[test]
fn one_credential_in_one_place() {
    let text = join_key("thumbnailer").expose_text();
    let mistake = only(worker(&[("MESHWORK_JOIN_KEY", &text)]));
    assert_eq!(mistake.wrong, "`secret` is set, and so is `join_key` (MESHWORK_JOIN_KEY)");
    let none = bare_worker(&[MASTER, WORKER]);
    assert!(only(none).help.contains("MESHWORK_JOIN_KEY_FILE"));
}

#[test]
fn a_later_place_replaces_the_credential_of_an_earlier_one() {
    let content = format!(
        "[worker]\nsecret = \"{0}\"\nsecret_previous = \"{0}\"\nmaster = \"m:1\"\n",
        secret_text()
    );
    let file = Written::new("meshwork.toml", &content);
    let key = join_key("thumbnailer");
    let text = key.expose_text();
    let sources =
        Sources::from_environment([("MESHWORK_JOIN_KEY", text.as_str())]).with_file(&file.path);
    let config = WorkerConfig::load(&sources, &WorkerSettings::default()).unwrap();
    assert_eq!(config.credentials, Credentials::Join(key));
    let in_code = WorkerSettings {
        worker: Some("gateway".into()),
        secret: Some(secret_text().into()),
        ..Default::default()
    };
    let config = WorkerConfig::load(&sources, &in_code).unwrap();
    assert!(matches!(config.credentials, Credentials::Mesh { .. }));
}

#[test]
fn the_previous_secret_is_of_the_same_mesh() {
    let rotated = secret().generate_rotated(&Random::seeded(4)).expose_text();
    let config = worker(&[("MESHWORK_SECRET_PREVIOUS", &rotated)]).unwrap();
    let Credentials::Mesh { previous: Some(previous), .. } = config.credentials else {
        panic!("a previous secret");
    };
    assert_eq!(previous.expose_text(), rotated);
    let other = MeshSecret::generate(&Random::seeded(5)).expose_text();
    let mistake = only(worker(&[("MESHWORK_SECRET_PREVIOUS", &other)]));
    assert!(mistake.wrong.starts_with("`secret_previous` is the secret of another mesh"));
    let key = join_key("thumbnailer").expose_text();
    let both = [MASTER, ("MESHWORK_JOIN_KEY", &*key), ("MESHWORK_SECRET_PREVIOUS", &*rotated)];
    assert_eq!(only(bare_worker(&both)).help, "remove it");
}

#[test]
fn a_key_in_the_wrong_place_says_where_it_belongs() {
    let key = join_key("thumbnailer").expose_text();
    let swapped = bare_worker(&[MASTER, WORKER, ("MESHWORK_SECRET", &key)]);
    assert_eq!(only(swapped).help, "give it as `join_key`");
    let text = secret_text();
    let swapped = bare_worker(&[MASTER, WORKER, ("MESHWORK_JOIN_KEY", &text)]);
    assert!(only(swapped).help.starts_with("give it as `secret`"));
    let weak = bare_worker(&[MASTER, WORKER, ("MESHWORK_SECRET", "correct horse")]);
    assert!(only(weak).help.contains("`meshwork keygen`"));
}

#[test]
#[cfg(unix)]
fn a_secret_that_others_may_read_is_refused() {
    let file = Written::with_mode("secret", &secret_text(), 0o644);
    let mistake = only(bare_worker(&[MASTER, WORKER, ("MESHWORK_SECRET_FILE", file.text())]));
    assert!(mistake.wrong.contains("0644"), "{mistake}");
    assert!(mistake.help.contains("chmod 600"), "{mistake}");
    let inline = format!("[worker]\nsecret = \"{}\"\n", secret_text());
    let file = Written::with_mode("meshwork.toml", &inline, 0o644);
    let sources = Sources::from_environment([MASTER, WORKER]).with_file(&file.path);
    let mistake = only(WorkerConfig::load(&sources, &WorkerSettings::default()));
    assert_eq!(mistake.origin, Some(format!("{}, line 2", file.text())));
    assert!(mistake.wrong.contains("0644"), "{mistake}");
    // Without a secret in it, anybody may read it.
    let file = Written::with_mode("meshwork.toml", "[worker]\nvariant = \"a\"\n", 0o644);
    let secret = secret_text();
    let variables = [MASTER, WORKER, ("MESHWORK_SECRET", secret.as_str())];
    let sources = Sources::from_environment(variables).with_file(&file.path);
    assert!(WorkerConfig::load(&sources, &WorkerSettings::default()).is_ok());
}

#[test]
fn strict_needs_something_to_trust() {
    let strict = ("MESHWORK_STRICT", "true");
    assert!(only(worker(&[strict])).wrong.contains("nothing says which master"));
    let public = authority().public().to_string();
    assert!(worker(&[strict, ("MESHWORK_AUTHORITY", &public)]).unwrap().strict);
    let seen = Written::new("authority", &public);
    assert!(worker(&[strict, ("MESHWORK_AUTHORITY_FILE", seen.text())]).is_ok());
    assert!(worker(&[strict, ("MESHWORK_AUTHORITY_FILE", "/nowhere/authority")]).is_err());
    let key = join_key("thumbnailer").expose_text();
    assert!(bare_worker(&[MASTER, strict, ("MESHWORK_JOIN_KEY", &key)]).is_ok());
}

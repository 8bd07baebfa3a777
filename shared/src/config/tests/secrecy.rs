//! No report and no Debug shows a secret, wherever it was put.

use super::super::key::Key;
use super::super::{MasterConfig, MasterSettings, SecretText, Sources};
use super::super::{WorkerConfig, WorkerSettings};
use super::*;

const TOKEN: &str = "tokentokentokentokentoken";

/// Neither the key nor a piece of its middle.
fn assert_hidden(what: &str, secret: &str) {
    let middle = &secret[secret.len() / 4..secret.len() * 3 / 4];
    assert!(!what.contains(middle), "{what}");
}

fn reports(sources: &Sources) -> String {
    let worker = WorkerConfig::load(sources, &WorkerSettings::default());
    let master = MasterConfig::load(sources, &MasterSettings::default());
    let errors = [worker.as_ref().err(), master.as_ref().err()];
    let texts: Vec<String> = errors.into_iter().flatten().map(ToString::to_string).collect();
    format!("{sources:?} {worker:?} {master:?} {texts:?}")
}

#[test]
fn a_key_as_the_value_of_any_setting_is_not_shown() {
    for secret in [secret_text(), join_key("thumbnailer").expose_text().to_string()] {
        for key in Key::all() {
            let sources = Sources::from_environment([(key.variable(), secret.clone())]);
            assert_hidden(&reports(&sources), &secret);
            let content = format!("[{}]\n{} = \"{secret}\"\n", key.section.name(), key.name);
            let file = Written::with_mode("meshwork.toml", &content, 0o644);
            assert_hidden(&reports(&Sources::nothing().with_file(&file.path)), &secret);
        }
    }
}

#[test]
fn a_secret_in_a_broken_file_is_not_shown() {
    let secret = secret_text();
    let broken = [
        format!("[worker]\nsecret = {secret}\n"),
        format!("[worker]\nsecret = \"{secret}\n"),
        format!("[worker]\nsecret \"{secret}\"\n"),
        format!("{secret}\n"),
        format!("[{secret}]\nx = 1\n"),
        format!("[worker]\n{secret} = 1\n"),
        format!("[worker]\nsecret = [\"{secret}\"]\nlog = {{ a = \"{secret}\" }}\n"),
        format!("[worker]\nsecrets = \"{secret}\"\nsecret = \"{secret}\"\nsecret = 1\n"),
    ];
    for content in broken {
        let file = Written::new("meshwork.toml", &content);
        let reports = reports(&Sources::nothing().with_file(&file.path));
        assert!(reports.contains("line"), "{reports}");
        assert_hidden(&reports, &secret);
    }
}

#[test]
fn tokens_and_settings_in_code_are_not_shown() {
    let variables = [("MESHWORK_ADMIN_TOKEN", TOKEN), ("MESHWORK_SECRET", TOKEN)];
    assert_hidden(&reports(&Sources::from_environment(variables)), TOKEN);
    let settings = WorkerSettings {
        secret: Some(TOKEN.into()),
        join_key: Some(SecretText::from(TOKEN.to_owned())),
        secret_previous: Some(TOKEN.into()),
        ..Default::default()
    };
    let error = WorkerConfig::load(&Sources::nothing(), &settings).unwrap_err();
    assert_hidden(&format!("{settings:?} {error} {error:?}"), TOKEN);
    let config = master(&[("MESHWORK_ADMIN_TOKEN", TOKEN)]).unwrap();
    assert_hidden(&format!("{config:?}"), TOKEN);
}

#[test]
fn every_setting_that_holds_a_key_is_known_as_one() {
    let secrets: Vec<&str> = Key::all().filter(|key| key.is_secret).map(|key| key.name).collect();
    let expected =
        ["secret", "secret_previous", "join_key", "secret", "secret_previous", "admin_token"];
    assert_eq!(secrets, expected);
}

//! Which source wins, and what a source may not say.

use std::time::Duration;

use proptest::prelude::*;

use super::super::environment::is_service_link;
use super::super::key::Key;
use super::super::{FILE_BYTES_MAX, Sources, WorkerConfig, WorkerSettings};
use super::*;

fn load(file: &Written, variables: &[(&str, &str)]) -> Result<WorkerConfig, ConfigError> {
    let sources = Sources::from_environment(variables.iter().copied()).with_file(&file.path);
    WorkerConfig::load(&sources, &WorkerSettings::default())
}

/// A file that is complete but for what a test adds to its section `worker`.
fn file(more: &str) -> Written {
    let secret = secret_text();
    let worker = "[worker]\nworker = \"thumbnailer\"\nmaster = \"m:1\"\n";
    Written::new("meshwork.toml", &format!("{worker}secret = \"{secret}\"\n{more}"))
}

#[test]
fn code_wins_over_environment_over_file_over_default() {
    let grace = |config: WorkerConfig| config.grace.as_secs();
    assert_eq!(grace(load(&file(""), &[]).unwrap()), 25);
    let file = file("grace = \"1s\"\n[limits]\ncalls_in_flight_max = 7\nping_after = \"1s\"\n");
    assert_eq!(grace(load(&file, &[]).unwrap()), 1);
    let variables = [
        ("MESHWORK_GRACE", "2s"),
        ("MESHWORK_LIMITS__CALLS_IN_FLIGHT_MAX", "8"),
        ("MESHWORK_LISTEN", ""),
    ];
    assert_eq!(grace(load(&file, &variables).unwrap()), 2);
    let sources = Sources::from_environment(variables).with_file(&file.path);
    let mut in_code =
        WorkerSettings { grace: Some(Duration::from_micros(2_500_001)), ..Default::default() };
    in_code.limits.handshake.half_open_max = Some(3);
    let config = WorkerConfig::load(&sources, &in_code).unwrap();
    assert_eq!(config.grace, Duration::from_millis(2501));
    assert_eq!(config.limits.calls_in_flight_max, 8);
    assert_eq!(config.limits.ping_after, Duration::from_secs(1));
    assert_eq!(config.limits.handshake.half_open_max, 3);
}

#[test]
fn the_file_of_the_command_line_wins_over_that_of_the_environment() {
    let (one, two) = (file("variant = \"one\"\n"), file("variant = \"two\"\n"));
    let sources = Sources::from_environment([("MESHWORK_CONFIG", one.text())]);
    let variant = |sources: &Sources| {
        WorkerConfig::load(sources, &WorkerSettings::default()).unwrap().variant.unwrap()
    };
    assert_eq!(variant(&sources).as_ref(), "one");
    let sources = sources.with_file(&two.path);
    assert_eq!(variant(&sources).as_ref(), "two");
    assert_eq!(sources.file(), Some(two.path.as_path()));
}

#[test]
fn all_mistakes_come_at_once_with_their_places() {
    let content = "secret = 1\n[worker]\nadvertize = []\nlease = \"1s\"\nvariant = 3\n\
                   [master]\nhtp_listen = \"x\"\n[limit]\n";
    let file = Written::new("meshwork.toml", content);
    let variables = [("MESHWORK_GRACE", "25"), ("MESHWORK_LISTN", "0.0.0.0:1"), ("PATH", "/bin")];
    let error = load(&file, &variables).unwrap_err();
    let expected = "\
10 mistakes in the configuration:
  FILE, line 1: `secret` stands outside of a section
      write it under [worker] or [master]
  FILE, line 3: there is no setting `advertize` in [worker]
      did you mean `advertise`?
  FILE, line 4: there is no setting `lease` in [worker]
      it belongs under [master]
  FILE, line 7: there is no setting `htp_listen` in [master]
      did you mean `http_listen`?
  FILE, line 8: there is no section `limit`
      did you mean [limits]?
  environment: there is no setting `MESHWORK_LISTN`
      did you mean MESHWORK_LISTEN?
  no credentials: neither a join key nor the mesh secret is set
      set MESHWORK_JOIN_KEY_FILE (`meshwork keygen join WORKER` makes one) or \
MESHWORK_SECRET_FILE (`meshwork keygen`), or the same under [worker]
  `worker` is not set
      write worker = \"thumbnailer\" under [worker], or set MESHWORK_WORKER
  `master` is not set
      write master = \"http://host:7071\" under [worker], or set MESHWORK_MASTER
  FILE, line 5: `variant` is a number, but a text is needed
      write it in double quotes
  MESHWORK_GRACE: `grace` is `25`, which is no duration
      write a time from \"0s\" to \"1h\", as in \"30s\" (ms, s, m, h)";
    let expected = expected.replacen("10 mistakes", "11 mistakes", 1);
    assert_eq!(error.to_string().replace(file.text(), "FILE"), expected);
}

#[test]
fn mistakes_in_code_say_so() {
    let settings = WorkerSettings { listen: Some("here".into()), ..Default::default() };
    let secret = secret_text();
    let variables = [MASTER, WORKER, ("MESHWORK_SECRET", secret.as_str())];
    let sources = Sources::from_environment(variables);
    let mistake = only(WorkerConfig::load(&sources, &settings));
    assert_eq!(mistake.origin.as_deref(), Some("set in code"));
    let sources = sources.with_code_called("command line");
    let mistake = only(WorkerConfig::load(&sources, &settings));
    assert_eq!(mistake.origin.as_deref(), Some("command line"));
}

#[test]
fn values_of_the_wrong_sort_are_refused_where_they_stand() {
    let cases = [
        ("strict = \"yes\"", "`strict` is `yes`, which is neither true nor false"),
        ("strict = 1", "`strict` is a number, which is neither true nor false"),
        ("lanes = -1", "`lanes` is -1, which is no such number"),
        ("lanes = 1.5", "`lanes` is a number with a point or too large, which is no such number"),
        ("grace = 25", "`grace` is a number without a unit"),
        ("grace = 99999999999999999999", "not TOML: "),
        ("grace = 1979-05-27", "`grace` is a table or a time of day"),
        ("listen = { port = 1 }", "`listen` is a table or a time of day"),
        ("listen = true", "`listen` is true or false, but a text is needed"),
        ("advertise = 5", "`advertise` is a number, but a list of texts is needed"),
        ("advertise = [\"a:1\", 5]", "`advertise` is a list, but a list of texts is needed"),
        ("identity_file = \"\"", "`identity_file` is empty"),
        ("[limits]\nhandshake = 1", "`limits.handshake` is a section, not a setting"),
        ("[limits.handshake]\nhalf_open = 1", "there is no setting `half_open`"),
    ];
    for (line, wrong) in cases {
        let error = load(&file(&format!("{line}\n")), &[]).unwrap_err();
        let mistake = &error.mistakes[0];
        assert!(mistake.wrong.starts_with(wrong) || wrong == "not TOML: ", "{line}: {mistake}");
        let origin = mistake.origin.as_deref().unwrap();
        let expected = if line.contains('\n') { "line 6" } else { "line 5" };
        assert!(origin.ends_with(expected), "{line}: {origin}");
    }
    let section = Written::new("meshwork.toml", "worker = 1\n");
    let error = load(&section, &[]).unwrap_err();
    assert_eq!(error.mistakes[0].help, "write [worker] on a line of its own");
}

#[test]
fn a_file_that_cannot_be_read_says_so() {
    let check = |file: &std::path::Path, wrong: &str| {
        let sources = Sources::nothing().with_file(file);
        let error = WorkerConfig::load(&sources, &WorkerSettings::default()).unwrap_err();
        assert!(error.mistakes[0].wrong.contains(wrong), "{error}");
        assert_eq!(error.mistakes[0].origin.as_deref(), file.to_str());
    };
    let folder = tempfile::tempdir().unwrap();
    check(&folder.path().join("none.toml"), "cannot read it");
    check(folder.path(), "it is not a file");
    let large = Written::new("large.toml", &"#\n".repeat(FILE_BYTES_MAX as usize / 2 + 1));
    check(&large.path, "more than 65536 bytes");
    std::fs::write(folder.path().join("binary.toml"), [0xff, 0xfe]).unwrap();
    check(&folder.path().join("binary.toml"), "not UTF-8");
}

#[test]
fn variables_of_others_are_no_mistakes() {
    let set = [
        ("MESHWORK_MASTER_SERVICE_HOST", "10.3.0.1"),
        ("MESHWORK_MASTER_SERVICE_PORT_HTTP", "7071"),
        ("MESHWORK_MASTER_PORT", "tcp://10.3.0.1:7070"),
        ("MESHWORK_MASTER_PORT_7070_TCP_ADDR", "10.3.0.1"),
        ("MESHWORK_SERVICE_HOST", "10.3.0.1"),
        ("MESHWORK_LEASE", "of the master, not looked at"),
        ("OTHER_SECRET", "x"),
    ];
    assert!(worker(&set).is_ok());
    assert!(Key::all().all(|key| !is_service_link(&key.variable())));
}

#[test]
fn misspelt_variables_are_mistakes() {
    let cases = [
        ("MESHWORK_MASTR", "did you mean MESHWORK_MASTER?"),
        ("MESHWORK_strict", "did you mean MESHWORK_STRICT?"),
        ("MESHWORK_WORKER__SECRET", "did you mean MESHWORK_SECRET?"),
        ("MESHWORK_MESSAGE_BYTES_MAX", "did you mean MESHWORK_LIMITS__MESSAGE_BYTES_MAX?"),
        ("MESHWORK_WHATEVER_ELSE", "unset it"),
    ];
    for (name, help) in cases {
        let mistake = only(worker(&[(name, "1")]));
        assert!(mistake.help.starts_with(help), "{name}: {mistake}");
    }
}

#[test]
#[cfg(unix)]
fn what_is_not_utf_8_is_a_mistake_not_a_panic() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;
    let odd = OsString::from_vec(vec![b'x', 0xff]);
    let pairs = [("MESHWORK_GRACE".into(), odd.clone()), (odd.clone(), odd.clone())];
    let sources = Sources::from_environment(pairs);
    let in_code = WorkerSettings { identity_file: Some(odd.into()), ..Default::default() };
    let error = WorkerConfig::load(&sources, &in_code).unwrap_err();
    let wrong: Vec<&str> = error.mistakes.iter().map(|mistake| mistake.wrong.as_str()).collect();
    assert_eq!(
        wrong[..2],
        ["its value is not UTF-8", "`identity_file` is a path that is not UTF-8"]
    );
}

#[test]
fn a_report_has_an_end() {
    let content: String = (0..300).map(|n| format!("nonsense{n} = 1\n")).collect();
    let error = load(&Written::new("meshwork.toml", &content), &[]).unwrap_err();
    assert_eq!((error.mistakes.len(), error.left_out), (100, 203));
    assert!(error.to_string().ends_with("and 203 more"));
}

proptest! {
    #[test]
    fn no_file_makes_it_panic(
        content in "(\\[(worker|limits|limits.handshake|x)\\]\n\
                    |[a-z_]{1,9} ?= ?[\\PC]{0,12}\n\
                    |\\PC{0,9}\n){0,8}"
    ) {
        let file = Written::new("meshwork.toml", &content);
        prop_assert!(load(&file, &[]).is_err());
    }

    #[test]
    fn no_value_makes_it_panic(index in 0..Key::all().count(), value in "\\PC{0,24}") {
        let key = Key::all().nth(index).expect("within the count");
        if let Err(error) = worker(&[(&key.variable(), &value)]) {
            prop_assert!(!error.mistakes.is_empty());
        }
    }
}

use meshwork_shared::secret::CalleeKey;

use super::*;

const SCHEMA: &str = r#"
    [thumbnailer]
    _allow = ["gateway", "rival"]
    [thumbnailer._commands._balanced]
    resize = { queued = true }
    erase = { queued = true, allow = ["rival"] }
    ping = {}
    [gateway]
    _connect = ["thumbnailer", "printer"]
    [rival]
    _connect = ["thumbnailer"]
    [printer]
    [printer._commands._balanced]
    print = { queued = true }
"#;

fn roots() -> QueueRoots {
    QueueRoots::new(MeshId([1; 16]), vec![QueueRoot::generate(1000, &Random::seeded(1))])
}

fn worker(name: &str) -> WorkerName {
    name.parse().unwrap()
}

fn granted(roots: &mut QueueRoots, name: &str) -> (bool, Vec<String>) {
    let schema = Schema::from_toml(SCHEMA).unwrap();
    let keys = &roots.keys_of(&worker(name), &schema)[0];
    let grants = keys.callees.iter().flat_map(|callee| {
        callee.commands.iter().map(|grant| format!("{}.{}", callee.worker, grant.command))
    });
    (keys.own.is_some(), grants.collect())
}

fn rotate(roots: &mut QueueRoots, unix_ms: u64) -> Result<u64, RotateError> {
    let new = roots.rotated(unix_ms, &Random::seeded(unix_ms))?;
    roots.set(new);
    Ok(roots.status().epoch)
}

#[test]
fn a_worker_gets_the_keys_that_the_schema_gives_it_and_no_other() {
    let roots = &mut roots();
    assert_eq!(granted(roots, "gateway"), (false, vec!["thumbnailer.resize".to_owned()]));
    let both = ["thumbnailer.erase", "thumbnailer.resize"].map(str::to_owned).to_vec();
    assert_eq!(granted(roots, "rival"), (false, both));
    assert_eq!(granted(roots, "thumbnailer"), (true, Vec::new()));
    // Nobody may link to the printer, whoever wants to.
    assert_eq!(granted(roots, "printer"), (true, Vec::new()));
}

#[test]
fn epochs_only_grow_and_the_oldest_are_bounded() {
    let roots = &mut roots();
    assert_eq!(rotate(roots, 5000).unwrap(), 5000);
    // The clock stands still, or goes back.
    assert_eq!(rotate(roots, 5000).unwrap(), 5001);
    assert_eq!(rotate(roots, 10).unwrap(), 5002);
    for epoch in 5003..5003 + QUEUE_ROOTS_MAX as u64 - 4 {
        assert_eq!(rotate(roots, 10).unwrap(), epoch);
    }
    assert_eq!(roots.status().kept.len(), QUEUE_ROOTS_MAX);
    let refused = rotate(roots, 6000).unwrap_err();
    assert!(matches!(refused, RotateError::Full { limit: QUEUE_ROOTS_MAX }), "{refused}");
    roots.set(roots.newest());
    assert_eq!(roots.status().kept.len(), 1);
    assert!(rotate(roots, 6000).is_ok());
}

#[test]
fn a_root_is_forgotten_ninety_days_after_the_next_was_made() {
    let (roots, kept_ms) = (&mut roots(), KEPT_FOR.as_millis() as u64);
    // The only one, and the newest, are kept however old they are.
    assert_eq!(roots.without_aged(u64::MAX), None);
    rotate(roots, 5000).unwrap();
    rotate(roots, 6000).unwrap();
    assert_eq!(roots.without_aged(4999 + kept_ms), None);
    let epochs = |roots: Vec<QueueRoot>| roots.iter().map(QueueRoot::epoch).collect::<Vec<_>>();
    assert_eq!(roots.without_aged(5000 + kept_ms).map(epochs), Some(vec![5000, 6000]));
    assert_eq!(roots.without_aged(u64::MAX).map(epochs), Some(vec![6000]));
    // A rotation makes room of them.
    assert_eq!(rotate(roots, 6000 + kept_ms).unwrap(), 6000 + kept_ms);
    assert_eq!(roots.status().kept, [6000, 6000 + kept_ms]);
}

#[test]
fn the_keys_follow_the_schema_and_the_roots() {
    let roots = &mut roots();
    let schema = Schema::from_toml(SCHEMA).unwrap();
    let before = roots.keys_of(&worker("gateway"), &schema).to_vec();
    assert_eq!(roots.keys_of(&worker("gateway"), &schema), before);
    rotate(roots, 5000).unwrap();
    let after = roots.keys_of(&worker("gateway"), &schema).to_vec();
    assert_eq!(after.iter().map(|keys| keys.epoch).collect::<Vec<_>>(), [5000, 1000]);
    assert!(after.iter().all(|keys| keys.kept == [1000, 5000]));
    // The old epoch's keys are what they were.
    assert_eq!(after[1].callees, before[0].callees);
    assert_ne!(after[0].callees, before[0].callees);
    let wider = Schema::from_toml(&SCHEMA.replace(r#", allow = ["rival"]"#, "")).unwrap();
    roots.schema_changed();
    let wider = roots.keys_of(&worker("gateway"), &wider);
    assert_eq!(wider[0].callees[0].commands.len(), 2);
}

#[test]
fn what_the_caller_is_given_derives_from_what_the_callee_is() {
    let roots = &mut roots();
    let schema = Schema::from_toml(SCHEMA).unwrap();
    let own = roots.keys_of(&worker("thumbnailer"), &schema)[0].own.clone().unwrap();
    let own = CalleeKey::from_bytes(*own.expose());
    let given = &roots.keys_of(&worker("rival"), &schema)[0].callees[0].commands;
    for grant in given {
        let derived = own.pair_key(&worker("rival"), &grant.command);
        assert_eq!(derived.expose_bytes(), grant.key.expose());
    }
    assert_eq!(given.len(), 2);
}

#[test]
fn row_50_roots_are_not_printed() {
    let roots = &mut roots();
    let schema = Schema::from_toml(SCHEMA).unwrap();
    let secret = roots.keys_of(&worker("thumbnailer"), &schema)[0].own.clone().unwrap();
    let text = roots.newest()[0].expose_text();
    let printed = format!("{roots:?} {:?} {:?}", roots.newest(), roots.status());
    let encoded = serde_json::to_string(&secret).unwrap();
    assert!(!printed.contains(encoded.trim_matches('"')) && !printed.contains(text.as_str()));
}

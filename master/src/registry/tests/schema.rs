//! Another schema is loaded, or the same one again.

use meshwork_shared::protocol::RemovalReason;

use super::*;

/// The gateway may not dial any more, `loner` is gone, and cells meet thumbnailers.
const OTHER: &str = r#"
    [gateway]
    [thumbnailer]
    _allow = ["cell"]
    [cell]
    _allow = ["cell"]
    _connect = ["cell", "thumbnailer"]
"#;

#[test]
fn a_schema_with_an_unchanged_fingerprint_keeps_its_number() {
    let mut mesh = Mesh::new();
    mesh.admit(&Process::new(1, "cell", "x"));
    let (_, number, _) = mesh.registry.schema();
    mesh.log.clear();
    mesh.handle(Event::SchemaChanged(schema(SCHEMA)));
    assert_eq!(mesh.registry.schema().1, number);
    assert_eq!(mesh.log, []);
    mesh.restart_master(true, 60_000);
    assert_eq!(mesh.registry.schema().1, number, "also over a restart");
}

#[test]
fn a_number_proven_by_a_worker_is_kept_without_a_state_directory() {
    for back_ms in [0, 60_000] {
        let mut mesh = Mesh::new();
        let before = mesh.admit(&Process::new(1, "cell", "x"));
        let (_, number, fingerprint) = mesh.registry.schema();
        let mut returning = Process::new(1, "cell", "x");
        returning.ticket = mesh.tickets.get(&before).cloned();
        returning.schema = Some(KnownSchema { number, fingerprint, signature: None });
        returning.proven_schema = Some(number);
        mesh.restart_master(false, back_ms);
        assert_ne!(mesh.registry.schema().1, number);
        let session = mesh.admit(&returning);
        assert_eq!(mesh.registry.schema().1, number, "clock {back_ms} ms back");
        assert!(mesh.welcomes[&session].schema_known);
    }
}

#[test]
fn a_number_once_told_never_goes_back() {
    let mut mesh = Mesh::new();
    let (_, number, _) = mesh.registry.schema();
    mesh.restart_master(false, 0);
    mesh.admit(&Process::new(2, "cell", "first"));
    let told = mesh.registry.schema().1;
    let mut late = Process::new(1, "cell", "x");
    late.proven_schema = Some(number);
    mesh.admit(&late);
    assert_eq!(mesh.registry.schema().1, told);
}

/// The ticket of a worker does not name the schema that came after it: only the worker does.
#[test]
fn a_master_restored_from_before_a_schema_gives_its_own_a_higher_number_than_that_had() {
    let mut mesh = Mesh::new();
    let mut returning = Process::new(1, "cell", "x");
    let before = mesh.admit(&returning);
    returning.ticket = mesh.tickets.get(&before).cloned();
    let copy = mesh.durable.clone();
    mesh.pass(Duration::from_secs(5));
    mesh.handle(Event::SchemaChanged(schema(OTHER)));
    let (_, number, fingerprint) = mesh.registry.schema();
    returning.schema = Some(KnownSchema { number, fingerprint, signature: None });

    let mut mesh = Mesh::starting_at(mesh.now, config(), copy);
    let bystander = mesh.admit(&Process::new(2, "cell", "y"));
    assert!(mesh.registry.schema().1 < number, "the number from before is kept at first");
    mesh.log.clear();
    let session = mesh.admit(&returning);
    let restored = mesh.registry.schema().1;
    assert!(restored > number);
    assert_eq!(mesh.welcomes[&session].schema_number, restored);
    assert!(!mesh.welcomes[&session].schema_known);
    assert!(mesh.log.contains(&Effect::PushSchema(bystander)), "nobody is left behind");
}

#[test]
fn a_claimed_schema_number_is_outnumbered_once_and_only_if_it_could_be_true() {
    let mut mesh = Mesh::new();
    let (_, number, _) = mesh.registry.schema();
    let mut liar = Process::new(1, "cell", "x");
    let fingerprint = schema(OTHER).fingerprint();
    let mut told = |mesh: &mut Mesh, number| {
        liar.schema = Some(KnownSchema { number, fingerprint, signature: None });
        mesh.join(&liar);
        mesh.registry.schema().1
    };
    for far in [u64::MAX, START_MS + 24 * 60 * 60 * 1000] {
        assert_eq!(told(&mut mesh, far), number, "no master has given out {far} yet");
    }
    let higher = told(&mut mesh, number);
    assert!(higher > number, "no number has two schemas");
    for again in [number, higher - 1, higher, mesh.now.unix_ms, mesh.now.unix_ms + 60_000] {
        assert_eq!(told(&mut mesh, again), higher, "a lie does not work twice");
    }
}

#[test]
fn another_schema_gets_a_higher_number_and_goes_to_everybody() {
    let mut mesh = Mesh::new();
    let session = mesh.admit(&Process::new(1, "cell", "x"));
    let (_, number, _) = mesh.registry.schema();
    mesh.log.clear();
    mesh.handle(Event::SchemaChanged(schema(OTHER)));
    let (other, higher, _) = mesh.registry.schema();
    assert!(higher > number && *other == schema(OTHER));
    let numbered = mesh.log.iter().position(
        |effect| matches!(effect, Effect::SchemaNumbered { number, .. } if *number == higher),
    );
    let pushed = mesh.log.iter().position(|effect| *effect == Effect::PushSchema(session));
    assert!(numbered.unwrap() < pushed.unwrap(), "signed before it is sent");
    assert!(matches!(mesh.log[0], Effect::Persist(_)), "written down before that");
}

#[test]
fn members_no_longer_allowed_are_removed_for_that_reason_and_new_ones_appear() {
    let mut mesh = Mesh::new();
    let gateway = mesh.admit(&Process::new(1, "gateway", "g"));
    let thumbnailer = mesh.admit(&Process::new(2, "thumbnailer", "t"));
    let cell = mesh.admit(&Process::new(3, "cell", "c"));
    let loner = mesh.admit(&Process::new(4, "loner", "l"));
    mesh.handle(Event::SchemaChanged(schema(OTHER)));
    assert_eq!(mesh.seen(gateway), [""; 0]);
    assert_eq!(mesh.seen(thumbnailer), ["cell/c ready"]);
    assert_eq!(mesh.seen(cell), ["thumbnailer/t ready"]);
    for session in [gateway, thumbnailer] {
        let reasons: Vec<_> =
            mesh.directories[&session].removals.iter().map(|removal| removal.reason).collect();
        assert_eq!(reasons, [RemovalReason::NoLongerAllowed]);
    }
    assert_eq!(mesh.closed, [(loner, CloseReason::NoLongerAllowed)]);
    assert!(mesh.member(&key("loner", "l")).is_none());
    assert!(mesh.member(&key("gateway", "g")).is_some(), "it is still of the schema");
}

#[test]
fn a_member_removed_by_a_schema_may_come_back_with_another() {
    let mut mesh = Mesh::new();
    let loner = mesh.admit(&Process::new(4, "loner", "l"));
    let ticket = mesh.tickets.get(&loner).cloned();
    mesh.handle(Event::SchemaChanged(schema(OTHER)));
    mesh.handle(Event::SchemaChanged(schema(SCHEMA)));
    let again = mesh.admit(&Process { ticket, ..Process::new(4, "loner", "l") });
    assert_eq!(mesh.incarnation(again), mesh.incarnation(loner));
}

#[test]
fn a_join_that_waits_is_judged_by_the_schema_of_the_moment() {
    let mut mesh = Mesh::new();
    mesh.admit(&Process::new(1, "loner", "l"));
    let newcomer = mesh.join(&Process::new(2, "loner", "l"));
    mesh.handle(Event::SchemaChanged(schema(OTHER)));
    assert!(matches!(mesh.refusals.get(&newcomer), Some(Refusal::UnknownWorker { .. })));
}

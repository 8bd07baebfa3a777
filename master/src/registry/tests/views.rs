//! Each member's view has exactly the members that it may link to, numbered without gaps.

use std::time::Duration;

use meshwork_shared::protocol::RemovalReason;

use super::*;

#[test]
fn a_view_has_exactly_those_linked_in_either_direction() {
    let mut mesh = Mesh::new();
    let gateway = mesh.admit(&Process::new(1, "gateway", "g"));
    let thumbnailer = mesh.admit(&Process::new(2, "thumbnailer", "t"));
    let cell = mesh.admit(&Process::new(3, "cell", "c"));
    let loner = mesh.admit(&Process::new(4, "loner", "l"));
    let other_cell = mesh.admit(&Process::new(5, "cell", "d"));
    assert_eq!(mesh.seen(gateway), ["thumbnailer/t ready"]);
    assert_eq!(mesh.seen(thumbnailer), ["gateway/g ready"], "who is dialled knows who dials");
    assert_eq!(mesh.seen(cell), ["cell/d ready"], "not itself");
    assert_eq!(mesh.seen(other_cell), ["cell/c ready"]);
    assert_eq!(mesh.seen(loner), [""; 0]);
}

#[test]
fn who_is_not_concerned_is_told_nothing() {
    let mut mesh = Mesh::new();
    let loner = mesh.admit(&Process::new(1, "loner", "l"));
    let number = mesh.directories[&loner].number;
    mesh.admit(&Process::new(2, "gateway", "g"));
    mesh.admit(&Process::new(3, "thumbnailer", "t"));
    assert_eq!(mesh.directories[&loner].number, number);
}

#[test]
fn a_worker_with_a_gap_gets_the_whole_view() {
    let mut mesh = Mesh::new();
    let gateway = mesh.admit(&Process::new(1, "gateway", "g"));
    let thumbnailer = mesh.admit(&Process::new(2, "thumbnailer", "t"));
    let missed = mesh.admit(&Process::new(3, "thumbnailer", "u"));
    mesh.handle(Event::Leave(missed));
    let before = mesh.directories[&gateway].number;
    mesh.log.clear();
    mesh.handle(Event::Resync(gateway));
    let [Effect::SendView { session, view }] = mesh.log.as_slice() else {
        panic!("{:?}", mesh.log)
    };
    assert_eq!(*session, gateway);
    assert!(view.number > before);
    assert_eq!(view.members.len(), 1);
    let removed: Vec<_> = view.removed.iter().map(|r| (r.key.clone(), r.reason)).collect();
    assert_eq!(removed, [(key("thumbnailer", "u"), RemovalReason::Left)], "with what it missed");
    // The next delta goes on from there.
    mesh.handle(Event::Draining(thumbnailer));
    assert_eq!(mesh.seen(gateway), ["thumbnailer/t draining"]);
}

#[test]
fn changes_close_together_go_out_together_and_the_first_goes_at_once() {
    let config = RegistryConfig { delta_delay: Duration::from_millis(20), ..config() };
    let mut mesh = Mesh::starting(config, None);
    let gateway = mesh.admit(&Process::new(1, "gateway", "g"));
    mesh.pass(Duration::from_secs(1));
    mesh.log.clear();
    for id in 2..10 {
        mesh.admit(&Process::new(id, "thumbnailer", &format!("t{id}")));
    }
    assert_eq!(mesh.seen(gateway), ["thumbnailer/t2 ready"]);
    mesh.pass(Duration::from_millis(20));
    assert_eq!(mesh.seen(gateway).len(), 8);
    let sent_to = mesh.log.iter().filter_map(|effect| match effect {
        Effect::SendDelta { session, .. } => Some(*session),
        _ => None,
    });
    assert_eq!(sent_to.filter(|session| *session == gateway).count(), 2);
}

#[test]
fn who_joins_between_gathering_and_sending_is_not_told_twice() {
    let config = RegistryConfig { delta_delay: Duration::from_millis(20), ..config() };
    let mut mesh = Mesh::starting(config, None);
    mesh.pass(Duration::from_secs(1));
    mesh.admit(&Process::new(1, "cell", "a"));
    mesh.admit(&Process::new(2, "cell", "b"));
    let third = mesh.admit(&Process::new(3, "cell", "c"));
    assert_eq!(mesh.seen(third), ["cell/a ready", "cell/b ready"]);
    let number = mesh.directories[&third].number;
    mesh.pass(Duration::from_millis(20));
    assert_eq!(mesh.directories[&third].number, number);
}

#[test]
fn a_large_mesh_fits_into_pages_and_deltas() {
    let mut mesh = Mesh::new();
    let gateway = mesh.admit(&Process::new(1, "gateway", "g"));
    for id in 0..2000_u64 {
        let mut process = Process::new(2, "thumbnailer", &format!("t{id}"));
        process.node.0[..8].copy_from_slice(&(id + 1000).to_be_bytes());
        process.id = ProcessId(id + 1000);
        mesh.admit(&process);
    }
    assert_eq!(mesh.seen(gateway).len(), 2000);
    mesh.log.clear();
    mesh.handle(Event::Resync(gateway));
    assert!(mesh.log.len() > 1, "more than one page");
    assert_eq!(mesh.seen(gateway).len(), 2000);
}

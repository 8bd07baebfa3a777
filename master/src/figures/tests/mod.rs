//! What is made of reports: rates of two, links of both ends, and nothing of those who may not.

mod rights;

use std::time::Duration;

use meshwork_schema::Schema;
use meshwork_shared::ids::Incarnation;
use meshwork_shared::protocol::{
    AskedFigures, CallFigures, DeadJob, FoundDead, MemberKey, QueueFigures, Report, ServedFigures,
};

use super::Figures;
use super::deaths::FOUND_MAX;
use super::latency::Recent;
use crate::events::EventKind;

const SCHEMA: &str = r#"
    [gateway]
    _connect = ["thumbnailer"]
    [thumbnailer]
    _allow = ["gateway"]
    [thumbnailer._commands._balanced]
    resize = {}
    render = { queued = true }
    secret = { allow = [] }
    [thumbnailer._commands._broadcast]
    forget = { queued = true }
    [loner]
"#;

fn key(worker: &str, variant: &str) -> MemberKey {
    MemberKey { worker: worker.parse().unwrap(), variant: variant.parse().unwrap() }
}

fn at(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

struct Mesh {
    figures: Figures,
    schema: Schema,
}

impl Mesh {
    fn new() -> Self {
        Self { figures: Figures::default(), schema: Schema::from_toml(SCHEMA).unwrap() }
    }

    fn take(&mut self, key: &MemberKey, report: Report, ms: u64) -> Vec<EventKind> {
        self.figures.take(key, Incarnation(1), report, &self.schema, at(ms))
    }
}

fn linked_to(uptime_ms: u64, peers: &[&MemberKey]) -> Report {
    let links = peers.iter().map(|peer| (*peer).clone()).collect();
    Report { uptime_ms, links, ..Report::default() }
}

fn served(uptime_ms: u64, ok: u64, latency: [u64; 3]) -> Report {
    let calls = CallFigures { ok, latency: latency.to_vec(), ..CallFigures::default() };
    let row = ServedFigures { command: "resize".parse().unwrap(), calls };
    let latency_bounds_us = vec![100, 1000];
    Report { uptime_ms, latency_bounds_us, served: vec![row], ..Report::default() }
}

#[test]
fn a_link_is_up_with_the_first_end_that_says_so_and_down_with_the_last() {
    let (mut mesh, a, b) = (Mesh::new(), key("gateway", "a"), key("thumbnailer", "b"));
    let up = EventKind::LinkUp { member: a.clone(), peer: b.clone() };
    assert_eq!(mesh.take(&a, linked_to(1000, &[&b]), 0), [up]);
    assert_eq!(mesh.take(&b, linked_to(1000, &[&a]), 100), []);
    assert_eq!(mesh.take(&a, linked_to(2000, &[]), 1000), [], "the other end still says so");
    assert_eq!(mesh.figures.links().count(), 1);
    let down = EventKind::LinkDown { member: b.clone(), peer: a };
    assert_eq!(mesh.take(&b, linked_to(2000, &[]), 1100), [down]);
    assert_eq!(mesh.figures.links().count(), 0);
}

#[test]
fn the_link_of_a_lost_member_stays_while_its_peer_says_so() {
    let (mut mesh, a, b) = (Mesh::new(), key("gateway", "a"), key("thumbnailer", "b"));
    mesh.take(&a, linked_to(1000, &[&b]), 0);
    mesh.take(&b, linked_to(1000, &[&a]), 0);
    assert_eq!(mesh.figures.forget(&b), []);
    assert_eq!(mesh.figures.links().count(), 1);
    assert_eq!(mesh.take(&a, linked_to(2000, &[]), 1000).len(), 1);
}

#[test]
fn links_that_the_schema_does_not_have_are_not_believed() {
    let (mut mesh, a) = (Mesh::new(), key("gateway", "a"));
    let strangers = [key("loner", "x"), key("gateway", "b"), a.clone(), key("nobody", "x")];
    let strangers: Vec<_> = strangers.iter().collect();
    assert_eq!(mesh.take(&a, linked_to(1000, &strangers), 0), []);
}

#[test]
fn many_links_at_a_time_are_one_event() {
    let (mut mesh, a) = (Mesh::new(), key("gateway", "a"));
    let peers: Vec<_> = (0..100).map(|n| key("thumbnailer", &format!("t{n}"))).collect();
    let events = mesh.take(&a, linked_to(1000, &peers.iter().collect::<Vec<_>>()), 0);
    assert_eq!(events, [EventKind::LinksChanged { member: a, up: 100, down: 0 }]);
    assert_eq!(mesh.figures.links().count(), 100);
}

#[test]
fn a_rate_is_what_two_reports_differ_by_in_the_time_of_the_member() {
    let (mut mesh, b) = (Mesh::new(), key("thumbnailer", "b"));
    mesh.take(&b, served(10_000, 500, [500, 0, 0]), 0);
    let first = &mesh.figures.commands(at(0))[0];
    assert_eq!((first.rates.ok, first.p50_us), (0.0, None), "one report is no rate");
    // Too close for a rate, and then two seconds on its own clock, whatever this one says.
    mesh.take(&b, served(10_200, 504, [500, 4, 0]), 200);
    mesh.take(&b, served(12_000, 520, [500, 20, 0]), 9_000);
    let command = &mesh.figures.commands(at(9_000))[0];
    assert_eq!((command.rates.ok, command.instances), (10.0, 1));
    assert!((100..=1000).contains(&command.p50_us.unwrap()), "{command:?}");
    assert!(command.p99_us > command.p50_us);
    assert_eq!(mesh.figures.commands(at(60_000)), [], "nothing is said of what is long ago");
}

#[test]
fn a_restart_counts_from_nothing() {
    let (mut mesh, b) = (Mesh::new(), key("thumbnailer", "b"));
    mesh.take(&b, served(10_000, 500, [500, 0, 0]), 0);
    mesh.take(&b, served(900, 3, [3, 0, 0]), 1_000);
    assert_eq!(mesh.figures.commands(at(1_000))[0].rates.ok, 0.0);
}

#[test]
fn a_command_first_called_later_has_its_rate_at_once() {
    let (mut mesh, a) = (Mesh::new(), key("gateway", "a"));
    mesh.take(&a, Report { uptime_ms: 1000, ..Report::default() }, 0);
    let calls = CallFigures { ok: 6, failed: 2, ..CallFigures::default() };
    let (worker, command) = ("thumbnailer".parse().unwrap(), "resize".parse().unwrap());
    let asked = vec![AskedFigures { worker, command, calls }];
    mesh.take(&a, Report { uptime_ms: 3000, asked, ..Report::default() }, 2000);
    let traffic = mesh.figures.traffic(at(2000));
    assert_eq!((traffic[0].rates.ok, traffic[0].rates.failed), (3.0, 1.0));
}

#[test]
fn queues_in_processes_add_up_and_those_of_a_store_do_not() {
    let mut mesh = Mesh::new();
    let queue = |name: &str, in_process, ready, dead, oldest| QueueFigures {
        queue: name.to_owned(),
        in_process,
        ready,
        dead,
        oldest_ready_ms: Some(oldest),
        ..QueueFigures::default()
    };
    let [own, store] = ["thumbnailer.forget", "thumbnailer.render"];
    for (variant, ready, oldest) in [("b", 3, 70), ("c", 4, 90)] {
        let queues = vec![queue(own, true, ready, 1, oldest), queue(store, false, 9, 2, 50)];
        let report = Report { uptime_ms: 1, queues, ..Report::default() };
        mesh.take(&key("thumbnailer", variant), report, 0);
    }
    let queues = mesh.figures.queues(at(0));
    assert_eq!(queues, [queue(own, true, 7, 2, 90), queue(store, false, 9, 2, 50)]);
}

#[test]
fn a_dead_letter_is_told_with_who_ran_it() {
    let (mut mesh, b) = (Mesh::new(), key("thumbnailer", "b"));
    let dead = DeadJob {
        queue: "thumbnailer.render".to_owned(),
        job: "00".repeat(16),
        attempt: 5,
        error: "no such picture".to_owned(),
        found: None,
    };
    let report = Report { uptime_ms: 1, dead: vec![dead], ..Report::default() };
    let events = mesh.take(&b, report, 0);
    assert!(
        matches!(&events[..], [EventKind::DeadLetter { member, attempt: 5, .. }] if *member == b)
    );
}

#[test]
fn a_dead_letter_that_several_find_is_told_once_with_who_had_it() {
    let mut mesh = Mesh::new();
    let found = |job: &str, died_unix_ms| DeadJob {
        queue: "thumbnailer.render".to_owned(),
        job: job.repeat(16),
        attempt: 3,
        error: "its consumer was lost while it ran".to_owned(),
        found: Some(FoundDead { variant: "gone".parse().unwrap(), died_unix_ms }),
    };
    let report = |dead| Report { uptime_ms: 1, dead, ..Report::default() };
    let [b, c] = ["b", "c"].map(|variant| key("thumbnailer", variant));
    let first = mesh.take(&b, report(vec![found("00", 7), found("01", 8)]), 0);
    let gone = key("thumbnailer", "gone");
    assert!(
        matches!(&first[..], [EventKind::DeadLetter { member, .. }, _] if *member == gone),
        "{first:?}"
    );
    assert_eq!(mesh.take(&c, report(vec![found("00", 7), found("01", 8)]), 0), []);
    let again = mesh.take(&c, report(vec![found("00", 90)]), 1000);
    assert_eq!(again.len(), 1, "it was run again, and died again");
    for n in 0..FOUND_MAX as u64 / 32 {
        let many = (32 * n..32 * (n + 1)).map(|n| found("02", n)).collect();
        assert_eq!(mesh.take(&b, report(many), 2000 + 250 * n).len(), 32);
    }
    assert_eq!(mesh.figures.deaths.known(), FOUND_MAX);
}

#[test]
fn latency_fades_and_follows_the_newest() {
    let mut recent = Recent::default();
    let bounds = [100, 1000, 10_000];
    recent.add(&bounds, &[], &[1000, 0, 0, 0], at(0));
    assert!(recent.quantile_us(0.99, at(0)).unwrap() <= 100);
    recent.add(&bounds, &[1000, 0, 0, 0], &[1000, 0, 100, 0], at(200_000));
    assert!(recent.quantile_us(0.5, at(200_000)).unwrap() > 1000);
    assert_eq!(recent.quantile_us(0.5, at(900_000)), None, "long ago");
    // What does not fit is not counted, and does no harm.
    recent.add(&bounds, &[], &[1], at(900_000));
    recent.add(&[5, 3], &[], &[1, 1, 1], at(900_000));
    assert_eq!(recent.quantile_us(0.5, at(900_000)), None);
    recent.add(&bounds, &[], &[0, 0, 0, 7], at(900_001));
    assert_eq!(recent.quantile_us(0.5, at(900_001)), Some(10_000), "at least that");
}

//! What members may not say is left out, and nobody takes the places of others.

use std::fmt::Write;

use meshwork_schema::Schema;
use meshwork_shared::protocol::limits::{REPORT_COMMANDS_MAX, REPORT_DEAD_MAX};
use meshwork_shared::protocol::{
    AskedFigures, CallFigures, DeadJob, FoundDead, MemberKey, QueueFigures, Report, ServedFigures,
};

use super::super::deaths::AT_ONCE_MAX;
use super::super::latency::OF_A_WORKER_MAX;
use super::{Mesh, at, key, served};
use crate::events::EventKind;

fn queue(name: &str) -> QueueFigures {
    QueueFigures { queue: name.to_owned(), ready: 1, ..QueueFigures::default() }
}

fn dead(queue: &str, attempt: u32) -> DeadJob {
    let (queue, job, error) = (queue.to_owned(), "00".repeat(16), "no such picture".to_owned());
    DeadJob { queue, job, attempt, error, found: None }
}

fn row(command: &str, ok: u64) -> ServedFigures {
    let calls = CallFigures { ok, latency: vec![ok, 0], ..CallFigures::default() };
    ServedFigures { command: command.parse().unwrap(), calls }
}

fn all_served(uptime_ms: u64, served: Vec<ServedFigures>) -> Report {
    Report { uptime_ms, latency_bounds_us: vec![100], served, ..Report::default() }
}

/// A worker with so many commands, `c0000` and so on.
fn large(commands: usize) -> Mesh {
    let mut text = "[large]\n[large._commands._balanced]\n".to_owned();
    (0..commands).for_each(|n| writeln!(text, "c{n:04} = {{}}").unwrap());
    let schema = Schema::from_toml(&format!("{text}[other._commands._balanced]\nx = {{}}"));
    Mesh { schema: schema.unwrap(), ..Mesh::new() }
}

#[test]
fn a_member_tells_of_the_queues_that_it_takes_jobs_from_and_of_no_others() {
    let (mut mesh, b) = (Mesh::new(), key("thumbnailer", "b"));
    let own = ["thumbnailer.forget@b", "thumbnailer.render"];
    let others = [
        "thumbnailer.forget@c",
        "thumbnailer.resize",
        "thumbnailer.invented",
        "gateway.render",
        "loner.render",
        "thumbnailer",
        "no name\n",
    ];
    let told = own.iter().chain(&others);
    let queues = told.clone().map(|name| queue(name)).collect();
    let dead = told.map(|name| dead(name, 1)).collect();
    let events = mesh.take(&b, Report { uptime_ms: 1, queues, dead, ..Report::default() }, 0);
    let shown: Vec<_> = mesh.figures.queues(at(0)).into_iter().map(|row| row.queue).collect();
    assert_eq!(shown, own);
    let died: Vec<_> = events
        .iter()
        .map(|event| match event {
            EventKind::DeadLetter { queue, .. } => queue.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(died, own);
    assert_eq!(mesh.figures.left_out(), 2 * others.len() as u64);

    // Another worker may say nothing of them, whatever the one that serves them says.
    let forged = ["thumbnailer.render", "thumbnailer.forget@b"];
    let queues = forged.map(|name| QueueFigures { is_paused: true, ..queue(name) }).to_vec();
    mesh.take(&key("loner", "x"), Report { uptime_ms: 1, queues, ..Report::default() }, 0);
    assert!(mesh.figures.queues(at(0)).iter().all(|queue| !queue.is_paused));
}

#[test]
fn a_dead_letter_that_was_found_may_be_of_another_instance_but_of_no_other_worker() {
    let (mut mesh, b) = (Mesh::new(), key("thumbnailer", "b"));
    let found = Some(FoundDead { variant: "gone".parse().unwrap(), died_unix_ms: 7 });
    let found = |name| DeadJob { found: found.clone(), ..dead(name, 1) };
    let dead = vec![found("thumbnailer.render"), found("gateway.render")];
    let events = mesh.take(&b, Report { uptime_ms: 1, dead, ..Report::default() }, 0);
    let gone = key("thumbnailer", "gone");
    assert!(matches!(&events[..], [EventKind::DeadLetter { member, .. }] if *member == gone));
}

#[test]
fn a_member_tells_of_commands_that_it_serves_or_may_call_and_of_no_others() {
    let mut mesh = Mesh::new();
    let (a, b, x) = (key("gateway", "a"), key("thumbnailer", "b"), key("loner", "x"));
    let asked = |worker: &str, command: &str| AskedFigures {
        worker: worker.parse().unwrap(),
        command: command.parse().unwrap(),
        calls: CallFigures { ok: 1, ..CallFigures::default() },
    };
    let all = vec![
        asked("thumbnailer", "resize"),
        asked("thumbnailer", "secret"),
        asked("thumbnailer", "invented"),
        asked("gateway", "resize"),
        asked("nobody", "resize"),
    ];
    for key in [&a, &x] {
        for uptime_ms in [1000, 3000] {
            let served = vec![row("resize", 1), row("invented", 1)];
            let report = Report { asked: all.clone(), ..all_served(uptime_ms, served) };
            mesh.take(key, report, uptime_ms);
        }
    }
    let traffic = mesh.figures.traffic(at(3000));
    assert_eq!(traffic.len(), 1, "{traffic:?}");
    assert_eq!((traffic[0].from.as_str(), traffic[0].command.as_str()), ("gateway", "resize"));
    assert_eq!(mesh.figures.commands(at(3000)), [], "they serve nothing");
    let places = |mesh: &Mesh| mesh.figures.latencies.places();
    assert_eq!(places(&mesh), 0, "and take no place");
    assert_eq!(mesh.figures.left_out(), 2 * (4 + 2) + 2 * (5 + 2));
    for uptime_ms in [1000, 3000] {
        mesh.take(&b, served(uptime_ms, 1, [1, 0, 0]), uptime_ms);
    }
    assert_eq!(places(&mesh), 1);
}

#[test]
fn what_another_schema_no_longer_has_is_forgotten() {
    let (mut mesh, a, b) = (Mesh::new(), key("gateway", "a"), key("thumbnailer", "b"));
    for uptime_ms in [1000, 3000] {
        let report = served(uptime_ms, 1, [1, 0, 0]);
        let queues = vec![queue("thumbnailer.render")];
        mesh.take(&b, Report { queues, ..report }, uptime_ms);
        let command = "resize".parse().unwrap();
        let calls = CallFigures { ok: 1, ..CallFigures::default() };
        let asked = vec![AskedFigures { worker: b.worker.clone(), command, calls }];
        mesh.take(&a, Report { uptime_ms, asked, ..Report::default() }, uptime_ms);
    }
    let shown = |mesh: &Mesh| {
        let figures = &mesh.figures;
        let now = at(3000);
        let rows = [figures.commands(now).len(), figures.traffic(now).len()];
        (rows, figures.queues(now).len(), figures.latencies.places())
    };
    assert_eq!(shown(&mesh), ([1, 1], 1, 1));
    mesh.figures.keep_to(&Schema::from_toml("[gateway]\n[thumbnailer]").unwrap());
    assert_eq!(shown(&mesh), ([0, 0], 0, 0));
}

#[test]
fn the_places_of_a_worker_are_free_again_once_it_has_no_member() {
    let mut mesh = Mesh::new();
    let [b, c] = ["b", "c"].map(|variant| key("thumbnailer", variant));
    for (key, uptime_ms) in [(&b, 1000), (&b, 3000), (&c, 1000)] {
        mesh.take(key, served(uptime_ms, 1, [1, 0, 0]), uptime_ms);
    }
    mesh.figures.forget(&b);
    assert_eq!(mesh.figures.latencies.places(), 1, "another one serves it");
    mesh.figures.forget(&c);
    assert_eq!(mesh.figures.latencies.places(), 0);
}

#[test]
fn no_worker_takes_the_places_of_all_others_and_its_own_follow_what_it_reports() {
    let mut mesh = large(1000);
    let part = |from: usize, ok: u64| -> Vec<ServedFigures> {
        (from..from + REPORT_COMMANDS_MAX).map(|n| row(&format!("c{n:04}"), ok)).collect()
    };
    let key = key("large", "a");
    let mut now = 0;
    for from in [0, 256, 512] {
        for ok in [1, 5] {
            now += 1000;
            mesh.take(&key, all_served(now, part(from, ok)), now);
        }
        assert_eq!(mesh.figures.latencies.places(), OF_A_WORKER_MAX, "{from}");
    }
    let known = |mesh: &Mesh, command: &str| {
        let command = command.parse().unwrap();
        mesh.figures.latencies.find(&key.worker, &command).is_some()
    };
    assert!(known(&mesh, "c0000") && !known(&mesh, "c0512"), "as long as they may be of now");
    now += 40_000;
    mesh.take(&key, all_served(now, part(512, 9)), now);
    assert_eq!(mesh.figures.latencies.places(), OF_A_WORKER_MAX);
    assert!(!known(&mesh, "c0000") && known(&mesh, "c0512"));
}

#[test]
fn a_command_that_comes_into_a_full_list_was_not_called_just_now() {
    let mut mesh = large(300);
    let key = key("large", "a");
    let list = |last: ServedFigures| {
        let first = (0..REPORT_COMMANDS_MAX - 1).map(|n| row(&format!("c{n:04}"), 1_000_000));
        first.chain([last]).collect()
    };
    mesh.take(&key, all_served(1000, list(row("c0255", 900_000))), 1000);
    mesh.take(&key, all_served(3000, list(row("c0299", 900_001))), 3000);
    assert!(mesh.figures.commands(at(3000)).iter().all(|row| row.rates.ok == 0.0));
    let mut slow = row("c0299", 900_021);
    slow.calls.latency = vec![900_001, 20];
    mesh.take(&key, all_served(5000, list(slow)), 5000);
    let last = mesh.figures.commands(at(5000)).pop().unwrap();
    assert_eq!((last.command.as_str(), last.rates.ok), ("c0299", 10.0));
    assert_eq!(last.p50_us, Some(100), "of those 20 calls, and not of all of its life");
}

#[test]
fn two_reports_that_waited_for_each_other_lose_no_dead_letter() {
    let (mut mesh, b) = (Mesh::new(), key("thumbnailer", "b"));
    let report = |version: &str, run| Report {
        dead: vec![dead("thumbnailer.render", run), dead("loner.render", run)],
        version: version.to_owned(),
        uptime_ms: 1000,
        ..Report::default()
    };
    for (run, version) in [(1, "first"), (2, "second"), (3, "third")] {
        let events = mesh.take(&b, report(version, run), 5);
        let [EventKind::DeadLetter { attempt, .. }] = &events[..] else { panic!("{events:?}") };
        assert_eq!(*attempt, run);
    }
    let (process, _) = mesh.figures.process(&b, at(5)).unwrap();
    assert_eq!(process.version, "first", "the rest of them is too close");
    assert_eq!(mesh.figures.left_out(), 3);
}

#[test]
fn a_member_tells_of_no_more_dead_letters_than_a_worker_sends() {
    let (mut mesh, b) = (Mesh::new(), key("thumbnailer", "b"));
    let flood = |mesh: &mut Mesh, key: &MemberKey, reports: usize, ms| {
        let dead = vec![dead("thumbnailer.render", 1); REPORT_DEAD_MAX];
        let report = Report { uptime_ms: 1, dead, ..Report::default() };
        (0..reports).map(|_| mesh.take(key, report.clone(), ms).len()).sum::<usize>()
    };
    assert_eq!(flood(&mut mesh, &b, 100, 0), AT_ONCE_MAX as usize);
    assert_eq!(flood(&mut mesh, &key("thumbnailer", "c"), 1, 0), REPORT_DEAD_MAX, "another's own");
    // As an honest one goes on: 32 in 250 ms.
    for turn in 1..100 {
        assert_eq!(flood(&mut mesh, &b, 1, 250 * turn), REPORT_DEAD_MAX);
    }
    let in_ten_seconds: usize = (1..=1000).map(|n| flood(&mut mesh, &b, 1, 25_000 + 10 * n)).sum();
    assert!((1280..=1320).contains(&in_ten_seconds), "{in_ten_seconds}");
    assert!(mesh.figures.left_out() > 1000);
}

//! Keys and news, and what they make of the state.

use meshwork_master::http::dto::Mesh;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use serde_json::{Value, json};

use super::super::tab::Tab;
use super::{EVENTS_MAX, Effect, State, Update};
use crate::events::seen::Seen;

/// A gateway and two thumbnailers, one of them lost; a command and a queue.
pub(in crate::top) fn mesh() -> Mesh {
    let node = "5d41402abc4b2a76b9719d911017c592b1946ac92492d2347c6235b4d2611184";
    let member = |worker: &str, variant: &str, status: &str, process: Value| {
        json!({
            "worker": worker, "variant": variant, "incarnation": 5, "status": status, "node": node,
            "addresses": ["10.0.0.7:4000"], "schema": 7, "since_unix_ms": 1, "process": process,
        })
    };
    let process = |running: u32, uptime_ms: u64| {
        json!({"version": "0.1.0", "uptime_ms": uptime_ms, "running": running, "schema": 7,
               "age_ms": 100})
    };
    let rates = json!({"ok": 40.5, "failed": 0.0, "not_executed": 1.0, "unknown": 0.0});
    let quiet = json!({"ok": 0.0, "failed": 0.0, "not_executed": 0.0, "unknown": 0.0});
    let mesh = json!({
        "at_unix_ms": 9, "workers": [], "traffic": [], "queue_store": {"state": "none"},
        "master": {"version": "0.1.0", "uptime_ms": 90_000, "epoch": 1, "settled": true,
                   "schema": 7, "fingerprint": "9f".repeat(32), "last_event": 3},
        "members": [
            member("gateway", "pod-1", "ready", process(0, 125_000)),
            member("thumbnailer", "pod-1", "ready", process(12, 60_000)),
            member("thumbnailer", "pod-2", "lost", Value::Null),
        ],
        "links": [{"a": 0, "b": 1}],
        "commands": [
            {"worker": "thumbnailer", "command": "resize", "instances": 1, "running": 12,
             "per_second": rates, "p50_us": 24_100, "p99_us": 61_200},
            {"worker": "thumbnailer", "command": "stats", "instances": 1, "running": 0,
             "per_second": quiet, "p50_us": null, "p99_us": null},
        ],
        "queues": [
            {"queue": "thumbnailer.render", "reachable": true, "ready": 12, "scheduled": 1,
             "running": 4, "dead": 1, "oldest_ready_ms": 830, "paused": false},
        ],
    });
    serde_json::from_value(mesh).unwrap()
}

pub(in crate::top) fn event(number: u64, kind: &str) -> Seen {
    let member = json!({"worker": "thumbnailer", "variant": "pod-2"});
    let at = 1000 * number;
    let event = json!({"number": number, "at_unix_ms": at, "kind": kind, "member": member});
    serde_json::from_value(event).unwrap()
}

fn seen(events: Vec<Seen>, is_new_master: bool) -> Update {
    Update::Seen { mesh: Box::new(mesh()), events, is_new_master }
}

/// After one look.
pub(in crate::top) fn looked() -> State {
    let mut state = State::new("http://127.0.0.1:7071".to_owned());
    state.take(seen(vec![event(1, "joined"), event(2, "ready"), event(3, "lost")], false));
    state
}

pub(in crate::top) fn press(state: &mut State, keys: &[KeyCode]) -> Effect {
    let mut effect = Effect::Nothing;
    for code in keys {
        effect = state.key(KeyEvent::new(*code, KeyModifiers::NONE));
    }
    effect
}

fn typed(text: &str) -> Vec<KeyCode> {
    text.chars().map(KeyCode::Char).collect()
}

fn first_cells(state: &State) -> Vec<String> {
    state.rows(state.tab).into_iter().map(|row| row.cells[0].text.clone()).collect()
}

#[test]
fn q_and_ctrl_c_end_it() {
    let mut state = looked();
    assert_eq!(press(&mut state, &typed("q")), Effect::Quit);
    let ctrl_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(state.key(ctrl_c), Effect::Quit);
    // Also where letters are text.
    assert_eq!(press(&mut state, &typed("/q")), Effect::Redraw);
    assert_eq!(state.key(ctrl_c), Effect::Quit);
    assert_eq!(press(&mut looked(), &[KeyCode::F(5)]), Effect::Nothing);
}

#[test]
fn tables_are_gone_through_both_ways() {
    let mut state = looked();
    press(&mut state, &[KeyCode::Tab]);
    assert_eq!(state.tab, Tab::Commands);
    press(&mut state, &[KeyCode::BackTab, KeyCode::Left]);
    assert_eq!(state.tab, Tab::Events);
    press(&mut state, &[KeyCode::Right]);
    assert_eq!(state.tab, Tab::Members);
    press(&mut state, &typed("3"));
    assert_eq!(state.tab, Tab::Queues);
}

#[test]
fn rows_are_filtered_and_the_selection_stays_among_them() {
    let mut state = looked();
    press(&mut state, &[KeyCode::End]);
    assert_eq!(state.selected(Tab::Members), 2);
    press(&mut state, &typed("/GATE"));
    assert_eq!(first_cells(&state), ["gateway/pod-1"]);
    assert_eq!(state.selected(Tab::Members), 0);
    press(&mut state, &[KeyCode::Backspace, KeyCode::Enter]);
    assert_eq!((state.filter.as_str(), state.is_typing), ("GAT", false));
    press(&mut state, &[KeyCode::Esc]);
    assert_eq!(first_cells(&state).len(), 3);
    press(&mut state, &[KeyCode::Up, KeyCode::Down, KeyCode::Down, KeyCode::Down, KeyCode::Down]);
    assert_eq!(state.selected(Tab::Members), 2);
}

#[test]
fn rows_are_sorted_by_each_column() {
    let mut state = looked();
    assert_eq!(first_cells(&state), ["gateway/pod-1", "thumbnailer/pod-1", "thumbnailer/pod-2"]);
    press(&mut state, &typed("r"));
    assert_eq!(first_cells(&state)[0], "thumbnailer/pod-2");
    // Number of calls that run: the largest first.
    press(&mut state, &typed("ssss"));
    assert_eq!(state.sort(Tab::Members), (4, true));
    assert_eq!(first_cells(&state)[0], "thumbnailer/pod-1");
    press(&mut state, &typed("r"));
    assert_eq!(first_cells(&state)[0], "thumbnailer/pod-2", "what is not known is least");
    press(&mut state, &typed("ssss"));
    assert_eq!(state.sort(Tab::Members), (0, false), "around");
    // The newest event stands above.
    press(&mut state, &typed("4"));
    assert_eq!(first_cells(&state), ["3", "2", "1"]);
}

#[test]
fn events_are_bounded_and_begin_anew_with_the_master() {
    let mut state = looked();
    let many = (4..4 + EVENTS_MAX as u64).map(|number| event(number, "ready")).collect();
    state.take(seen(many, false));
    assert_eq!(state.rows(Tab::Events).len(), EVENTS_MAX);
    state.take(seen(vec![event(1, "master_started")], true));
    assert_eq!(state.rows(Tab::Events).len(), 1);
}

#[test]
fn what_was_seen_stays_while_the_master_is_silent() {
    let mut state = looked();
    state.take(Update::Silent { what: "no master answers".to_owned(), seconds: 3 });
    assert_eq!(state.rows(Tab::Members).len(), 3);
    assert_eq!(state.silent, Some(("no master answers".to_owned(), 3)));
    state.take(seen(Vec::new(), false));
    assert_eq!(state.silent, None);
}

#[test]
fn any_key_closes_the_help() {
    let mut state = looked();
    press(&mut state, &typed("?"));
    assert!(state.shows_help);
    press(&mut state, &typed("3"));
    assert_eq!((state.shows_help, state.tab), (false, Tab::Members));
}

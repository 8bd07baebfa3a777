//! Pictures of a small mesh, as they are drawn on a terminal of 80 columns and others.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::KeyCode;
use ratatui::style::Modifier;

use super::super::state::tests::{looked, press};
use super::super::state::{State, Update};
use super::{draw, text};

fn terminal(state: &State, columns: u16, lines: u16) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(columns, lines)).unwrap();
    terminal.draw(|frame| draw(frame, state)).unwrap();
    terminal
}

fn drawn(state: &State, columns: u16, lines: u16) -> Vec<String> {
    let terminal = terminal(state, columns, lines);
    let buffer = terminal.backend().buffer();
    let line = |y| (0..columns).map(|x| buffer.cell((x, y)).unwrap().symbol()).collect::<String>();
    (0..lines).map(|y| line(y).trim_end().to_owned()).collect()
}

const HEAD: &str = "meshwork top  http://127.0.0.1:7071  version 0.1.0, up 90s, schema 7";

#[test]
fn members_fit_on_80_by_24() {
    let lines = drawn(&looked(), 80, 24);
    let expected = [
        HEAD,
        "2 of 3 ready, 1 lost  1 links  41.5 calls/s, 1.0 not ok  13 jobs wait, 1 dead",
        " 1 members (3)  2 commands (2)  3 queues (1)  4 events (3)",
        "member^            state   version    up   running   links  address",
        "gateway/pod-1      ready   0.1.0      2m         0       1  10.0.0.7:4000",
        "thumbnailer/pod-1  ready   0.1.0     60s        12       1  10.0.0.7:4000",
        "thumbnailer/pod-2  lost    -           -         -       0  10.0.0.7:4000",
    ];
    assert_eq!(lines[..expected.len()], expected);
    assert_eq!(lines[23], "q quit  tab next  / filter  s sort  r reverse  ? help");
}

#[test]
fn the_other_tables_are_drawn() {
    let mut state = looked();
    press(&mut state, &[KeyCode::Char('2')]);
    let commands = [
        "command^              calls/s     p50     p99  failed/s  refused/s  unknown/s",
        "thumbnailer.resize       41.5  24.1ms  61.2ms         0        1.0          0",
        "thumbnailer.stats           0       -       -         0          0          0",
    ];
    let lines = drawn(&state, 80, 24);
    for (line, expected) in lines[3..].iter().zip(commands) {
        let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(squeezed(line), squeezed(expected));
    }
    press(&mut state, &[KeyCode::Char('3')]);
    let lines = drawn(&state, 80, 24);
    assert!(lines[4].starts_with("thumbnailer.render"), "{lines:#?}");
    press(&mut state, &[KeyCode::Char('4')]);
    let lines = drawn(&state, 80, 24);
    assert!(lines[4].ends_with("3  00:00:03  lost    thumbnailer/pod-2"), "{lines:#?}");
}

#[test]
fn the_selected_row_and_the_table_stand_out() {
    let mut state = looked();
    press(&mut state, &[KeyCode::Down]);
    let terminal = terminal(&state, 80, 24);
    let is_reversed = |x, y| {
        let cell = terminal.backend().buffer().cell((x, y)).unwrap();
        cell.modifier.contains(Modifier::REVERSED)
    };
    assert!(is_reversed(1, 2) && !is_reversed(20, 2), "the name of the table");
    assert!(!is_reversed(0, 4) && is_reversed(0, 5) && !is_reversed(0, 6), "the row");
}

#[test]
fn a_page_shows_the_selected_row() {
    let mut state = looked();
    press(&mut state, &[KeyCode::End]);
    // Head, headings, two rows, foot.
    let lines = drawn(&state, 80, 7);
    assert!(lines[4].starts_with("thumbnailer/pod-2"), "{lines:#?}");
}

#[test]
fn a_terminal_of_any_size_is_drawn_on() {
    let mut state = looked();
    for help in [false, true] {
        state.shows_help = help;
        for (columns, lines) in [(1, 1), (10, 3), (20, 5), (300, 80)] {
            for tab in 0..4 {
                press(&mut state, &[KeyCode::Tab]);
                assert_eq!(drawn(&state, columns, lines).len(), usize::from(lines), "{tab}");
            }
            state.shows_help = help;
        }
    }
    assert!(drawn(&looked(), 300, 24)[3].ends_with("schema"), "all columns");
}

#[test]
fn a_silent_master_and_an_empty_mesh_are_said() {
    let mut state = looked();
    state.take(Update::Silent { what: "refused".to_owned(), seconds: 3 });
    let lines = drawn(&state, 80, 24);
    assert_eq!(lines[0], "meshwork top  no answer for 3s, asking each second: refused");
    let nothing = State::new("http://127.0.0.1:7071".to_owned());
    assert_eq!(drawn(&nothing, 80, 24)[4], "no members: start a worker");
}

#[test]
fn a_filter_that_is_typed_is_seen() {
    let mut state = looked();
    press(&mut state, &"/xy".chars().map(KeyCode::Char).collect::<Vec<_>>());
    let lines = drawn(&state, 80, 24);
    assert_eq!((lines[23].as_str(), lines[4].as_str()), ("/xy", "nothing has these letters"));
    press(&mut state, &[KeyCode::Enter]);
    assert!(drawn(&state, 80, 24)[23].starts_with("filter: xy  (esc: none)"));
}

#[test]
fn a_frame_as_text_has_all_tables() {
    let text = text(&looked(), 100).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], HEAD);
    let headings: Vec<&str> =
        lines.iter().filter_map(|line| line.split_whitespace().next()).collect();
    for heading in ["member", "command", "queue", "number"] {
        assert!(headings.contains(&heading), "{text}");
    }
    assert!(text.ends_with("1  00:00:01  joined  thumbnailer/pod-2\n"), "{text}");
}

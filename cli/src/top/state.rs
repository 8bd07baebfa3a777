//! What `meshwork top` shows, and what keys do to it. Pure: looks at the master and keys go in.

#[cfg(test)]
pub(super) mod tests;

use std::collections::VecDeque;

use meshwork_master::http::dto::Mesh;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::rows::{self, Row};
use super::tab::Tab;
use crate::events::seen::Seen;
use crate::table::Side;

/// Events that are kept; the master keeps more.
pub(super) const EVENTS_MAX: usize = 500;

/// Letters of a filter.
const FILTER_CHARS_MAX: usize = 64;

/// Rows that page up and page down go.
const PAGE_ROWS: usize = 10;

/// News from the master.
#[derive(Debug)]
pub(super) enum Update {
    /// It answered.
    Seen {
        /// The picture.
        mesh: Box<Mesh>,
        /// The events since the look before, oldest first.
        events: Vec<Seen>,
        /// Whether numbers of events begin anew.
        is_new_master: bool,
    },
    /// It did not.
    Silent {
        /// Why.
        what: String,
        /// For how long by now, seconds.
        seconds: u64,
    },
}

/// What a key asks of the shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Draw.
    Redraw,
    /// Nothing has changed.
    Nothing,
    /// End.
    Quit,
}

/// What belongs to one table.
#[derive(Clone, Copy, Debug)]
struct View {
    selected: usize,
    /// The column that it is sorted by, and whether the largest comes first.
    sort: (usize, bool),
}

/// All that is shown.
#[derive(Debug)]
pub(super) struct State {
    /// Where the master is, for people.
    pub(super) place: String,
    pub(super) mesh: Option<Box<Mesh>>,
    /// Why the master does not answer, and for how many seconds by now.
    pub(super) silent: Option<(String, u64)>,
    pub(super) tab: Tab,
    pub(super) filter: String,
    /// Keys go into the filter.
    pub(super) is_typing: bool,
    pub(super) shows_help: bool,
    events: VecDeque<Seen>,
    views: [View; Tab::ALL.len()],
}

impl State {
    pub(super) fn new(place: String) -> Self {
        let mut views = [View { selected: 0, sort: (0, false) }; Tab::ALL.len()];
        // The newest event stands above.
        views[Tab::Events.place()].sort = (0, true);
        Self {
            place,
            mesh: None,
            silent: None,
            tab: Tab::Members,
            filter: String::new(),
            is_typing: false,
            shows_help: false,
            events: VecDeque::new(),
            views,
        }
    }

    /// Takes news from the master.
    pub(super) fn take(&mut self, update: Update) {
        match update {
            Update::Seen { mesh, events, is_new_master } => {
                (self.mesh, self.silent) = (Some(mesh), None);
                if is_new_master {
                    self.events.clear();
                }
                self.events.extend(events);
                let surplus = self.events.len().saturating_sub(EVENTS_MAX);
                self.events.drain(..surplus);
                self.keep_in_range();
            }
            // What was seen last stays: it is said that it is of the past.
            Update::Silent { what, seconds } => self.silent = Some((what, seconds)),
        }
    }

    /// Does what a key means.
    pub(super) fn key(&mut self, key: KeyEvent) -> Effect {
        if key.kind == KeyEventKind::Release {
            return Effect::Nothing;
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return if key.code == KeyCode::Char('c') { Effect::Quit } else { Effect::Nothing };
        }
        if self.is_typing {
            return self.typed(key.code);
        }
        if self.shows_help {
            self.shows_help = false;
            return if key.code == KeyCode::Char('q') { Effect::Quit } else { Effect::Redraw };
        }
        match key.code {
            KeyCode::Char('q') => return Effect::Quit,
            KeyCode::Char('?') => self.shows_help = true,
            KeyCode::Char('/') => self.is_typing = true,
            KeyCode::Esc => self.filter.clear(),
            KeyCode::Char('s') => self.sort_by_next(),
            KeyCode::Char('r') => self.reverse(),
            KeyCode::Tab | KeyCode::Right => self.tab = self.tab.after(1),
            KeyCode::BackTab | KeyCode::Left => self.tab = self.tab.after(Tab::ALL.len() - 1),
            KeyCode::Char(digit @ '1'..='4') => {
                self.tab = Tab::ALL[digit as usize - '1' as usize];
            }
            KeyCode::Down | KeyCode::Char('j') => self.go(|at| at.saturating_add(1)),
            KeyCode::Up | KeyCode::Char('k') => self.go(|at| at.saturating_sub(1)),
            KeyCode::PageDown => self.go(|at| at.saturating_add(PAGE_ROWS)),
            KeyCode::PageUp => self.go(|at| at.saturating_sub(PAGE_ROWS)),
            KeyCode::Home => self.go(|_| 0),
            KeyCode::End => self.go(|_| usize::MAX),
            _ => return Effect::Nothing,
        }
        self.keep_in_range();
        Effect::Redraw
    }

    fn typed(&mut self, code: KeyCode) -> Effect {
        match code {
            KeyCode::Char(letter) if self.filter.chars().count() < FILTER_CHARS_MAX => {
                self.filter.push(letter);
            }
            KeyCode::Backspace => drop(self.filter.pop()),
            KeyCode::Enter => self.is_typing = false,
            KeyCode::Esc => {
                self.filter.clear();
                self.is_typing = false;
            }
            _ => return Effect::Nothing,
        }
        self.keep_in_range();
        Effect::Redraw
    }

    fn view(&mut self) -> &mut View {
        &mut self.views[self.tab.place()]
    }

    fn go(&mut self, to: impl Fn(usize) -> usize) {
        let view = self.view();
        view.selected = to(view.selected);
    }

    /// Numbers begin with the largest, which is what people look for; texts with the first.
    fn sort_by_next(&mut self) {
        let columns = self.tab.columns();
        let view = self.view();
        let next = (view.sort.0 + 1) % columns.len();
        view.sort = (next, columns[next].1 == Side::Right);
    }

    fn reverse(&mut self) {
        let view = self.view();
        view.sort.1 = !view.sort.1;
    }

    fn keep_in_range(&mut self) {
        let last = self.rows(self.tab).len().saturating_sub(1);
        let view = self.view();
        view.selected = view.selected.min(last);
    }

    /// The row that is selected in a table.
    pub(super) fn selected(&self, tab: Tab) -> usize {
        self.views[tab.place()].selected
    }

    /// The column that a table is sorted by, and whether the largest comes first.
    pub(super) fn sort(&self, tab: Tab) -> (usize, bool) {
        self.views[tab.place()].sort
    }

    /// The rows of a table, as they are shown: filtered and sorted.
    pub(super) fn rows(&self, tab: Tab) -> Vec<Row> {
        let mut rows = match (&self.mesh, tab) {
            (_, Tab::Events) => rows::events(self.events.iter()),
            (None, _) => Vec::new(),
            (Some(mesh), Tab::Members) => rows::members(mesh),
            (Some(mesh), Tab::Commands) => rows::commands(mesh),
            (Some(mesh), Tab::Queues) => rows::queues(mesh),
        };
        let filter = self.filter.to_lowercase();
        rows.retain(|row| row.has(&filter));
        let (column, is_descending) = self.sort(tab);
        // Stable: rows that are alike stay in the order of their names.
        rows.sort_by(|a, b| {
            let order = a.order(b, column);
            if is_descending { order.reverse() } else { order }
        });
        rows
    }
}

//! The state as a picture, on any backend: that of a terminal, of a test, or of text.

#[cfg(test)]
mod tests;

use meshwork_shared::protocol::Status;
use ratatui::backend::TestBackend;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Block, Cell, Clear, Paragraph, Row as TableRow, Table};
use ratatui::{Frame, Terminal};

use super::format::rate;
use super::rows::{Row, Tone};
use super::state::State;
use super::tab::Tab;
use crate::age::age;
use crate::table::Side;

/// Blanks between two columns.
const APART: u16 = 2;

/// Lines of the head: the master, the mesh, the names of the tables.
const HEAD_LINES: u16 = 3;

/// Events of a frame that is printed as text.
const ONCE_EVENTS: usize = 10;

const HELP: [&str; 11] = [
    "q, Ctrl-C       end",
    "tab, left/right next table, the one before",
    "1 2 3 4         members, commands, queues, events",
    "up/down, j k    row by row",
    "page up/down    ten rows, home and end: the first, the last",
    "/               filter: rows with these letters; enter keeps it",
    "esc             no filter",
    "s               sort by the next column",
    "r               the other way round",
    "?               this",
    "any key         back",
];

/// Draws it all.
pub(super) fn draw(frame: &mut Frame<'_>, state: &State) {
    let lines = [Constraint::Length(HEAD_LINES), Constraint::Fill(1), Constraint::Length(1)];
    let [head, body, foot] = Layout::vertical(lines).areas(frame.area());
    let head_lines = vec![master_line(state), mesh_line(state), tabs_line(state)];
    frame.render_widget(Paragraph::new(head_lines), head);
    table(frame, body, state, state.tab, true);
    frame.render_widget(foot_line(state), foot);
    if state.shows_help {
        help(frame);
    }
}

/// All tables as text, below each other.
///
/// # Errors
/// None that can happen: the backend is in memory.
pub(super) fn text(state: &State, columns: u16) -> Result<String, std::convert::Infallible> {
    let shown = |tab: Tab| match tab {
        Tab::Events => state.rows(tab).len().min(ONCE_EVENTS),
        _ => state.rows(tab).len(),
    };
    // A heading, at least a line that there is nothing, and a blank line.
    let height = |tab| u16::try_from(shown(tab).max(1) + 2).unwrap_or(u16::MAX / 8);
    let heights = Tab::ALL.map(height);
    let whole = heights.iter().fold(HEAD_LINES, |sum, lines| sum.saturating_add(*lines));
    let mut terminal = Terminal::new(TestBackend::new(columns, whole))?;
    terminal.draw(|frame| {
        let [head, mut rest] =
            Layout::vertical([Constraint::Length(HEAD_LINES), Constraint::Fill(1)])
                .areas(frame.area());
        let lines = vec![master_line(state), mesh_line(state)];
        frame.render_widget(Paragraph::new(lines), head);
        for (tab, lines) in Tab::ALL.into_iter().zip(heights) {
            let area = Rect { height: lines.saturating_sub(1), ..rest }.intersection(frame.area());
            table(frame, area, state, tab, false);
            rest.y = rest.y.saturating_add(lines);
        }
    })?;
    let buffer = terminal.backend().buffer();
    let line = |y: u16| {
        let cells = (0..buffer.area.width).filter_map(|x| buffer.cell((x, y)));
        cells.map(|cell| cell.symbol()).collect::<String>().trim_end().to_owned() + "\n"
    };
    let text: String = (0..buffer.area.height).map(line).collect();
    Ok(text.trim_end().to_owned() + "\n")
}

fn bold() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}

fn faint() -> Style {
    Style::new().add_modifier(Modifier::DIM)
}

fn bad() -> Style {
    Style::new().fg(Color::Red)
}

/// Who is asked; while it does not answer, that.
fn master_line(state: &State) -> Line<'_> {
    let name = Span::styled("meshwork top", bold());
    if let Some((what, seconds)) = &state.silent {
        let said = format!("  no answer for {seconds}s, asking each second: {what}");
        return Line::from(vec![name, Span::styled(said, bad().add_modifier(Modifier::REVERSED))]);
    }
    let Some(mesh) = &state.mesh else { return Line::from(name) };
    let master = &mesh.master;
    let settled = if master.settled { "" } else { ", settling" };
    let about = format!(
        "  {}  version {}, up {}, schema {}{settled}",
        state.place,
        master.version,
        age(master.uptime_ms),
        master.schema
    );
    Line::from(vec![name, Span::raw(about)])
}

/// The mesh in one line.
fn mesh_line(state: &State) -> Line<'static> {
    let Some(mesh) = &state.mesh else { return Line::default() };
    let ready = mesh.members.iter().filter(|member| member.status == Status::Ready).count();
    let lost = mesh.members.iter().filter(|member| member.status == Status::Lost).count();
    let sum = |of: fn(&meshwork_master::http::dto::CallRates) -> f64| {
        mesh.commands.iter().map(|row| of(&row.per_second)).sum::<f64>()
    };
    let troubled = sum(|rates| rates.failed + rates.not_executed + rates.unknown);
    let (wait, dead) = mesh
        .queues
        .iter()
        .fold((0, 0), |(wait, dead), row| (wait + row.ready + row.scheduled, dead + row.dead));
    let part =
        |text: String, is_bad: bool| Span::styled(text, if is_bad { bad() } else { Style::new() });
    let members = mesh.members.len();
    Line::from(vec![
        part(format!("{ready} of {members} ready"), ready < members),
        part(format!(", {lost} lost"), lost > 0),
        part(format!("  {} links", mesh.links.len()), false),
        part(format!("  {} calls/s", rate(sum(|rates| rates.total()))), false),
        part(format!(", {} not ok", rate(troubled)), troubled > 0.0),
        part(format!("  {wait} jobs wait"), false),
        part(format!(", {dead} dead"), dead > 0),
    ])
}

fn tabs_line(state: &State) -> Line<'static> {
    let mut spans = Vec::new();
    for tab in Tab::ALL {
        let is_shown = tab == state.tab;
        let style = if is_shown { bold().add_modifier(Modifier::REVERSED) } else { faint() };
        let name = format!(" {} {} ({}) ", tab.place() + 1, tab.name(), state.rows(tab).len());
        spans.push(Span::styled(name, style));
    }
    Line::from(spans)
}

fn foot_line(state: &State) -> Line<'_> {
    if state.is_typing {
        let typed = format!("/{}", state.filter);
        return Line::from(vec![Span::styled(typed, bold()), Span::styled(" ", cursor())]);
    }
    let keys = "q quit  tab next  / filter  s sort  r reverse  ? help";
    if state.filter.is_empty() {
        return Line::from(Span::styled(keys, faint()));
    }
    let filter = format!("filter: {}  (esc: none)  ", state.filter);
    Line::from(vec![Span::styled(filter, bold()), Span::styled(keys, faint())])
}

fn cursor() -> Style {
    Style::new().add_modifier(Modifier::REVERSED)
}

/// How many columns fit, and how wide they are.
fn fitting(tab: Tab, rows: &[Row], width: u16) -> Vec<u16> {
    let widest = |column: usize, heading: &str| {
        let cells = rows.iter().filter_map(|row| row.cells.get(column));
        let widest = cells.map(|cell| cell.text.chars().count()).max().unwrap_or(0);
        // The heading has room for the mark of the column that is sorted by.
        u16::try_from(widest.max(heading.chars().count() + 1)).unwrap_or(u16::MAX)
    };
    let columns = tab.columns().iter().enumerate();
    let mut widths = Vec::new();
    let mut used: u16 = 0;
    for (column, (heading, _)) in columns {
        let wide = widest(column, heading);
        let is_text = tab == Tab::Events && column == Tab::Events.columns().len() - 1;
        if !widths.is_empty() && used.saturating_add(wide) > width && !is_text {
            break;
        }
        // Of an event as much is shown as there is room for.
        let wide = if is_text { width.saturating_sub(used) } else { wide.min(width) };
        used = used.saturating_add(wide).saturating_add(APART);
        widths.push(wide);
    }
    widths
}

fn table(frame: &mut Frame<'_>, area: Rect, state: &State, tab: Tab, is_live: bool) {
    let rows = state.rows(tab);
    let widths = fitting(tab, &rows, area.width);
    let sides: Vec<Side> = tab.columns().iter().map(|(_, side)| *side).collect();
    let aligned = |text: String, side: Side| {
        let alignment = match side {
            Side::Left => Alignment::Left,
            Side::Right => Alignment::Right,
        };
        Cell::from(Text::from(text).alignment(alignment))
    };
    let (sorted, is_descending) = state.sort(tab);
    let heading = |(column, (name, side)): (usize, &(&'static str, Side))| {
        let mark = match (is_live && column == sorted, is_descending) {
            (false, _) => "",
            (true, false) => "^",
            (true, true) => "v",
        };
        aligned(format!("{name}{mark}"), *side)
    };
    let headings = tab.columns().iter().enumerate().take(widths.len()).map(heading);
    let header = TableRow::new(headings.collect::<Vec<_>>()).style(bold());
    let height = usize::from(area.height.saturating_sub(1)).max(1);
    let selected = if is_live { state.selected(tab) } else { 0 };
    // Page by page, so that rows do not move below the eye.
    let first = selected / height * height;
    let shown = rows.iter().enumerate().skip(first).take(height).map(|(place, row)| {
        let cells = row.cells.iter().zip(&sides).take(widths.len());
        let style = match row.tone {
            Tone::Plain => Style::new(),
            Tone::Bad => bad(),
            Tone::Faint => faint(),
        };
        let is_selected = is_live && place == selected;
        let style = if is_selected { style.add_modifier(Modifier::REVERSED) } else { style };
        let cells = cells.map(|(cell, side)| aligned(cell.text.clone(), *side));
        TableRow::new(cells.collect::<Vec<_>>()).style(style)
    });
    let widths = widths.iter().copied().map(Constraint::Length);
    let table = Table::new(shown.collect::<Vec<_>>(), widths);
    frame.render_widget(table.header(header).column_spacing(APART), area);
    if rows.is_empty() {
        let said = if state.filter.is_empty() { tab.empty() } else { "nothing has these letters" };
        let below = Rect { y: area.y.saturating_add(1), height: 1, ..area };
        frame.render_widget(Span::styled(said, faint()), below.intersection(area));
    }
}

fn help(frame: &mut Frame<'_>) {
    let whole = frame.area();
    let width = 68.min(whole.width);
    let height = (HELP.len() as u16 + 2).min(whole.height);
    let area = Rect { x: (whole.width - width) / 2, y: (whole.height - height) / 2, width, height };
    frame.render_widget(Clear, area);
    let lines: Vec<Line<'_>> = HELP.into_iter().map(Line::from).collect();
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(" keys ")), area);
}

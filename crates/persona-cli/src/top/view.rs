//! The view: figures, their last minute, and warnings, as lines of a given width. It does not use
//! the terminal.

use persona_server::units::{long_time, short_time, size};
use unicode_width::UnicodeWidthStr;

use super::History;
use super::reading::{CLASSES, Process, Reading, ServerReading, Times};

/// Width of the names and of the values of figures; bars get the rest, at most a minute.
const NAME_WIDTH: usize = 13;
const VALUE_WIDTH: usize = 25;
const BARS_MAX: usize = 60;

/// Number of figures with bars.
const FIGURES: usize = 11;

/// Size of the WAL that gives a warning, in percent of its limit.
const WAL_PERCENT_NOTABLE: u64 = 75;

/// Connections to the database server that give a warning, in percent of its limit.
const CONNECTIONS_PERCENT_NOTABLE: u64 = 90;

/// Wait for the write lock that gives a warning, in microseconds.
const WAIT_NOTABLE_MICROS: u64 = 50_000;

/// The size of the area of the view.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Size {
    /// Characters of a line.
    pub columns: usize,
    /// Lines.
    pub rows: usize,
}

/// The emphasis of a piece of text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Emphasis {
    /// Ordinary text.
    #[default]
    Plain,
    /// A heading.
    Strong,
    /// Text that matters less.
    Dim,
    /// Bars.
    Bars,
    /// A warning.
    Warning,
    /// An error.
    Error,
}

/// A piece of a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Span {
    /// The text.
    pub text: String,
    /// The emphasis of the text.
    pub emphasis: Emphasis,
}

fn span(emphasis: Emphasis, text: impl Into<String>) -> Span {
    Span { text: text.into(), emphasis }
}

/// A line, from left to right.
pub type Line = Vec<Span>;

/// One figure: a name, its value in words, and the number that its bars stand for.
struct Figure {
    name: &'static str,
    value: String,
    bar: Option<u64>,
    emphasis: Emphasis,
}

/// The state of the view of one server.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct View {
    url: String,
    reading: Reading,
    histories: [History; FIGURES],
    /// Number of seconds without an answer, and the reason; `None` if the last look succeeded.
    trouble: Option<(u64, String)>,
}

impl View {
    /// Makes an empty view of the server with this URL.
    pub fn new(url: &str) -> Self {
        Self { url: url.into(), ..Self::default() }
    }

    /// Adds the figures of a second.
    pub fn update(&mut self, reading: Reading) {
        self.trouble = None;
        for (history, figure) in self.histories.iter_mut().zip(figures(&reading)) {
            history.push(figure.bar);
        }
        self.reading = reading;
    }

    /// Records that the server did not answer in this second. The last figures stay, and the bars
    /// get a gap.
    pub fn lost(&mut self, reason: &str) {
        let silent_s = self.trouble.as_ref().map_or(1, |(seconds, _)| seconds + 1);
        self.trouble = Some((silent_s, reason.into()));
        self.histories.iter_mut().for_each(|history| history.push(None));
    }

    /// The lines to show, none wider than the area. If the area has too few rows, the last lines
    /// are left out.
    pub fn frame(&self, place: Size) -> Vec<Line> {
        let mut lines = self.head(place);
        lines.push(Line::new());
        lines.extend(self.processes());
        lines.push(Line::new());
        lines.extend(self.figures(place));
        let routes = self.routes();
        // The table of routes needs room for its heading, at least one route, and the footer.
        if !routes.is_empty() && lines.len() + 5 <= place.rows {
            lines.push(Line::new());
            let room = place.rows - lines.len() - 2;
            lines.extend(routes.into_iter().take(room));
        }
        lines.truncate(place.rows.saturating_sub(1));
        if lines.len() + 1 < place.rows {
            lines.push(Line::new());
        }
        lines.push(vec![span(
            Emphasis::Dim,
            "q quits   bars: the last minute, one a second, each row to its own height",
        )]);
        lines.into_iter().map(|line| cut(line, place.columns)).collect()
    }

    fn head(&self, place: Size) -> Vec<Line> {
        let reading = &self.reading;
        let title = format!("Persona Store {}", reading.version);
        let up = format!("up {}", long_time(reading.uptime_s));
        let used = title.width() + 2 + self.url.width() + up.width();
        let gap = " ".repeat(place.columns.saturating_sub(used).max(2));
        let first = vec![
            span(Emphasis::Strong, title),
            span(Emphasis::Plain, format!("  {}{gap}", self.url)),
            span(Emphasis::Dim, up),
        ];
        let second = if let Some((seconds, reason)) = &self.trouble {
            span(Emphasis::Error, format!("no answer for {seconds} s, still trying: {reason}"))
        } else {
            let personas = if reading.personas == 1 {
                "1 persona".into()
            } else {
                format!("{} personas", grouped(reading.personas))
            };
            span(
                Emphasis::Dim,
                format!("{personas}, durability {}, {}", reading.durability, reading.engine),
            )
        };
        vec![first, vec![second]]
    }

    fn processes(&self) -> Vec<Line> {
        let write_lock = if self.reading.server.is_some() { "" } else { "LOCK" };
        let heading = row([
            "PROCESS", "PID", "UP", "RESTARTS", "CONNS", "REQ/S", "WRITES/S", "QUEUE", write_lock,
        ]
        .map(Into::into));
        let process = |entry: &Process| {
            let maintenance = entry.slot == 0;
            let count = |number: u64| if maintenance { "-".to_owned() } else { grouped(number) };
            let name =
                if maintenance { "maintenance".into() } else { format!("worker {}", entry.slot) };
            let uptime = long_time(entry.uptime_s);
            let write_lock = entry.write_lock_users.to_owned();
            let queue = count(entry.queue);
            row([
                name,
                entry.pid.to_string(),
                uptime,
                entry.restarts.to_string(),
                count(entry.connections),
                count(entry.requests),
                count(entry.writes),
                queue,
                write_lock,
            ])
        };
        let emphasis = if self.trouble.is_some() { Emphasis::Dim } else { Emphasis::Plain };
        let rows = self.reading.processes.iter().map(|entry| vec![span(emphasis, process(entry))]);
        std::iter::once(vec![span(Emphasis::Strong, heading)]).chain(rows).collect()
    }

    fn figures(&self, place: Size) -> Vec<Line> {
        let bars = place.columns.saturating_sub(NAME_WIDTH + VALUE_WIDTH).min(BARS_MAX);
        let lines =
            figures(&self.reading).into_iter().zip(&self.histories).map(|(figure, history)| {
                let emphasis = if self.trouble.is_some() { Emphasis::Dim } else { figure.emphasis };
                vec![
                    span(Emphasis::Strong, padded(figure.name, NAME_WIDTH)),
                    span(emphasis, padded(&figure.value, VALUE_WIDTH)),
                    span(Emphasis::Bars, history.bars(bars)),
                ]
            });
        lines.collect()
    }

    fn routes(&self) -> Vec<Line> {
        if self.reading.routes.is_empty() {
            return Vec::new();
        }
        let time = |micros: Option<u64>| micros.map_or("-".into(), short_time);
        let line = |name: &str, requests: &str, p50: &str, p99: &str| {
            format!("{name:<42}{requests:>8}{p50:>10}{p99:>10}")
        };
        let heading = vec![span(Emphasis::Strong, line("ROUTE", "REQ/S", "P50", "P99"))];
        let rows = self.reading.routes.iter().map(|route| {
            let text = line(
                &route.name,
                &grouped(route.requests),
                &time(route.took.p50),
                &time(route.took.p99),
            );
            vec![span(Emphasis::Plain, text)]
        });
        std::iter::once(heading).chain(rows).collect()
    }
}

/// The figures of a second as one line of plain text, for files and pipes.
pub fn line(reading: &Reading) -> String {
    let time = |micros: Option<u64>| micros.map_or("-".into(), short_time);
    let serving = reading.processes.iter().filter(|entry| entry.slot > 0).count();
    let begins = format!(
        "requests {}/s, errors {}/s, writes {}/s, queue {}",
        reading.requests, reading.classes[3], reading.writes, reading.queue
    );
    let kind = match &reading.server {
        Some(server) => format!(
            "queue wait p99 {}, transaction p99 {}, connections {} of {}",
            time(server.queue_wait.p99),
            time(server.transaction.p99),
            server.connections,
            server.connections_max
        ),
        None => format!(
            "lock wait p99 {}, lock hold p99 {}, log {}",
            time(reading.write_lock_wait.p99),
            time(reading.write_lock_hold.p99),
            size(reading.wal_bytes)
        ),
    };
    format!("{begins}, {kind}, workers {serving}")
}

fn plain(name: &'static str, value: String, bar: u64) -> Figure {
    Figure { name, value, bar: Some(bar), emphasis: Emphasis::Plain }
}

fn times(name: &'static str, times: Times) -> Figure {
    Figure { name, value: halves(times), bar: times.p99, emphasis: Emphasis::Plain }
}

fn notable(figure: Figure, is_notable: bool, emphasis: Emphasis) -> Figure {
    if is_notable { Figure { emphasis, ..figure } } else { figure }
}

/// The figures, at most [`FIGURES`]: those of every server, then those of its kind of database.
fn figures(reading: &Reading) -> Vec<Figure> {
    let class = |at: usize| {
        plain(CLASSES[at], format!("{}/s", grouped(reading.classes[at])), reading.classes[at])
    };
    let queue =
        format!("{} waiting, {} in work", grouped(reading.queue), grouped(reading.in_flight));
    let writes = match reading.given_up {
        0 => format!("{}/s", grouped(reading.writes)),
        given_up => format!("{}/s, {given_up}/s gave up", grouped(reading.writes)),
    };
    let mut figures = vec![
        plain("requests", format!("{}/s", grouped(reading.requests)), reading.requests),
        class(0),
        class(2),
        notable(class(3), reading.classes[3] > 0, Emphasis::Error),
        notable(plain("writes", writes, reading.writes), reading.given_up > 0, Emphasis::Error),
        plain("queue", queue, reading.queue),
    ];
    match &reading.server {
        Some(server) => figures.extend(figures_of_server(server)),
        None => figures.extend(figures_of_file(reading)),
    }
    figures
}

fn figures_of_server(server: &ServerReading) -> [Figure; 3] {
    let connections =
        format!("{} of {}", grouped(server.connections), grouped(server.connections_max));
    let is_nearly_full =
        server.connections * 100 >= server.connections_max.max(1) * CONNECTIONS_PERCENT_NOTABLE;
    let waits_long = server.queue_wait.p99.is_some_and(|wait| wait >= WAIT_NOTABLE_MICROS);
    [
        notable(times("queue wait", server.queue_wait), waits_long, Emphasis::Warning),
        times("transaction", server.transaction),
        notable(
            plain("connections", connections, server.connections),
            is_nearly_full,
            Emphasis::Warning,
        ),
    ]
}

fn figures_of_file(reading: &Reading) -> [Figure; 5] {
    let wal = format!("{} of {}", size(reading.wal_bytes), size(reading.wal_bytes_max));
    let wal_notable = reading.wal_bytes * 100 >= reading.wal_bytes_max.max(1) * WAL_PERCENT_NOTABLE;
    let last = reading
        .last_checkpoint_s
        .map_or("none yet".into(), |age| format!("last {} ago", long_time(age)));
    let checkpoints = match (reading.checkpoints_failed, reading.checkpoints_blocked) {
        (0, 0) => last,
        (0, blocked) => format!("{last}, {blocked} blocked"),
        (failed, _) => format!("{last}, {failed} failed"),
    };
    let waits_long = reading.write_lock_wait.p99.is_some_and(|wait| wait >= WAIT_NOTABLE_MICROS);
    let foreign =
        plain("foreign lock", format!("{}/s", grouped(reading.lock_retries)), reading.lock_retries);
    [
        notable(times("lock wait", reading.write_lock_wait), waits_long, Emphasis::Warning),
        times("lock hold", reading.write_lock_hold),
        notable(foreign, reading.lock_retries > 0, Emphasis::Warning),
        notable(plain("WAL", wal, reading.wal_bytes), wal_notable, Emphasis::Warning),
        notable(
            plain("checkpoints", checkpoints, reading.checkpoints),
            reading.checkpoints_failed > 0,
            Emphasis::Error,
        ),
    ]
}

fn halves(times: Times) -> String {
    match (times.p50, times.p99) {
        (Some(p50), Some(p99)) => format!("p50 {}, p99 {}", short_time(p50), short_time(p99)),
        _ => "no writes".into(),
    }
}

fn row(cells: [String; 9]) -> String {
    let [name, pid, uptime, restarts, connections, requests, writes, queue, write_lock] = cells;
    format!(
        "{name:<9}{pid:>8}{uptime:>12}{restarts:>9}{connections:>7}{requests:>9}{writes:>9}{queue:>7}  {write_lock}"
    )
}

fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

/// A number with commas between groups of three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// At most this many cells of a line, without blanks at its end.
fn cut(line: Line, columns: usize) -> Line {
    let mut left = columns;
    let mut short = Line::new();
    for part in line {
        let mut text = String::new();
        for char in part.text.chars() {
            let width = char.to_string().width();
            if width > left {
                break;
            }
            left -= width;
            text.push(char);
        }
        short.push(Span { text, emphasis: part.emphasis });
    }
    short
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;

//! Formats a difference for a terminal: lines with their changed words, side by side if there is
//! room. Pure functions; the caller passes the colours in.

use std::fmt::Write;

use persona_http::contract::history::{Hunk, HunkLine, ItemDiff, LineSide, RevisionDiff, Span};
use serde_json::Value;
use unicode_width::UnicodeWidthChar;

use crate::terminal::{Tone, harmless};

/// Width in cells from which on both texts are shown side by side, each with room for a line of
/// prose.
const SIDE_BY_SIDE_MIN: usize = 120;
/// The separator between the two sides.
const BETWEEN: &str = " | ";

/// Gives a text its colour.
pub type Paint<'a> = dyn Fn(Tone, &str) -> String + 'a;

/// The whole difference.
pub fn text(diff: &RevisionDiff, columns: usize, paint: &Paint<'_>) -> String {
    let to = diff.to.map_or_else(|| "the document".into(), |to| format!("revision {to}"));
    let mut all = String::new();
    line(&mut all, &paint(Tone::Strong, &format!("revision {} -> {to}", diff.from)));
    for operation in &diff.patch {
        let place = operation.get("path").and_then(Value::as_str).unwrap_or_default();
        let is_of_text = diff.texts.iter().any(|text| text.pointer == place);
        if !is_of_text && !places_an_item(diff, operation, place) {
            line(&mut all, &operation_text(operation, &named(diff, place), paint));
        }
    }
    for item in &diff.items {
        if let Some(told) = item_text(diff, item, paint) {
            line(&mut all, &told);
        }
    }
    for text in &diff.texts {
        let place = named(diff, &text.pointer);
        line(&mut all, &format!("\n{}", paint(Tone::Strong, &harmless(&place))));
        for hunk in &text.hunks {
            let place = format!("line {} -> {}", hunk.from_line, hunk.to_line);
            line(&mut all, &paint(Tone::Dim, &place));
            if columns >= SIDE_BY_SIDE_MIN {
                beside(&mut all, hunk, (columns - BETWEEN.len()) / 2, paint);
            } else {
                below(&mut all, hunk, paint);
            }
        }
    }
    all
}

fn line(all: &mut String, line: &str) {
    writeln!(all, "{line}").expect("writing into a string succeeds");
}

/// Whether an operation removes, adds or moves an item that is told by its identity: its place is
/// that in a list of which other items are gone already.
fn places_an_item(diff: &RevisionDiff, operation: &Value, place: &str) -> bool {
    let kind = operation.get("op").and_then(Value::as_str);
    matches!(kind, Some("add" | "remove" | "move"))
        && diff
            .items
            .iter()
            .any(|item| index_in(item, place).is_some_and(|(_, rest)| rest.is_empty()))
}

/// The index in the list of an item that a pointer has, and what of the pointer is behind it.
fn index_in<'a>(item: &ItemDiff, pointer: &'a str) -> Option<(usize, &'a str)> {
    let behind = pointer.strip_prefix(item.list.as_str())?.strip_prefix('/')?;
    let (index, rest) = behind.split_once('/').unwrap_or((behind, ""));
    Some((index.parse().ok()?, rest))
}

/// A place in the second document, with what names the item that it is in.
fn named(diff: &RevisionDiff, pointer: &str) -> String {
    let is_in =
        |item: &&ItemDiff| index_in(item, pointer).is_some_and(|(index, _)| item.to == Some(index));
    let name = diff.items.iter().find(is_in).map(name_of).unwrap_or_default();
    format!("{pointer}{name}")
}

/// What names an item, for people; nothing for one that is known by its value.
fn name_of(item: &ItemDiff) -> String {
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match &item.identity {
        None | Some(Value::Null) => String::new(),
        Some(Value::Array(words)) => {
            format!(" ({})", words.iter().map(word).collect::<Vec<_>>().join(" "))
        }
        Some(value) => format!(" ({})", word(value)),
    }
}

/// An item that is new, gone or elsewhere; what changed in one that stays is told by itself.
fn item_text(diff: &RevisionDiff, item: &ItemDiff, paint: &Paint<'_>) -> Option<String> {
    let (list, name) = (&item.list, name_of(item));
    let added = |to: usize| {
        let path = format!("{list}/{to}");
        let of = diff.patch.iter().find(|one| one["op"] == "add" && one["path"] == *path);
        of.and_then(|one| one.get("value")).map(Value::to_string).unwrap_or_default()
    };
    let (tone, told) = match (item.from, item.to) {
        (None, Some(to)) => (Tone::Added, format!("+ {list}/{to}{name} {}", added(to))),
        (Some(from), None) => (Tone::Removed, format!("- {list}/{from}{name}")),
        (Some(from), Some(to)) if item.moved => {
            (Tone::Warning, format!("> {list}/{to}{name}, which was at {from}"))
        }
        _ => return None,
    };
    Some(paint(tone, &harmless(told.trim_end())))
}

/// An operation that is not about a text.
fn operation_text(operation: &Value, place: &str, paint: &Paint<'_>) -> String {
    let value = operation.get("value").map(ToString::to_string).unwrap_or_default();
    let told = |sign: &str| harmless(format!("{sign} {place} {value}").trim_end());
    match operation.get("op").and_then(Value::as_str) {
        Some("add") => paint(Tone::Added, &told("+")),
        Some("remove") => paint(Tone::Removed, &told("-")),
        _ => paint(Tone::Warning, &told("~")),
    }
}

/// The tones of a line's parts: those that are equal, and those that differ.
fn tones(side: LineSide) -> [Option<Tone>; 2] {
    match side {
        LineSide::Both => [None, None],
        LineSide::From => [Some(Tone::Removed), Some(Tone::RemovedWord)],
        LineSide::To => [Some(Tone::Added), Some(Tone::AddedWord)],
    }
}

fn painted(side: LineSide, spans: &[Span], paint: &Paint<'_>) -> String {
    // In a line that is changed as a whole, no single words are marked.
    let has_words = spans.iter().any(|span| !span.changed);
    let [of_line, of_word] = tones(side);
    let part = |span: &Span| {
        let tone = if span.changed && has_words { of_word } else { of_line };
        let text = harmless(&span.text);
        tone.map_or_else(|| text.clone(), |tone| paint(tone, &text))
    };
    spans.iter().map(part).collect()
}

/// Shows the lines below each other, with a sign in front.
fn below(all: &mut String, hunk: &Hunk, paint: &Paint<'_>) {
    for HunkLine { side, spans } in &hunk.lines {
        let sign = match side {
            LineSide::Both => " ".into(),
            LineSide::From => paint(Tone::Removed, "-"),
            LineSide::To => paint(Tone::Added, "+"),
        };
        line(all, format!("{sign} {}", painted(*side, spans, paint)).trim_end());
    }
}

/// Shows the first text left and the second right. Lines that differ are paired in order.
fn beside(all: &mut String, hunk: &Hunk, width: usize, paint: &Paint<'_>) {
    let mut lines = hunk.lines.iter().peekable();
    while let Some(next) = lines.peek() {
        if next.side == LineSide::Both {
            let both = std::slice::from_ref(*next);
            rows(
                all,
                &both.iter().collect::<Vec<_>>(),
                &both.iter().collect::<Vec<_>>(),
                width,
                paint,
            );
            lines.next();
            continue;
        }
        let (mut from, mut to) = (Vec::new(), Vec::new());
        while let Some(found) = lines.next_if(|found| found.side == LineSide::From) {
            from.push(found);
        }
        while let Some(found) = lines.next_if(|found| found.side == LineSide::To) {
            to.push(found);
        }
        rows(all, &from, &to, width, paint);
    }
}

fn rows(all: &mut String, from: &[&HunkLine], to: &[&HunkLine], width: usize, paint: &Paint<'_>) {
    for index in 0..from.len().max(to.len()) {
        let parts = |lines: &[&HunkLine]| {
            lines.get(index).map_or_else(Vec::new, |found| {
                let wrapped = wrapped(&found.spans, width);
                wrapped.into_iter().map(|(spans, cells)| (found.side, spans, cells)).collect()
            })
        };
        let (left, right): (Vec<_>, Vec<_>) = (parts(from), parts(to));
        for row in 0..left.len().max(right.len()) {
            let (text, cells) = left.get(row).map_or((String::new(), 0), |(side, spans, cells)| {
                (painted(*side, spans, paint), *cells)
            });
            let other = right.get(row).map(|(side, spans, _)| painted(*side, spans, paint));
            let room = " ".repeat(width - cells.min(width));
            line(all, format!("{text}{room}{BETWEEN}{}", other.unwrap_or_default()).trim_end());
        }
    }
}

/// Wraps the parts of a line into pieces of at most `width` cells. Returns at least one piece, each
/// with its number of cells.
fn wrapped(spans: &[Span], width: usize) -> Vec<(Vec<Span>, usize)> {
    let mut pieces = vec![(Vec::<Span>::new(), 0)];
    for span in spans {
        for char in harmless(&span.text).replace('\t', "    ").chars() {
            let cells = char.width().unwrap_or(0);
            if pieces.last().is_some_and(|(_, used)| used + cells > width) {
                pieces.push((Vec::new(), 0));
            }
            let Some((parts, used)) = pieces.last_mut() else { continue };
            *used += cells;
            match parts.last_mut() {
                Some(part) if part.changed == span.changed => part.text.push(char),
                _ => parts.push(Span { text: char.into(), changed: span.changed }),
            }
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use persona_http::contract::history::{
        Hunk, HunkLine, ItemDiff, LineSide, RevisionDiff, Span, TextDiff,
    };
    use serde_json::{Value, json};

    use super::{Tone, text};

    fn spans(parts: &[(&str, bool)]) -> Vec<Span> {
        parts
            .iter()
            .map(|(text, changed)| Span { text: (*text).into(), changed: *changed })
            .collect()
    }

    fn diff() -> RevisionDiff {
        let line = |side, parts: &[(&str, bool)]| HunkLine { side, spans: spans(parts) };
        let lines = vec![
            line(LineSide::Both, &[("before", false)]),
            line(LineSide::From, &[("the ", false), ("old", true), (" word", false)]),
            line(LineSide::To, &[("the ", false), ("new\u{1b}", true), (" word", false)]),
            line(LineSide::To, &[("one more", true)]),
        ];
        RevisionDiff {
            from: 3,
            to: Some(4),
            changed: vec!["description".into(), "tags".into()],
            patch: vec![
                json!({ "op": "replace", "path": "/description", "value": "x" }),
                json!({ "op": "add", "path": "/tags/0", "value": "a" }),
                json!({ "op": "remove", "path": "/tags/1" }),
            ],
            texts: vec![TextDiff {
                pointer: "/description".into(),
                from_pointer: None,
                coarse: false,
                hunks: vec![Hunk { from_line: 6, to_line: 6, lines }],
            }],
            items: Vec::new(),
        }
    }

    #[test]
    fn a_narrow_terminal_shows_lines_below_each_other_and_words_in_their_colour() {
        let plain = text(&diff(), 80, &|_, text| text.to_owned());
        let expected = "revision 3 -> 4\n+ /tags/0 \"a\"\n- /tags/1\n\n/description\nline 6 -> 6\n  before\n\
                        - the old word\n+ the new\u{241b} word\n+ one more\n";
        assert_eq!(plain.replace("revision 4", "4"), expected);
        let painted = text(&diff(), 80, &|tone, text| match tone {
            Tone::AddedWord => format!("<{text}>"),
            Tone::RemovedWord => format!("[{text}]"),
            _ => text.to_owned(),
        });
        assert!(
            painted.contains("- the [old] word\n+ the <new\u{241b}> word\n+ one more\n"),
            "{painted}"
        );
    }

    #[test]
    fn items_are_told_by_what_names_them() {
        let list = "/character_book/entries";
        let item = |identity: Value, from, to, moved, changed| ItemDiff {
            list: list.into(),
            identity: Some(identity),
            from,
            to,
            moved,
            changed,
        };
        let mut diff = diff();
        diff.texts = Vec::new();
        diff.patch = vec![
            json!({ "op": "remove", "path": "/character_book/entries/3" }),
            json!({ "op": "move", "from": "/character_book/entries/0", "path": "/character_book/entries/1" }),
            json!({ "op": "add", "path": "/character_book/entries/0", "value": { "id": 4 } }),
            json!({ "op": "replace", "path": "/character_book/entries/2/enabled", "value": true }),
        ];
        diff.items = vec![
            item(json!(3), Some(3), None, false, false),
            item(json!(4), None, Some(0), false, false),
            item(json!(["icon", "main"]), Some(0), Some(1), true, false),
            item(json!("x"), Some(1), Some(2), false, true),
        ];
        let shown = text(&diff, 80, &|_, text| text.to_owned());
        let expected = [
            "~ /character_book/entries/2/enabled (x) true",
            "- /character_book/entries/3 (3)",
            "+ /character_book/entries/0 (4) {\"id\":4}",
            "> /character_book/entries/1 (icon main), which was at 0",
        ];
        assert_eq!(shown.lines().skip(1).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_wide_terminal_shows_both_texts_side_by_side_and_wraps_long_lines() {
        let mut diff = diff();
        let long = "x".repeat(70);
        diff.texts[0].hunks[0].lines[1].spans = spans(&[(&long, true)]);
        let shown = text(&diff, 123, &|_, text| text.to_owned());
        let rows: Vec<(&str, &str)> = shown
            .lines()
            .filter_map(|line| {
                line.split_once(" | ").or(line.split_once(" |").filter(|_| line.ends_with('|')))
            })
            .map(|(left, right)| (left.trim_end(), right))
            .collect();
        let expected = [
            ("before", "before"),
            (&long[..60], "the new\u{241b} word"),
            (&long[60..], ""),
            ("", "one more"),
        ];
        assert_eq!(rows, expected);
    }
}

//! The result of a run: printed, and on request kept as JSON, drawn, and put into the documents.
//!
//! Every group keeps its own date and conditions, because a ratio is taken within a pair of one
//! group. So a group that was changed is measured again alone.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use persona_model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::arguments::Options;
use crate::place::Place;
use crate::row::Row;
use crate::table::GROUPS;
use crate::{Result, chart, machine};

/// The recorded table is between these two lines of `docs/performance.md`.
const BEGIN: &str = "<!-- begin: written by ./bench -->";
const END: &str = "<!-- end: written by ./bench -->";
/// The headings of the table.
const HEADINGS: [&str; 6] = ["what", "target", "ours", "rival", "ours / rival", "met"];

/// A group of comparisons that was measured, with the conditions of the measurement.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct MeasuredGroup {
    name: String,
    /// The day, as `YYYY-MM-DD` in UTC.
    on: String,
    pairs: u32,
    /// Of one measurement.
    seconds: u32,
    connections: u32,
    personas: u64,
    workers: u16,
    machine: String,
    /// Runnable processes for each core before the run: above a half, the machine had other work.
    load_per_core_before: f64,
    rows: Vec<Row>,
}

impl MeasuredGroup {
    /// A group that was measured just now, on this machine.
    pub fn now(name: &str, options: &Options, load_per_core_before: f64, rows: Vec<Row>) -> Self {
        let since_1970 = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let now = Timestamp::from_micros(i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX));
        let Options { seconds, pairs, personas, connections, .. } = *options;
        Self {
            name: name.into(),
            on: now.to_string().chars().take_while(|char| *char != 'T').collect(),
            pairs,
            seconds,
            connections,
            personas,
            workers: options.workers(),
            machine: machine::words(),
            load_per_core_before,
            rows,
        }
    }

    /// The conditions of the measurement, in a few words.
    fn conditions(&self) -> String {
        let Self { on, pairs, seconds, connections, personas, workers, .. } = self;
        format!(
            "{on}, {pairs} pairs of {seconds} s, {connections} connections, {personas} personas, {workers} workers"
        )
    }

    fn lines(&self) -> impl Iterator<Item = [String; 6]> {
        self.rows.iter().map(Row::cells)
    }
}

/// The results of one run.
#[derive(Debug)]
pub struct Report {
    pub groups: Vec<MeasuredGroup>,
    /// Which groups could not be measured, and why.
    pub left_out: Vec<String>,
}

impl Report {
    /// Prints the table. With `record` each group takes the place of its earlier figures in the
    /// documentation; otherwise the run keeps its results in the throwaway folder.
    pub fn finish(&self, place: &Place, record: bool) -> Result<()> {
        if self.groups.is_empty() {
            return Err(format!("nothing could be measured: {}", self.left_out.join("; ")).into());
        }
        let lines: Vec<_> = std::iter::once(HEADINGS.map(ToString::to_string))
            .chain(self.groups.iter().flat_map(MeasuredGroup::lines))
            .collect();
        println!("\n{}", aligned(&lines));
        self.left_out.iter().for_each(|what| println!("left out: {what}"));
        if !record {
            write(&self.groups, &place.kept("latest.json"), &place.kept("bench.svg"))?;
            println!("the documentation keeps its figures; --record puts these in their place");
            return Ok(());
        }
        let results = place.path("benches/results/latest.json");
        let recorded: Vec<MeasuredGroup> = match fs::read(&results) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(_) => Vec::new(),
        };
        let groups = merged(recorded, &self.groups);
        write(&groups, &results, &place.path("docs/img/bench.svg"))?;
        let path = place.path("docs/performance.md");
        let document = fs::read_to_string(&path)?;
        fs::write(&path, filled(&document, &markdown(&groups))?)?;
        println!("written: {} and {}", results.display(), path.display());
        Ok(())
    }
}

fn write(groups: &[MeasuredGroup], results: &Path, picture: &Path) -> Result<()> {
    fs::write(results, format!("{}\n", serde_json::to_string_pretty(groups)?))?;
    let rows: Vec<&Row> = groups.iter().flat_map(|group| &group.rows).collect();
    fs::write(picture, chart::svg(&rows))?;
    Ok(())
}

/// The recorded groups with the measured ones in their place, in the order of [`GROUPS`].
fn merged(mut recorded: Vec<MeasuredGroup>, measured: &[MeasuredGroup]) -> Vec<MeasuredGroup> {
    recorded.retain(|old| measured.iter().all(|new| new.name != old.name));
    recorded.extend(measured.iter().cloned());
    let place = |group: &MeasuredGroup| GROUPS.iter().position(|known| known.name == group.name);
    recorded.retain(|group| place(group).is_some());
    recorded.sort_by_key(place);
    recorded
}

/// One table of all groups, each below a line with its conditions.
fn markdown(groups: &[MeasuredGroup]) -> String {
    let row = |cells: &[String; 6]| format!("| {} |\n", cells.join(" | "));
    let mut machines: Vec<&str> = groups.iter().map(|group| group.machine.as_str()).collect();
    machines.sort_unstable();
    machines.dedup();
    let mut text = format!("Interleaved pairs; {}.\n\n", machines.join("; or "));
    text += &row(&HEADINGS.map(ToString::to_string));
    text += "|---|---|---|---|---|---|\n";
    for group in groups {
        let mut heading = [const { String::new() }; 6];
        heading[0] = format!("**{}**: {}", group.name, group.conditions());
        text += &row(&heading);
        text.extend(group.lines().map(|cells| row(&cells)));
    }
    text
}

/// The lines with columns as wide as their widest cell.
pub fn aligned<const N: usize>(lines: &[[String; N]]) -> String {
    let width = |column: usize| {
        lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |cells: &[String; N]| {
        let padded = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell}{}", " ".repeat(width - cell.chars().count() + 2)));
        format!("{}\n", padded.collect::<String>().trim_end())
    };
    lines.iter().map(line).collect()
}

/// The document with `text` in the marked place.
fn filled(document: &str, text: &str) -> Result<String> {
    let missing = || format!("docs/performance.md lacks the line {BEGIN} or {END}");
    let (before, rest) = document.split_once(BEGIN).ok_or_else(missing)?;
    let (_, after) = rest.split_once(END).ok_or_else(missing)?;
    Ok(format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", text.trim()))
}

#[cfg(test)]
mod tests {
    use super::{BEGIN, END, MeasuredGroup, aligned, filled, markdown, merged};
    use crate::row::{Row, Target};
    use crate::spread::Spread;

    fn group(name: &str, ours: f64) -> MeasuredGroup {
        let row = Row::alone("GET", "requests/s", Target::AtLeast(1.0), Spread::of([ours]));
        MeasuredGroup {
            name: name.into(),
            on: "2026-11-30".into(),
            pairs: 3,
            seconds: 6,
            connections: 64,
            personas: 100_000,
            workers: 2,
            machine: "2 cores".into(),
            load_per_core_before: 0.1,
            rows: vec![row],
        }
    }

    #[test]
    fn a_group_takes_the_place_of_its_earlier_figures_and_no_other() {
        let recorded = vec![group("writes", 1.0), group("gone", 5.0), group("lists", 2.0)];
        let all = merged(recorded, &[group("writes", 3.0), group("reads", 4.0)]);
        assert_eq!(all, [group("reads", 4.0), group("writes", 3.0), group("lists", 2.0)]);
        let text = markdown(&all);
        assert!(text.starts_with("Interleaved pairs; 2 cores.\n"), "{text}");
        assert_eq!(text.lines().filter(|line| line.contains("2026-11-30")).count(), 3, "{text}");
    }

    #[test]
    fn what_is_recorded_is_read_again() {
        let text = include_str!("../results/latest.json");
        let groups: Vec<MeasuredGroup> = serde_json::from_str(text).expect("recorded groups");
        assert!(!groups.is_empty());
        assert_eq!(merged(groups.clone(), &[]), groups, "a recorded group is no longer measured");
    }

    #[test]
    fn only_the_marked_place_of_the_document_is_replaced() {
        let document = format!("# Title\n{BEGIN}\nold\n{END}\nend\n");
        let expected = format!("# Title\n{BEGIN}\n\nnew\n\n{END}\nend\n");
        assert_eq!(filled(&document, "new\n").expect("it is marked"), expected);
        assert_eq!(filled(&expected, "new").expect("it is marked"), expected);
        assert!(filled("# Title\n", "new").is_err());
    }

    #[test]
    fn the_documentation_has_the_marked_place() {
        let document = include_str!("../../docs/performance.md");
        filled(document, "").expect("it is marked");
    }

    #[test]
    fn columns_are_aligned() {
        assert_eq!(
            aligned(&[["a".into(), "b".into()], ["long".into(), String::new()]]),
            "a     b\nlong\n"
        );
    }
}

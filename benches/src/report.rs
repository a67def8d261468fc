//! The result of a run: printed, kept as JSON, drawn, and put into the documentation.

use std::fs;

use serde_json::json;

use crate::arguments::Options;
use crate::place::Place;
use crate::row::Row;
use crate::{Result, chart, machine};

/// The table of the last full run is between these two lines of `docs/performance.md`.
const BEGIN: &str = "<!-- begin: written by ./bench -->";
const END: &str = "<!-- end: written by ./bench -->";
/// The headings of the table.
const HEADINGS: [&str; 6] = ["what", "target", "ours", "rival", "ours / rival", "met"];

/// The results of one run.
#[derive(Debug)]
pub struct Report {
    pub options: Options,
    /// Load of the machine before the run, for each core.
    pub load_per_core: f64,
    pub rows: Vec<Row>,
    /// Which groups could not be measured, and why.
    pub left_out: Vec<String>,
}

impl Report {
    /// Prints the table and keeps it. Only a full run replaces what the documentation shows.
    pub fn finish(&self, place: &Place) -> Result<()> {
        if self.rows.is_empty() {
            return Err(format!("nothing could be measured: {}", self.left_out.join("; ")).into());
        }
        println!("\n{}\n{}", self.conditions(), aligned(&self.lines()));
        self.left_out.iter().for_each(|what| println!("left out: {what}"));
        let full = !self.options.quick && self.options.only.is_none() && self.left_out.is_empty();
        let (results, picture) = if full {
            (place.path("benches/results/latest.json"), place.path("docs/img/bench.svg"))
        } else {
            (place.kept("latest.json"), place.kept("bench.svg"))
        };
        fs::write(&results, format!("{:#}\n", self.to_json()))?;
        fs::write(&picture, chart::svg(&self.rows, &self.conditions()))?;
        if full {
            let path = place.path("docs/performance.md");
            let document = fs::read_to_string(&path)?;
            fs::write(
                &path,
                filled(
                    &document,
                    &format!("{}\n\n{}", self.conditions(), markdown(&self.lines())),
                )?,
            )?;
        } else {
            println!("this was no full run, so the documentation keeps its figures");
        }
        println!("written: {} and {}", results.display(), picture.display());
        Ok(())
    }

    /// The conditions of the measurement, in one sentence.
    fn conditions(&self) -> String {
        let Options { seconds, pairs, personas, connections, .. } = &self.options;
        let workers = self.options.workers();
        format!(
            "{pairs} interleaved pairs of {seconds} s each, {connections} connections, {personas} personas, {workers} workers; {}.",
            machine::words()
        )
    }

    fn lines(&self) -> Vec<[String; 6]> {
        std::iter::once(HEADINGS.map(ToString::to_string))
            .chain(self.rows.iter().map(Row::cells))
            .collect()
    }

    fn to_json(&self) -> serde_json::Value {
        json!({
            "machine": machine::facts(),
            "load_per_core_before": self.load_per_core,
            "seconds": self.options.seconds,
            "pairs": self.options.pairs,
            "connections": self.options.connections,
            "personas": self.options.personas,
            "workers": self.options.workers(),
            "rows": self.rows.iter().map(Row::to_json).collect::<Vec<_>>(),
            "left_out": self.left_out,
        })
    }
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

fn markdown(lines: &[[String; 6]]) -> String {
    let row = |cells: &[String; 6]| format!("| {} |\n", cells.join(" | "));
    let rule = "|---|---|---|---|---|---|\n";
    let (heading, rows) = lines.split_first().expect("the heading is always there");
    [row(heading), rule.into()].into_iter().chain(rows.iter().map(row)).collect()
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
    use super::{BEGIN, END, aligned, filled};

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

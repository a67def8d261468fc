//! Aligned columns. Widths are those on a terminal, where one character may take two cells or none.

use unicode_width::UnicodeWidthStr;

/// Blanks between two columns.
const GAP: usize = 2;

/// How a column shrinks if the table does not fit.
#[derive(Clone, Copy, Debug)]
pub struct GivesWay {
    /// Fewest cells of the column; [`usize::MAX`] for a column that is never shortened.
    pub least: usize,
    /// The order in which columns are left out: the largest number first; a column with 0 is never
    /// left out.
    pub leaves: u8,
}

/// Rows of text in aligned columns.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table that starts with its heading.
    pub fn new<const N: usize>(heading: [&str; N]) -> Self {
        Self { rows: vec![heading.map(ToString::to_string).to_vec()] }
    }

    /// A table of rows only.
    pub fn without_heading() -> Self {
        Self::default()
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// The rows as lines of at most `cells_max` cells, as far as the columns can shrink: columns
    /// are left out in their order, and the others are shortened if they are too wide. Whole rows
    /// without a limit.
    pub fn fitted<const N: usize>(&self, cells_max: Option<usize>, ways: [GivesWay; N]) -> String {
        let Some(cells_max) = cells_max else { return self.text() };
        let widths = self.widths();
        let least = |column: usize| widths[column].min(ways[column].least);
        let gaps = |kept: &[usize]| GAP * kept.len().saturating_sub(1);
        let mut kept: Vec<usize> = (0..widths.len().min(N)).collect();
        while kept.iter().map(|column| least(*column)).sum::<usize>() + gaps(&kept) > cells_max {
            let Some(first) = kept
                .iter()
                .copied()
                .filter(|column| ways[*column].leaves > 0)
                .max_by_key(|column| ways[*column].leaves)
            else {
                break;
            };
            kept.retain(|column| *column != first);
        }
        let mut spare = cells_max
            .saturating_sub(kept.iter().map(|column| least(*column)).sum::<usize>() + gaps(&kept));
        let mut rows = vec![Vec::new(); self.rows.len()];
        for column in kept {
            let more = (widths[column] - least(column)).min(spare);
            spare -= more;
            for (row, fitted) in self.rows.iter().zip(&mut rows) {
                fitted.push(shortened(
                    row.get(column).map_or("", String::as_str),
                    least(column) + more,
                ));
            }
        }
        Self { rows }.text()
    }

    fn widths(&self) -> Vec<usize> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.width())
                .max()
                .unwrap_or(0)
        };
        (0..columns).map(width).collect()
    }

    /// The rows as lines, each with a line feed, without blanks at the end.
    pub fn text(&self) -> String {
        let widths = self.widths();
        let line = |row: &Vec<String>| {
            let cells = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell}{}", " ".repeat(width - cell.width() + GAP)));
            format!("{}\n", cells.collect::<String>().trim_end())
        };
        self.rows.iter().map(line).collect()
    }
}

/// At most this many cells of a text, with an ellipsis if text was cut off.
pub fn shortened(text: &str, cells_max: usize) -> String {
    if text.width() <= cells_max {
        return text.into();
    }
    let mut short = String::new();
    for char in text.chars() {
        if short.width() + char.to_string().width() >= cells_max {
            break;
        }
        short.push(char);
    }
    format!("{short}…")
}

#[cfg(test)]
mod tests {
    use super::{GivesWay, Table, shortened};

    #[test]
    fn columns_are_aligned_by_terminal_cells() {
        let mut table = Table::new(["NAME", "KIND"]);
        table.row(["小红书".into(), "agent".into()]);
        table.row(["Ada".into(), String::new()]);
        assert_eq!(table.text(), "NAME    KIND\n小红书  agent\nAda\n");
    }

    #[test]
    fn columns_that_do_not_fit_are_shortened_and_then_left_out() {
        let mut table = Table::new(["ID", "NAME", "TAGS"]);
        table.row(["0123".into(), "Ada Lovelace".into(), "maths".into()]);
        let ways =
            [(usize::MAX, 0), (6, 0), (3, 1)].map(|(least, leaves)| GivesWay { least, leaves });
        let fitted = |cells_max| table.fitted(Some(cells_max), ways);
        assert_eq!(table.fitted(None, ways), table.text());
        assert_eq!(fitted(80), table.text());
        assert_eq!(fitted(22), "ID    NAME         TA…\n0123  Ada Lovela…  ma…\n");
        assert_eq!(fitted(14), "ID    NAME\n0123  Ada Lov…\n");
        assert_eq!(fitted(1), "ID    NAME\n0123  Ada L…\n");
    }

    #[test]
    fn a_long_text_is_cut_to_its_cells() {
        assert_eq!(shortened("Ada", 3), "Ada");
        assert_eq!(shortened("Adam", 3), "Ad…");
        assert_eq!(shortened("小红书写作", 6), "小红…");
    }
}

//! Aligned columns. Widths are those on a terminal, where one character may take two cells or none.

use unicode_width::UnicodeWidthStr;

/// Blanks between two columns.
const GAP: usize = 2;

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

    /// The rows as lines, each with a line feed, without blanks at the end.
    pub fn text(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell}{}", " ".repeat(width - cell.width() + GAP)));
            format!("{}\n", cells.collect::<String>().trim_end())
        };
        self.rows.iter().map(line).collect()
    }
}

/// At most this many cells of a text, with an ellipsis where something was left out.
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
    use super::{Table, shortened};

    #[test]
    fn columns_are_aligned_by_terminal_cells() {
        let mut table = Table::new(["NAME", "KIND"]);
        table.row(["小红书".into(), "agent".into()]);
        table.row(["Ada".into(), String::new()]);
        assert_eq!(table.text(), "NAME    KIND\n小红书  agent\nAda\n");
    }

    #[test]
    fn a_long_text_is_cut_to_its_cells() {
        assert_eq!(shortened("Ada", 3), "Ada");
        assert_eq!(shortened("Adam", 3), "Ad…");
        assert_eq!(shortened("小红书写作", 6), "小红…");
    }
}

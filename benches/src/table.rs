//! Tables in Markdown, ready for the README.

use std::io::Write as _;

/// A table that is printed row by row, so that one sees it grow.
#[derive(Debug)]
pub struct Table {
    columns: usize,
}

impl Table {
    /// Prints the title and the head.
    pub fn new(title: &str, columns: &[&str]) -> Self {
        print(&format!("\n### {title}\n"));
        let table = Self { columns: columns.len() };
        table.row(columns);
        print(&format!("|{}", "---|".repeat(columns.len())));
        table
    }

    /// Prints a row.
    pub fn row<S: AsRef<str>>(&self, cells: &[S]) {
        debug_assert_eq!(cells.len(), self.columns);
        let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
        print(&format!("| {} |", cells.join(" | ")));
    }
}

/// Prints a line beside the tables.
pub fn print(line: &str) {
    // Nobody reads on: then nobody misses it.
    let _ = writeln!(std::io::stdout(), "{line}");
}

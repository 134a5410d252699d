//! A container's output in files: `<milliseconds since 1970> <o or e> <line>`, one line each, in files numbered in order.
//!
//! Only the supervisor writes; anybody may read along. A file with a successor never changes again, so a reader knows from the names
//! alone where to go on, and the oldest are removed without asking the readers, other than those that [hold](holds) them.

mod holds;
mod reader;
mod writer;

pub(super) use holds::{Hold, Holds};
pub(super) use reader::LogReader;
pub(super) use writer::{LineSplitter, LogWriter};

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The files of a container's output, oldest first.
fn numbers(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(numbers),
        entries => entries?,
    };
    for entry in entries {
        let name = entry?.file_name();
        numbers.extend(name.to_str().and_then(|name| name.strip_suffix(".log")).and_then(|number| number.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn file(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:08}.log"))
}

#[cfg(test)]
mod tests;

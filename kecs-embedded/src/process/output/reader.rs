//! The side of those who read along.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;

use bytes::Bytes;
use kecs_core::{LogLine, LogSource};
use kecs_model::Timestamp;

use super::{file, numbers};

/// How many lines are read in one go, so that a long log need not be held whole.
const BATCH: usize = 512;

/// Reads one container's output from its beginning, and goes on where it was when there is more. Blocks.
#[derive(Debug)]
pub(in crate::process) struct LogReader {
    folder: PathBuf,
    open: Option<(u64, BufReader<File>)>,
    /// A line whose end is not written yet.
    partial: Vec<u8>,
    missed: u64,
}

impl LogReader {
    pub(in crate::process) fn new(folder: PathBuf) -> Self {
        Self { folder, open: None, partial: Vec::new(), missed: 0 }
    }

    /// The number of the file that is read; those before it have been.
    pub(in crate::process) fn file(&self) -> Option<u64> {
        self.open.as_ref().map(|(number, _)| *number)
    }

    /// How many files were removed between two that were read, since this was last asked.
    pub(in crate::process) fn missed(&mut self) -> u64 {
        std::mem::take(&mut self.missed)
    }

    /// The next lines; none if there are none for now.
    pub(in crate::process) fn batch(&mut self) -> io::Result<Vec<LogLine>> {
        let mut lines = Vec::new();
        while lines.len() < BATCH {
            match self.line()? {
                Some(line) => lines.push(line),
                None => break,
            }
        }
        Ok(lines)
    }

    /// The last `count` lines that there are now.
    pub(in crate::process) fn tail(&mut self, count: usize) -> io::Result<Vec<LogLine>> {
        let mut last = VecDeque::new();
        while let Some(line) = self.line()? {
            last.push_back(line);
            if last.len() > count {
                last.pop_front();
            }
        }
        Ok(last.into())
    }

    fn line(&mut self) -> io::Result<Option<LogLine>> {
        loop {
            let number = match &mut self.open {
                None => 0,
                Some((number, file)) => {
                    let number = *number;
                    if let Some(line) = read_line(file, &mut self.partial)? {
                        return Ok(Some(line));
                    }
                    number
                }
            };
            let Some(next) = numbers(&self.folder)?.into_iter().find(|&other| other > number) else { return Ok(None) };
            // Something may have come between the last look at the old file and the making of the new one.
            if let Some((_, file)) = &mut self.open
                && let Some(line) = read_line(file, &mut self.partial)?
            {
                return Ok(Some(line));
            }
            match File::open(file(&self.folder, next)) {
                Ok(file) => {
                    // What was removed before the first file may have been read by whoever read before.
                    self.missed += if number > 0 { next - number - 1 } else { 0 };
                    self.open = Some((next, BufReader::new(file)));
                }
                // Removed for its age in this moment; a later one is there.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn read_line(file: &mut BufReader<File>, partial: &mut Vec<u8>) -> io::Result<Option<LogLine>> {
    loop {
        let read = file.read_until(b'\n', partial)?;
        if read == 0 || partial.last() != Some(&b'\n') {
            return Ok(None);
        }
        partial.pop();
        let line = parse(partial);
        partial.clear();
        if line.is_some() {
            return Ok(line);
        }
    }
}

fn parse(record: &[u8]) -> Option<LogLine> {
    let mut fields = record.splitn(3, |&byte| byte == b' ');
    let at = std::str::from_utf8(fields.next()?).ok()?.parse().ok()?;
    let stream = match fields.next()? {
        b"o" => LogSource::Stdout,
        b"e" => LogSource::Stderr,
        _ => return None,
    };
    Some(LogLine { at: Timestamp::from_millis(at), stream, line: Bytes::copy_from_slice(fields.next()?) })
}

//! The supervisor's side.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use kecs_core::LogSource;
use kecs_model::Timestamp;
use tokio::sync::watch;

use super::{Holds, file, numbers};
use crate::process::folder::create_folder;

/// How many files are kept: the one that is written, and those before it.
const KEPT: u64 = 2;

/// The number of a container's first file.
const FIRST: u64 = 1;

/// Where a line without an end is cut, as Docker cuts it: a program that writes none must not fill the memory.
const LONGEST_LINE: usize = 16 * 1024;

/// Writes one container's output.
#[derive(Debug)]
pub(in crate::process) struct LogWriter {
    folder: PathBuf,
    file: File,
    number: u64,
    size: u64,
    limit: u64,
    written: watch::Sender<u64>,
    holds: Holds,
}

impl LogWriter {
    /// Goes on after what is there. Files grow to about `limit` bytes.
    pub(in crate::process) fn open(folder: PathBuf, limit: u64) -> io::Result<Self> {
        create_folder(&folder, 0o700)?;
        let number = numbers(&folder)?.last().copied().unwrap_or(FIRST);
        let file = append_to(&folder, number)?;
        let size = file.metadata()?.len();
        Ok(Self { folder, file, number, size, limit, written: watch::Sender::new(0), holds: Holds::default() })
    }

    /// Those for whom the oldest file has to wait.
    pub(in crate::process) fn holds(&self) -> &Holds {
        &self.holds
    }

    /// What to wait for before the next lines, so that nobody misses any: a file that has to go for them, if there is one.
    pub(in crate::process) fn in_the_way(&self) -> Option<impl Future<Output = ()> + use<>> {
        let oldest = self.next_to_go().filter(|_| self.is_full())?;
        let holds = self.holds.clone();
        holds.holds(oldest).then_some(async move { holds.released(oldest).await })
    }

    /// Tells whenever something was written; closed when the writer is gone.
    pub(in crate::process) fn subscribe(&self) -> watch::Receiver<u64> {
        self.written.subscribe()
    }

    /// Writes lines of one moment. Where they would take the place of a file that somebody has to read, the newest grows instead.
    pub(in crate::process) fn append<'a>(
        &mut self,
        source: LogSource,
        at: Timestamp,
        lines: impl IntoIterator<Item = &'a [u8]>,
    ) -> io::Result<()> {
        let mark = match source {
            LogSource::Stdout => 'o',
            LogSource::Stderr => 'e',
        };
        let mut text = Vec::new();
        for line in lines {
            write!(text, "{} {mark} ", at.as_millis())?;
            text.extend_from_slice(line);
            text.push(b'\n');
        }
        if text.is_empty() {
            return Ok(());
        }
        if self.is_full() && !self.next_to_go().is_some_and(|oldest| self.holds.holds(oldest)) {
            self.rotate()?;
        }
        self.file.write_all(&text)?;
        self.size += text.len() as u64;
        self.written.send_modify(|count| *count += 1);
        Ok(())
    }

    /// Whether the next lines need a new file.
    fn is_full(&self) -> bool {
        self.size >= self.limit
    }

    /// The newest of the files that a new one removes.
    fn next_to_go(&self) -> Option<u64> {
        (self.number + 1).checked_sub(KEPT).filter(|&file| file >= FIRST)
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.file = append_to(&self.folder, self.number + 1)?;
        self.number += 1;
        self.size = 0;
        for old in numbers(&self.folder)?.into_iter().filter(|old| old + KEPT <= self.number) {
            fs::remove_file(file(&self.folder, old))?;
        }
        Ok(())
    }
}

fn append_to(folder: &std::path::Path, number: u64) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(file(folder, number))
}

/// Cuts what a pipe gives into lines.
#[derive(Debug, Default)]
pub(in crate::process) struct LineSplitter {
    rest: Vec<u8>,
}

impl LineSplitter {
    /// The lines that `bytes` completes, without their ends.
    pub(in crate::process) fn push(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        let mut pieces = bytes.split(|&byte| byte == b'\n');
        let last = pieces.next_back().unwrap_or_default();
        for piece in pieces {
            self.fill(piece, &mut lines);
            lines.push(std::mem::take(&mut self.rest));
        }
        self.fill(last, &mut lines);
        lines
    }

    /// The last line, where it has no end.
    pub(in crate::process) fn finish(&mut self) -> Option<Vec<u8>> {
        (!self.rest.is_empty()).then(|| std::mem::take(&mut self.rest))
    }

    fn fill(&mut self, mut piece: &[u8], lines: &mut Vec<Vec<u8>>) {
        while self.rest.len() + piece.len() > LONGEST_LINE {
            let (now, later) = piece.split_at(LONGEST_LINE - self.rest.len());
            self.rest.extend_from_slice(now);
            let begun = self.rest.split_off(whole_characters(&self.rest));
            lines.push(std::mem::replace(&mut self.rest, begun));
            piece = later;
        }
        self.rest.extend_from_slice(piece);
    }
}

/// The length of a line without the character that its end has only the beginning of, so that a cut makes two characters of none.
fn whole_characters(line: &[u8]) -> usize {
    let is_first = |byte: &u8| byte & 0b1100_0000 != 0b1000_0000;
    let last = line.iter().rposition(is_first).unwrap_or(0);
    let is_begun = std::str::from_utf8(&line[last..]).is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none());
    if is_begun { last } else { line.len() }
}

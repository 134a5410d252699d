//! The ids of tasks that were forgotten, so that a late `ensure_task` does not run one of them again: a control plane that hung may still
//! believe in it. One file for the data folder, one line for a task, shared by all managers on it.

use std::collections::HashSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use kecs_core::TaskId;

/// How many are remembered: days of a busy control plane, in some megabytes.
const REMEMBERED: usize = 100_000;

/// The length of a line, with its end.
const LINE: usize = 33;

/// The tasks that were forgotten, as far as the file was read.
#[derive(Debug)]
pub(super) struct Forgotten {
    path: PathBuf,
    tasks: HashSet<TaskId>,
    read: u64,
}

impl Forgotten {
    /// Reads the file in the data folder, and drops the oldest from it where there are too many.
    pub(super) fn open(data: &Path) -> io::Result<Self> {
        let path = data.join("forgotten-tasks");
        shorten(&path)?;
        let mut forgotten = Self { path, tasks: HashSet::new(), read: 0 };
        forgotten.catch_up()?;
        Ok(forgotten)
    }

    /// Whether the task was forgotten, by this manager or another.
    pub(super) fn contains(&mut self, task: TaskId) -> io::Result<bool> {
        self.catch_up()?;
        Ok(self.tasks.contains(&task))
    }

    pub(super) fn add(&mut self, task: TaskId) -> io::Result<()> {
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&self.path)?;
        // One write, which the system appends whole.
        file.write_all(format!("{task}\n").as_bytes())?;
        self.tasks.insert(task);
        Ok(())
    }

    fn catch_up(&mut self) -> io::Result<()> {
        let mut file = match fs::File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            file => file?,
        };
        let length = file.metadata()?.len();
        if length == self.read {
            return Ok(());
        }
        // Shorter: another manager dropped the oldest.
        self.read = if length < self.read { 0 } else { self.read };
        file.seek(SeekFrom::Start(self.read))?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let whole = text.len() / LINE * LINE;
        self.tasks.extend(text[..whole].lines().filter_map(|line| line.parse::<TaskId>().ok()));
        self.read += whole as u64;
        Ok(())
    }
}

fn shorten(path: &Path) -> io::Result<()> {
    let text = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        text => text?,
    };
    if text.len() <= 2 * REMEMBERED * LINE {
        return Ok(());
    }
    let new = path.with_extension("new");
    fs::write(&new, &text[text.len() - REMEMBERED * LINE..])?;
    fs::rename(new, path)
}

#[cfg(test)]
mod tests {
    use kecs_core::TaskId;

    use super::{Forgotten, LINE, REMEMBERED};

    #[test]
    fn what_one_manager_forgets_the_others_know_at_once_and_later() {
        let data = tempfile::tempdir().unwrap();
        let (mut one, mut other) = (Forgotten::open(data.path()).unwrap(), Forgotten::open(data.path()).unwrap());
        let (task, living) = (TaskId::random(), TaskId::random());
        one.add(task).unwrap();
        for forgotten in [&mut one, &mut other, &mut Forgotten::open(data.path()).unwrap()] {
            assert!(forgotten.contains(task).unwrap());
            assert!(!forgotten.contains(living).unwrap());
        }
    }

    #[test]
    fn the_oldest_are_dropped_where_there_are_too_many() {
        let data = tempfile::tempdir().unwrap();
        let task = |number: usize| format!("{number:032x}");
        let all: String = (0..=2 * REMEMBERED).map(|number| task(number) + "\n").collect();
        let path = data.path().join("forgotten-tasks");
        std::fs::write(&path, all).unwrap();
        let mut forgotten = Forgotten::open(data.path()).unwrap();
        assert_eq!(std::fs::metadata(path).unwrap().len(), (REMEMBERED * LINE) as u64);
        assert!(!forgotten.contains(task(0).parse().unwrap()).unwrap());
        assert!(forgotten.contains(task(2 * REMEMBERED).parse().unwrap()).unwrap());
    }
}

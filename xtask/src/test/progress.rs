//! How far a run has come, and its end when it has come no further for too long.

use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::output;

/// How long a run in CI may take, which is given 90 minutes: who is ended from outside cannot say any more what it was at.
pub(crate) const LIMIT: Duration = Duration::from_mins(85);

static PROGRESS: Mutex<Progress> = Mutex::new(Progress { rows: Vec::new(), step: None, slow: Vec::new() });

/// What a run has done, and what it is at.
#[derive(Debug, Default)]
struct Progress {
    /// A line for each step that has ended.
    rows: Vec<String>,
    step: Option<(&'static str, Instant)>,
    /// Tests of the step that run for more than a minute and have not ended.
    slow: Vec<String>,
}

impl Progress {
    /// Reads a line of a test program: libtest says once of a test that it is slow, and of each how it ended.
    fn line(&mut self, line: &str) {
        let Some(told) = line.strip_prefix("test ") else { return };
        if let Some(name) = told.strip_suffix(" has been running for over 60 seconds") {
            self.slow.push(name.to_owned());
        } else if let Some((name, _)) = told.split_once(" ... ") {
            self.slow.retain(|slow| slow != name);
        }
    }

    /// Says what is known, for whoever looks why the run was ended.
    fn report(&self) -> Vec<String> {
        let mut lines = self.rows.clone();
        if let Some((step, since)) = &self.step {
            lines.push(format!("{step:14} NOT ENDED {:>6.1} s", since.elapsed().as_secs_f64()));
        }
        lines.extend(self.slow.iter().map(|test| format!("not ended: {test}")));
        lines
    }
}

fn progress() -> MutexGuard<'static, Progress> {
    // What a panic left behind is a list all the same.
    PROGRESS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A step begins.
pub(crate) fn begin(step: &'static str) {
    let mut progress = progress();
    progress.step = Some((step, Instant::now()));
    progress.slow.clear();
}

/// A test program has said this.
pub(crate) fn line(line: &str) {
    progress().line(line);
}

/// The step has ended, with this line for the summary.
pub(crate) fn end(row: String) {
    let mut progress = progress();
    progress.rows.push(row);
    progress.step = None;
}

/// The lines of the steps that have ended.
pub(crate) fn rows() -> Vec<String> {
    progress().rows.clone()
}

/// Ends this process and what it has started if it is still there after `limit`, with a report of how far it came.
#[expect(clippy::disallowed_methods, reason = "the event is the time itself")]
pub(crate) fn end_after(limit: Duration) {
    std::thread::spawn(move || {
        std::thread::sleep(limit);
        output::heading(&format!("not ended after {} minutes", limit.as_secs() / 60));
        for line in progress().report() {
            output::line(&line);
        }
        for pid in descendants(std::process::id()) {
            let _ = Command::new("kill").arg(pid.to_string()).stderr(Stdio::null()).status();
        }
        std::process::exit(1);
    });
}

/// The processes below this one.
fn descendants(of: u32) -> Vec<u32> {
    let listed = Command::new("ps").args(["-A", "-o", "pid=,ppid="]).output().map(|listed| listed.stdout).unwrap_or_default();
    below(of, &String::from_utf8_lossy(&listed))
}

/// The processes below one, in a table of processes and their parents.
fn below(of: u32, table: &str) -> Vec<u32> {
    let numbers = |line: &str| {
        let (pid, parent) = line.trim().split_once(' ')?;
        Some((pid.parse::<u32>().ok()?, parent.trim().parse::<u32>().ok()?))
    };
    let pairs: Vec<(u32, u32)> = table.lines().filter_map(numbers).collect();
    let mut found = vec![of];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(pairs.iter().filter(|(pid, of)| *of == parent && *pid != parent).map(|(pid, _)| *pid));
        next += 1;
    }
    found.split_off(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_does_not_end_is_named() {
        let mut progress = Progress::default();
        for line in [
            "test exec::a_session_ends has been running for over 60 seconds",
            "test faults::a_full_disk has been running for over 60 seconds",
            "test exec::a_session_ends ... ok",
            "test result: ok. 3 passed; 0 failed",
        ] {
            progress.line(line);
        }
        assert_eq!(progress.report(), ["not ended: faults::a_full_disk"]);
    }

    #[test]
    fn processes_are_found_below_their_parents() {
        let table = "    1     0\n   10     1\n   11    10\n  200     1\n   12    11\n    9    10\n";
        assert_eq!(below(10, table), [11, 9, 12]);
        assert_eq!(below(12, table), [0; 0]);
    }
}

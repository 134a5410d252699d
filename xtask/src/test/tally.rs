//! How many checks passed, failed and were skipped, and the reader that counts them in what test programs print.

use std::fmt;

/// What came of a step, or of all of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
    /// What failed, one line each, where the output has not said it already.
    pub(crate) failures: Vec<String>,
    /// `NAME: why`, one for each skip that told its name.
    pub(crate) skips: Vec<String>,
}

impl Tally {
    /// One check that passed.
    pub(crate) fn passed() -> Self {
        Self { passed: 1, ..Self::default() }
    }

    /// One check that failed.
    pub(crate) fn failed(why: String) -> Self {
        Self { failed: 1, failures: vec![why], ..Self::default() }
    }

    /// One check that could not be made on this machine.
    pub(crate) fn skipped(name: &str, why: &str) -> Self {
        Self { skipped: 1, skips: vec![format!("{name}: {why}")], ..Self::default() }
    }

    /// Adds another tally to this one.
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.failures.extend(other.failures);
        self.skips.extend(other.skips);
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// Counts the results in the output of test programs, line by line.
///
/// Two conventions are understood: libtest's `test result: …` line, and `skipped: NAME: why`, which a test prints when it
/// lacks something and returns. libtest counts such a test as passed; here it is a skip.
#[derive(Debug, Default)]
pub(crate) struct TallyReader {
    total: Tally,
    skip_lines: u64,
}

impl TallyReader {
    /// Reads one line.
    pub(crate) fn line(&mut self, line: &str) {
        if let Some(skip) = line.strip_prefix("skipped: ") {
            self.skip_lines += 1;
            self.total.skips.push(skip.to_owned());
        } else if let Some(counts) = line.strip_prefix("test result: ") {
            let passed = count_of(counts, "passed");
            let ignored = count_of(counts, "ignored");
            // A harness that knows how to ignore has already taken its skips out of the passed ones.
            let disguised = self.skip_lines.saturating_sub(ignored).min(passed);
            self.total.passed += passed - disguised;
            self.total.failed += count_of(counts, "failed");
            self.total.skipped += ignored + disguised;
            self.skip_lines = 0;
        } else if let Some(name) = line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED")) {
            self.total.failures.push(name.to_owned());
        }
    }

    /// What was counted. A run that failed without any failed test (it did not compile, say) is one failure.
    pub(crate) fn finish(mut self, succeeded: bool, what: &str) -> Tally {
        if !succeeded && self.total.failed == 0 {
            self.total.add(Tally::failed(format!("{what} failed; see above")));
        }
        self.total
    }
}

/// The number before `word` in `ok. 3 passed; 0 failed; 1 ignored; …`; 0 when it is not there.
fn count_of(counts: &str, word: &str) -> u64 {
    let words: Vec<&str> = counts.split([' ', ';']).filter(|part| !part.is_empty()).collect();
    words.windows(2).find(|pair| pair[1] == word).and_then(|pair| pair[0].parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Tally {
        let mut reader = TallyReader::default();
        for line in lines {
            reader.line(line);
        }
        reader.finish(true, "the run")
    }

    #[test]
    fn the_results_of_all_programs_are_summed() {
        let tally = read(&[
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test engine::stops ... FAILED",
            "test result: FAILED. 4 passed; 1 failed; 0 ignored; 0 measured; 2 filtered out; finished in 0.01s",
        ]);
        assert_eq!(tally.to_string(), "7 passed, 1 failed, 1 skipped");
        assert_eq!(tally.failures, ["engine::stops"]);
    }

    #[test]
    fn a_test_that_says_skipped_is_not_counted_as_passed() {
        let tally = read(&["skipped: cluster: no cluster here", "test result: ok. 3 passed; 0 failed; 0 ignored"]);
        assert_eq!(tally.to_string(), "2 passed, 0 failed, 1 skipped");
        assert_eq!(tally.skips, ["cluster: no cluster here"]);
    }

    #[test]
    fn a_skip_that_the_harness_ignored_is_counted_once() {
        let tally = read(&["skipped: boto3: no Python", "test result: ok. 3 passed; 0 failed; 1 ignored"]);
        assert_eq!(tally.to_string(), "3 passed, 0 failed, 1 skipped");
    }

    #[test]
    fn a_run_that_fails_without_a_failed_test_is_a_failure() {
        let tally = TallyReader::default().finish(false, "the build");
        assert_eq!(tally.to_string(), "0 passed, 1 failed, 0 skipped");
    }
}

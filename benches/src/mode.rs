//! Whether a benchmark measures, or only shows that it still works.

use std::time::Duration;

/// How much work a benchmark does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As much as a figure needs.
    Measure,
    /// Once through everything, in seconds; the figures mean nothing.
    Smoke,
}

impl Mode {
    /// `cargo bench` measures; `--smoke`, and `cargo test --bench NAME`, which does not pass `--bench` on, do not.
    pub fn from_arguments() -> Self {
        let given = |flag: &str| std::env::args().any(|argument| argument == flag);
        if given("--bench") && !given("--smoke") { Self::Measure } else { Self::Smoke }
    }

    /// One of two numbers.
    pub fn pick<T>(self, measure: T, smoke: T) -> T {
        match self {
            Self::Measure => measure,
            Self::Smoke => smoke,
        }
    }

    /// How long each request is repeated.
    pub fn duration(self) -> Duration {
        self.pick(Duration::from_secs(4), Duration::from_millis(100))
    }
}

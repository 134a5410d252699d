//! The options of `cargo xtask test`.

use anyhow::{Result, bail};

/// What to run, and how strictly.
#[derive(Debug, Default)]
pub(crate) struct Options {
    /// Only these steps; empty means all.
    only: Vec<String>,
    /// Obtain what the steps need and stop.
    pub(crate) prepare: bool,
    /// Print the steps and stop.
    pub(crate) list: bool,
    /// Nothing may be skipped.
    pub(crate) ci: bool,
}

impl Options {
    /// Reads the options; the environment's `CI` and `KECS_TEST_REQUIRE` count as `--ci`.
    pub(crate) fn parse(words: &[&str], known_steps: &[&str]) -> Result<Self> {
        let mut options = Self { ci: is_set("CI") || is_set("KECS_TEST_REQUIRE"), ..Self::default() };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--prepare" => options.prepare = true,
                "--list" => options.list = true,
                "--ci" => options.ci = true,
                "--only" => match words.next() {
                    Some(step) if known_steps.contains(step) => options.only.push((*step).to_owned()),
                    Some(step) => bail!("no step is called {step}: the steps are {}", known_steps.join(", ")),
                    None => bail!("--only needs the name of a step: {}", known_steps.join(", ")),
                },
                other => bail!("unknown option {other}: use --only STEP, --list, --prepare or --ci"),
            }
        }
        Ok(options)
    }

    /// Whether the step was asked for.
    pub(crate) fn wants(&self, step: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == step)
    }
}

/// Whether an environment variable says yes.
fn is_set(name: &str) -> bool {
    std::env::var(name).is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_steps_are_wanted() {
        let options = Options::parse(&["--only", "fmt", "--only", "test"], &["fmt", "clippy", "test"]).unwrap();
        assert!(options.wants("fmt") && options.wants("test") && !options.wants("clippy"));
    }

    #[test]
    fn an_unknown_step_is_refused_with_the_known_ones() {
        let error = Options::parse(&["--only", "formatting"], &["fmt", "test"]).unwrap_err().to_string();
        assert_eq!(error, "no step is called formatting: the steps are fmt, test");
    }
}

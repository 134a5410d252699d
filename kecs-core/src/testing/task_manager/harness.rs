//! What a backend's author gives the kit.

use std::env;
use std::fmt;
use std::future::Future;
use std::time::Duration;

use crate::TaskManager;
use crate::task_spec::HealthCommand;
use crate::testing::ContainerBuilder;

/// Gives each test a backend, and containers that do something on it.
///
/// Where the backend runs [commands](TaskManager::exec) in containers, a [`sleeper`](Self::sleeper) has `echo`, `cat`, `sleep`, `sh` and `stty`.
pub trait Harness: Sized + Send + Sync {
    /// The backend under test.
    type Backend: TaskManager;

    /// A backend. It may be shared with other tests: each uses a cluster of its own. Dropping the harness should end whatever a test that
    /// failed left running.
    fn start() -> impl Future<Output = Result<Self, Missing>> + Send;

    /// The backend.
    fn backend(&self) -> &Self::Backend;

    /// Runs for longer than any test, and ends soon upon SIGTERM.
    fn sleeper(&self) -> Program;

    /// Ends by itself after that time, with this exit code.
    fn exits_after(&self, after: Duration, code: i32) -> Program;

    /// Ends at once with this exit code.
    fn exits_with(&self, code: i32) -> Program {
        self.exits_after(Duration::ZERO, code)
    }

    /// Runs for longer than any test, whatever it is asked; only SIGKILL ends it. A program that takes a moment to get there has a
    /// [health check](Program::health_check) that passes when it is: tests do not send the signal before.
    fn ignores_sigterm(&self) -> Program;

    /// Prints these lines to its standard output and ends with exit code 0.
    fn prints(&self, lines: &[&str]) -> Program;

    /// Is well-formed and cannot be started: there is no such program or image.
    fn cannot_start(&self) -> Program;

    /// A [`sleeper`](Self::sleeper) with a health check that passes or fails; see [`Program::health_check`].
    fn checked(&self, healthy: bool) -> Program;

    /// A command line that writes the size of its terminal, as `stty size` does, in its last line. Default: `stty size`. A backend whose
    /// terminals get their size a moment after the command began has one that waits for a size of `columns` and `rows`.
    fn tells_terminal_size(&self, columns: u16, rows: u16) -> Vec<String> {
        let _ = (columns, rows);
        vec!["stty".to_owned(), "size".to_owned()]
    }

    /// Whether a test fails where the environment is missing. Default: if `KECS_TEST_REQUIRE=1`. A backend whose environment only some
    /// runs have asks for more.
    fn is_required() -> bool {
        env::var_os("KECS_TEST_REQUIRE").is_some_and(|value| value == "1")
    }

    /// How long a test waits for something to happen before it fails. Default: 30 s.
    fn patience(&self) -> Duration {
        Duration::from_secs(30)
    }
}

/// A harness whose control plane can be restarted.
pub trait RestartHarness: Harness {
    /// Drops the backend without ending its tasks, waits for `pause`, and makes a new backend that finds them again.
    fn restart(self, pause: Duration) -> impl Future<Output = Self> + Send;
}

/// Why a backend cannot be tested here: what is missing on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing(pub String);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The harness, or `None` where its environment is missing, which is printed.
///
/// # Panics
///
/// If the environment is missing and [must not be](Harness::is_required).
pub async fn ready<H: Harness>(case: &str) -> Option<H> {
    match H::start().await {
        Ok(harness) => Some(harness),
        Err(missing) => {
            assert!(!H::is_required(), "{case} cannot run and is required: {missing}");
            #[expect(clippy::print_stdout, reason = "a test's output is where its skipping is reported")]
            {
                println!("skipped: {case}: {missing}");
            }
            None
        }
    }
}

/// What makes a container do something.
pub struct Program(Box<dyn FnOnce(ContainerBuilder) -> ContainerBuilder + Send>);

impl Program {
    /// Whatever it takes.
    pub fn new(make: impl FnOnce(ContainerBuilder) -> ContainerBuilder + Send + 'static) -> Self {
        Self(Box::new(make))
    }

    /// A command line.
    pub fn command(words: &[&str]) -> Self {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        Self::new(|container| container.command(words))
    }

    /// A health check that runs this command line every 100 ms, with 2 retries.
    pub fn health_check(words: &[&str]) -> Self {
        let command = HealthCommand::Exec(words.iter().map(|&word| word.to_owned()).collect());
        Self::new(|container| {
            let container = container.health_check(command, Duration::from_millis(100));
            container.with(|spec| spec.health_check.iter_mut().for_each(|check| check.retries = 2))
        })
    }

    /// This, and then that.
    #[must_use]
    pub fn and(self, then: impl FnOnce(ContainerBuilder) -> ContainerBuilder + Send + 'static) -> Self {
        Self::new(|container| then((self.0)(container)))
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Program(..)")
    }
}

impl ContainerBuilder {
    /// Lets the container do that.
    #[must_use]
    pub fn program(self, program: Program) -> Self {
        (program.0)(self)
    }
}

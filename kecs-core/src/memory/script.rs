//! What pretended containers do.

use std::collections::BTreeMap;
use std::time::Duration;

/// What the containers of a task do.
#[derive(Clone, Debug, Default)]
pub struct TaskScript {
    default: ContainerScript,
    by_name: BTreeMap<String, ContainerScript>,
}

impl TaskScript {
    /// All containers do the same.
    pub fn all(script: ContainerScript) -> Self {
        Self { default: script, by_name: BTreeMap::new() }
    }

    /// This container does that.
    #[must_use]
    pub fn container(mut self, name: impl Into<String>, script: ContainerScript) -> Self {
        self.by_name.insert(name.into(), script);
        self
    }

    pub(super) fn of(&self, name: &str) -> &ContainerScript {
        self.by_name.get(name).unwrap_or(&self.default)
    }
}

/// What a container does, from each of its starts on. The default is described in the [module](super).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerScript {
    pub(super) start_delay: Duration,
    pub(super) start_failure: Option<String>,
    pub(super) exit: Option<(Duration, i32)>,
    pub(super) health: Vec<bool>,
    pub(super) ignores_sigterm: bool,
    pub(super) log: Vec<String>,
}

impl ContainerScript {
    /// It does what is said in the [module](super).
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes as long to start. Default: no time.
    #[must_use]
    pub fn start_delay(self, delay: Duration) -> Self {
        Self { start_delay: delay, ..self }
    }

    /// Cannot be started (after the start delay); `reason` is ECS's text, such as `CannotPullContainerError: …`.
    #[must_use]
    pub fn start_failure(self, reason: impl Into<String>) -> Self {
        Self { start_failure: Some(reason.into()), ..self }
    }

    /// Ends by itself after that time of running.
    #[must_use]
    pub fn exit(self, after: Duration, code: i32) -> Self {
        Self { exit: Some((after, code)), ..self }
    }

    /// The results of its health checks in turn, `true` for passed; the last one stays. Default: all pass.
    #[must_use]
    pub fn health(self, results: impl IntoIterator<Item = bool>) -> Self {
        Self { health: results.into_iter().collect(), ..self }
    }

    /// Ends upon SIGKILL only.
    #[must_use]
    pub fn ignores_sigterm(self) -> Self {
        Self { ignores_sigterm: true, ..self }
    }

    /// Prints these lines to its standard output when it starts.
    #[must_use]
    pub fn prints<S: Into<String>>(self, lines: impl IntoIterator<Item = S>) -> Self {
        Self { log: lines.into_iter().map(Into::into).collect(), ..self }
    }
}

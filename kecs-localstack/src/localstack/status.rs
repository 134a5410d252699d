//! How a LocalStack is, for people and programs.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::config::{Emulator, LocalStackConfig};

/// How a [`LocalStack`](crate::LocalStack) is: what `kecs localstack status --json` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LocalStackStatus {
    /// Where it stands.
    pub state: LocalStackState,
    /// Why it is not ready, in one line, such as that its settings say `enabled: false`; `None` when it is, or was not asked to be.
    pub reason: Option<String>,
    /// The program.
    pub emulator: Emulator,
    /// Its version: the one that was asked for, and once it answers the one that it tells.
    pub version: String,
    /// Where it answers, `http://127.0.0.1:PORT`, while it is ready or degraded.
    pub endpoint: Option<String>,
    /// Each service's state in LocalStack's words (`available`, `running`, `disabled`, `error`, …) when its health was asked for last. Empty
    /// for an emulator that does not tell.
    pub services: BTreeMap<String, String>,
    /// How often it was started again without having been asked.
    pub restarts: u32,
    /// How far a first start has come that installs it.
    pub progress: Option<InstallProgress>,
}

/// Where a [`LocalStack`](crate::LocalStack) stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LocalStackState {
    /// Not started, or stopped.
    Disabled,
    /// On its way: being installed, starting, seeded, or about to be started again.
    Starting,
    /// It answers, and everything that was asked for is there.
    Ready,
    /// It is up, but something is wrong: it does not answer questions about its health, a service reports an error, or a part of its seed
    /// could not be made. Calls are passed on.
    Degraded,
    /// It does not start, and nothing is tried any more until it is told to start again.
    Failed,
}

/// How far an installation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstallProgress {
    /// Packages that are there; all of them while they are being unpacked.
    pub done: usize,
    /// Packages that there will be.
    pub total: usize,
}

/// A LocalStack that cannot be called: never started, not yet ready in the time that was given, or failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{emulator} is {state}{}", reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default(), emulator = emulator.name())]
pub struct NotReady {
    /// The program.
    pub emulator: Emulator,
    /// Where it stands.
    pub state: LocalStackState,
    /// Why.
    pub reason: Option<String>,
}

impl LocalStackStatus {
    pub(super) fn new(config: &LocalStackConfig) -> Self {
        Self {
            state: LocalStackState::Disabled,
            reason: (!config.enabled).then(|| "enabled: false".to_owned()),
            emulator: config.emulator,
            version: config.version().to_owned(),
            endpoint: None,
            services: BTreeMap::new(),
            restarts: 0,
            progress: None,
        }
    }

    /// Whether it can be called.
    pub fn is_up(&self) -> bool {
        matches!(self.state, LocalStackState::Ready | LocalStackState::Degraded)
    }

    /// On its way, if it was at rest.
    pub(super) fn begin(&mut self) -> bool {
        let rests = matches!(self.state, LocalStackState::Disabled | LocalStackState::Failed);
        if rests {
            (self.state, self.reason) = (LocalStackState::Starting, None);
        }
        rests
    }

    pub(super) fn not_ready(&self) -> NotReady {
        NotReady { emulator: self.emulator, state: self.state, reason: self.reason.clone() }
    }
}

impl fmt::Display for LocalStackState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disabled => "disabled",
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Degraded => "degraded",
            Self::Failed => "failed",
        })
    }
}

impl fmt::Display for InstallProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "installing, {} of {} packages", self.done, self.total)
    }
}

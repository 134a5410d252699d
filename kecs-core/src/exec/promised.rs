//! Sessions that ExecuteCommand promised: who has the token opens one, once, and soon.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use uuid::Uuid;

use super::{ExecCommand, ExecSession, TerminalSize};
use crate::engine::{Engine, Shared};
use crate::{BackendError, SecretValue, TaskRef};

/// How long a promise holds. The AWS CLI asks once more for the task before it opens the session.
const VALID: Duration = Duration::from_mins(2);

/// How many promises are kept at a time.
const MOST: usize = 1024;

/// What a session is to run.
#[derive(Clone)]
pub(crate) struct ExecTarget {
    pub(crate) task: TaskRef,
    pub(crate) container: String,
    pub(crate) arguments: Vec<String>,
    pub(crate) interactive: bool,
}

/// The promises of an engine. They are not durable: a session does not outlive its server either.
#[derive(Default)]
pub(crate) struct Promises(Mutex<HashMap<String, Promise>>);

struct Promise {
    token: SecretValue,
    target: ExecTarget,
    until: Instant,
}

impl fmt::Debug for Promises {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Promises").field("open", &self.lock().len()).finish_non_exhaustive()
    }
}

impl Promises {
    /// The id and the token of a session to come. `None` where too many are open.
    pub(crate) fn make(&self, target: ExecTarget) -> Option<(String, SecretValue)> {
        let now = Instant::now();
        let mut promises = self.lock();
        promises.retain(|_, promise| promise.until > now);
        if promises.len() >= MOST {
            return None;
        }
        // AWS's have 17 hexadecimal digits, the first of which is 0.
        let id = format!("ecs-execute-command-0{}", &Uuid::new_v4().simple().to_string()[..16]);
        // 244 bits that nobody can guess.
        let token = SecretValue::new(format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()));
        promises.insert(id.clone(), Promise { token: token.clone(), target, until: now + VALID });
        Some((id, token))
    }

    fn redeem(&self, id: &str, token: &str) -> Option<ExecTarget> {
        let mut promises = self.lock();
        let promise = promises.get(id)?;
        // Digests of what is compared, so that the time tells nothing of the texts.
        let digest = |text: &str| Sha256::digest(text.as_bytes());
        if promise.until <= Instant::now() || digest(promise.token.expose()) != digest(token) {
            return None;
        }
        promises.remove(id).map(|promise| promise.target)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Promise>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    /// What opens the sessions that ExecuteCommand promised.
    pub fn exec_sessions(&self) -> ExecSessions {
        ExecSessions(Arc::clone(self.shared()))
    }
}

/// Opens the sessions that ExecuteCommand promised. Cheap to clone.
#[derive(Clone)]
pub struct ExecSessions(Arc<Shared>);

impl fmt::Debug for ExecSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ExecSessions").field(&self.0.exec_promises).finish()
    }
}

impl ExecSessions {
    /// The session with this id, for who has its token. It can be opened once, and within two minutes: `None` for all others.
    pub fn open(&self, id: &str, token: &str) -> Option<PromisedSession> {
        let target = self.0.exec_promises.redeem(id, token)?;
        Some(PromisedSession { shared: Arc::clone(&self.0), target })
    }
}

/// A session whose token was shown, and whose command does not run yet.
pub struct PromisedSession {
    shared: Arc<Shared>,
    target: ExecTarget,
}

impl fmt::Debug for PromisedSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PromisedSession").field("task", &self.task()).field("container", &self.container()).finish_non_exhaustive()
    }
}

impl PromisedSession {
    /// The task.
    pub fn task(&self) -> &TaskRef {
        &self.target.task
    }

    /// The container's name.
    pub fn container(&self) -> &str {
        &self.target.container
    }

    /// Whether the command gets a terminal.
    pub fn is_interactive(&self) -> bool {
        self.target.interactive
    }

    /// Runs the command; `size` is for its terminal. The session ends with the engine.
    ///
    /// # Errors
    ///
    /// What [`TaskManager::exec`](crate::TaskManager::exec) answers.
    pub async fn start(self, size: TerminalSize) -> Result<ExecSession, BackendError> {
        let Self { shared, target: ExecTarget { task, container, arguments, interactive } } = self;
        let command = ExecCommand { arguments, terminal: interactive.then_some(size) };
        let ExecSession { input, output } = shared.tasks.exec(&task, &container, command).await?;
        let output = output.take_until(shared.stopped()).boxed();
        Ok(ExecSession { input, output })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::task_ref;

    fn target() -> ExecTarget {
        ExecTarget { task: task_ref("default"), container: "web".into(), arguments: vec!["ls".into()], interactive: true }
    }

    #[tokio::test(start_paused = true)]
    async fn a_promise_is_kept_once() {
        let promises = Promises::default();
        let (id, token) = promises.make(target()).unwrap();
        assert_eq!(promises.redeem(&id, token.expose()).unwrap().container, "web");
        assert!(promises.redeem(&id, token.expose()).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_promise_is_kept_to_its_own_token_only() {
        let promises = Promises::default();
        let ((id, token), (other, _)) = (promises.make(target()).unwrap(), promises.make(target()).unwrap());
        assert!(promises.redeem(&other, token.expose()).is_none());
        assert!(promises.redeem(&id, "").is_none());
        assert!(promises.redeem(&id, token.expose()).is_some(), "a wrong token does not use it up");
    }

    #[tokio::test(start_paused = true)]
    async fn a_promise_holds_for_two_minutes() {
        let promises = Promises::default();
        let (id, token) = promises.make(target()).unwrap();
        tokio::time::advance(VALID).await;
        assert!(promises.redeem(&id, token.expose()).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn promises_are_bounded_and_old_ones_make_room() {
        let promises = Promises::default();
        for _ in 0..MOST {
            promises.make(target()).unwrap();
        }
        assert!(promises.make(target()).is_none());
        tokio::time::advance(VALID).await;
        assert!(promises.make(target()).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn debug_shows_no_token() {
        let promises = Promises::default();
        let (_, token) = promises.make(target()).unwrap();
        assert!(!format!("{promises:?} {token:?}").contains(token.expose()));
    }
}

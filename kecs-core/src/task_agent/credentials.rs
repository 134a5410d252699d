//! The credentials of tasks: who gets which, and which are still good.
//!
//! A role is assumed before its task's containers start, and again before what was given ends. However many ask, one task's role is assumed once at a time, and
//! goes on being assumed when the one who asked has gone: SDKs wait for two seconds only.

mod expiring;
mod flights;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kecs_model::Timestamp;
use uuid::Uuid;

use super::{AgentTask, DefaultCredentials, TaskAgent};
use crate::engine::Shared;
use crate::{BackendError, ErrorKind, Report, RoleCredentials, Scope, SecretValue, TaskId};
use expiring::Expiring;
use flights::Flights;

/// What is left of credentials when new ones are fetched. SDKs begin to ask for others 15 minutes before the end (botocore's advisory refresh), and must
/// not get the same ones again.
const RENEWED_BEFORE_MILLIS: i64 = 20 * 60 * 1000;
/// How long a task waits for its credentials before it starts without.
const PREPARED_WITHIN: Duration = Duration::from_mins(1);
/// How long an account's own keys are good for, as far as the SDK is told.
const TEST_KEYS_MILLIS: i64 = 6 * 60 * 60 * 1000;

/// Credentials for a task's SDK.
#[derive(Clone, Debug)]
pub struct TaskCredentials {
    /// The keys, and when they end.
    pub credentials: RoleCredentials,
    /// The role; `None` for the account's own keys.
    pub role_arn: Option<String>,
}

/// An access key that was given to a task and is still good.
#[derive(Clone, Debug)]
pub struct IssuedKey {
    /// The secret access key.
    pub secret_access_key: SecretValue,
    /// The session token that has to be shown with it.
    pub session_token: SecretValue,
    /// The account that it acts in: the task's.
    pub account: Arc<str>,
}

/// Why a task gets no credentials. The text is for the task and holds no secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsRefused {
    /// The id leads to no task that lives.
    #[error("Credentials not found")]
    UnknownId,
    /// The token is missing, or not the task's.
    #[error("the authorization token is not the one in AWS_CONTAINER_AUTHORIZATION_TOKEN")]
    WrongToken,
    /// The task has no role, and tasks without one get nothing.
    #[error("the task has no task role")]
    NoRole,
    /// The role cannot be assumed.
    #[error("{0}")]
    Failed(#[source] Arc<BackendError>),
}

/// What was given to whom.
#[derive(Debug, Default)]
pub(super) struct Issuer {
    issued: Arc<Issued>,
    flights: Flights,
}

#[derive(Debug, Default)]
struct Issued {
    by_task: Mutex<Expiring<TaskId, Arc<TaskCredentials>>>,
    by_key: Mutex<Expiring<String, IssuedKey>>,
}

impl Issued {
    fn of(&self, task: TaskId, now: Timestamp) -> Option<Arc<TaskCredentials>> {
        lock(&self.by_task).get(&task, now).cloned()
    }

    fn add(&self, task: TaskId, account: &Arc<str>, given: &Arc<TaskCredentials>, now: Timestamp) {
        let RoleCredentials { access_key_id, secret_access_key, session_token, expiration } = &given.credentials;
        let key = IssuedKey {
            secret_access_key: secret_access_key.clone(),
            session_token: session_token.clone(),
            account: Arc::clone(account),
        };
        lock(&self.by_key).insert(access_key_id.clone(), key, *expiration, now);
        lock(&self.by_task).insert(task, Arc::clone(given), *expiration, now);
    }
}

impl TaskAgent {
    /// The credentials of the task that the id in a credentials URL (`/v2/credentials/<id>`) leads to, for whoever shows the task's token. Cancel
    /// safe.
    ///
    /// # Errors
    ///
    /// As [`CredentialsRefused`] says.
    pub async fn credentials(&self, id: &str, token: Option<&str>) -> Result<Arc<TaskCredentials>, CredentialsRefused> {
        let id: Uuid = id.parse().map_err(|_| CredentialsRefused::UnknownId)?;
        let id: TaskId = id.simple().to_string().parse().map_err(|_| CredentialsRefused::UnknownId)?;
        let task = self.task(id).filter(|task| !task.record.stopped()).ok_or(CredentialsRefused::UnknownId)?;
        if !token.is_some_and(|token| self.agent().key.is_token(id, token)) {
            return Err(CredentialsRefused::WrongToken);
        }
        match self.wanted(&task) {
            Wanted::Nothing => Err(CredentialsRefused::NoRole),
            Wanted::TestKeys => Ok(Arc::new(self.test_keys(&task))),
            Wanted::Role(role) => self.role_credentials(&task, role).await,
        }
    }

    /// Whether the task gets credentials at all.
    pub fn has_credentials(&self, task: &AgentTask) -> bool {
        !matches!(self.wanted(task), Wanted::Nothing)
    }

    /// The key with this id, if a task got it and it is still good.
    pub fn issued_key(&self, access_key_id: &str) -> Option<IssuedKey> {
        let now = self.0.clock.now();
        if let Some(key) = lock(&self.agent().issuer.issued.by_key).get(access_key_id, now) {
            return Some(key.clone());
        }
        let is_account = access_key_id.len() == 12 && access_key_id.bytes().all(|byte| byte.is_ascii_digit());
        (is_account && self.agent().config.default_credentials == DefaultCredentials::Test).then(|| self.account_key(access_key_id))
    }

    fn wanted<'a>(&'a self, task: &'a AgentTask) -> Wanted<'a> {
        let default = &self.agent().config.default_credentials;
        match (task.role(), default) {
            // There is no IAM to ask.
            (Some(_), DefaultCredentials::Test) if self.0.services.roles.is_none() => Wanted::TestKeys,
            (Some(role), _) => Wanted::Role(role),
            (None, DefaultCredentials::Role(role)) => Wanted::Role(role),
            (None, DefaultCredentials::Test) => Wanted::TestKeys,
            (None, DefaultCredentials::None) => Wanted::Nothing,
        }
    }

    fn test_keys(&self, task: &AgentTask) -> TaskCredentials {
        let account = &task.cluster().scope.account;
        let IssuedKey { secret_access_key, session_token, account: _ } = self.account_key(account);
        let expiration = Timestamp::from_millis(self.0.clock.now().as_millis() + TEST_KEYS_MILLIS);
        let credentials = RoleCredentials { access_key_id: account.to_string(), secret_access_key, session_token, expiration };
        TaskCredentials { credentials, role_arn: None }
    }

    /// Always the same, so that they need no memory.
    fn account_key(&self, account: &str) -> IssuedKey {
        let key = &self.agent().key;
        IssuedKey {
            secret_access_key: key.account_secret("secret-access-key", account),
            session_token: key.account_secret("session-token", account),
            account: account.into(),
        }
    }

    async fn role_credentials(&self, task: &AgentTask, role: &str) -> Result<Arc<TaskCredentials>, CredentialsRefused> {
        let Issuer { issued, flights } = &self.agent().issuer;
        let id = task.record.id;
        let now = self.0.clock.now();
        let known = issued.of(id, now);
        if let Some(known) = &known
            && known.credentials.expiration.as_millis() - now.as_millis() > RENEWED_BEFORE_MILLIS
        {
            return Ok(Arc::clone(known));
        }
        let Some(source) = self.0.services.roles.clone() else {
            let error =
                BackendError::new(ErrorKind::Unsupported, "no AWS services backend is configured, so no role can be assumed");
            return Err(CredentialsRefused::Failed(Arc::new(error)));
        };
        let (cluster, issued, clock) = (task.cluster().clone(), Arc::clone(issued), Arc::clone(&self.0.clock));
        let role = role_arn(role, &cluster.scope);
        let assumed = flights.join(id, async move {
            // "the role session name is the task's id" is how CloudTrail shows the calls of tasks.
            let credentials = source.assume(&cluster, &role, &id.to_string()).await?;
            let given = Arc::new(TaskCredentials { credentials, role_arn: Some(role) });
            issued.add(id, &cluster.scope.account, &given, clock.now());
            Ok(given)
        });
        match (assumed.await, known) {
            (Ok(given), _) => Ok(given),
            (Err(error), Some(known)) if error.is_retryable() => {
                tracing::warn!(task = %task.record.task_ref(), error = %Report(&*error), "credentials not renewed yet");
                Ok(known)
            }
            (Err(error), _) => {
                tracing::warn!(task = %task.record.task_ref(), error = %Report(&*error), "the task's role cannot be assumed");
                Err(CredentialsRefused::Failed(error))
            }
        }
    }
}

/// Assumes the role of a task that is about to start, as far as that can be done in time: an SDK waits for two seconds only, and to create a role in
/// a LocalStack that is starting takes longer. What fails is said when the task asks.
pub(crate) async fn prepare_credentials(shared: &Arc<Shared>, task: TaskId) {
    if shared.agent.is_none() || shared.services.roles.is_none() {
        return;
    }
    let agent = TaskAgent(Arc::clone(shared));
    let Some(task) = agent.task(task) else { return };
    if let Wanted::Role(role) = agent.wanted(&task) {
        let _ = tokio::time::timeout(PREPARED_WITHIN, agent.role_credentials(&task, role)).await;
    }
}

/// The ARN of a role that a task definition names by "the short name or full Amazon Resource Name (ARN)" (RegisterTaskDefinition, taskRoleArn).
fn role_arn(role: &str, scope: &Scope) -> String {
    if role.starts_with("arn:") { role.to_owned() } else { format!("arn:{}:iam::{}:role/{role}", scope.partition(), scope.account) }
}

/// What a task is to get.
enum Wanted<'a> {
    Nothing,
    TestKeys,
    Role(&'a str),
}

/// Locks, also after a panic: nothing is half done while it is held.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

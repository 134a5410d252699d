//! The agent of tasks: who finds which task, and who gets which credentials.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;
use kecs_core::memory::MemoryTaskManager;
use kecs_core::{
    BackendError, Clock, ClusterRef, CredentialsRefused, DefaultCredentials, ErrorKind, MemoryStore, RoleCredentialSource,
    RoleCredentials, SecretValue, TaskAgent, TaskAgentConfig, TaskId, TaskSpec, TokioClock,
};
use kecs_model::Timestamp;
use kecs_model::ecs::Task;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::ecs::{Ecs, Parts, clock, id};

const ROLE: &str = "arn:aws:iam::000000000000:role/app";

/// Gives keys that count up and last an hour, once it is let.
#[derive(Debug)]
struct Sts {
    clock: TokioClock,
    asked: AtomicUsize,
    open: Semaphore,
    down: AtomicUsize,
}

impl Sts {
    fn new(clock: TokioClock) -> Arc<Self> {
        Arc::new(Self { clock, asked: AtomicUsize::new(0), open: Semaphore::new(1), down: AtomicUsize::new(0) })
    }
}

#[async_trait]
impl RoleCredentialSource for Sts {
    async fn assume(&self, _: &ClusterRef, role_arn: &str, session: &str) -> Result<RoleCredentials, BackendError> {
        assert_eq!((role_arn, session.len()), (ROLE, 32));
        let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let _permit = self.open.acquire().await.unwrap();
        if self.down.load(Ordering::SeqCst) > 0 {
            return Err(BackendError::new(ErrorKind::Unavailable, "connection refused"));
        }
        Ok(RoleCredentials {
            access_key_id: format!("ASIA{number}"),
            secret_access_key: SecretValue::new(format!("secret {number}")),
            session_token: SecretValue::new(format!("session {number}")),
            expiration: Timestamp::from_millis(self.clock.now().as_millis() + 3_600_000),
        })
    }
}

/// What the backend was given.
#[derive(Clone, Default)]
struct Specs(Arc<Mutex<HashMap<TaskId, TaskSpec>>>);

impl Specs {
    fn backend(&self) -> MemoryTaskManager {
        let specs = Arc::clone(&self.0);
        let note = move |spec: &TaskSpec| {
            specs.lock().unwrap().insert(spec.task.id, spec.clone());
            None
        };
        MemoryTaskManager::builder().clock(clock()).script(note).build()
    }

    /// A variable of the task's only container; empty if it has none.
    fn variable(&self, task: &Task, name: &str) -> String {
        let specs = self.0.lock().unwrap();
        let environment = &specs[&id(task).parse().unwrap()].containers[0].environment;
        let variable = environment.iter().find(|(known, _)| known == name);
        variable.map(|(_, value)| value.expose().to_owned()).unwrap_or_default()
    }

    /// The last part of a variable that is a URL.
    fn last_part(&self, task: &Task, name: &str) -> String {
        self.variable(task, name).rsplit('/').next().unwrap_or_default().to_owned()
    }
}

struct Setup {
    ecs: Ecs,
    agent: TaskAgent,
    specs: Specs,
}

impl Setup {
    async fn with(roles: Option<Arc<Sts>>, default_credentials: DefaultCredentials) -> Self {
        let specs = Specs::default();
        let config = TaskAgentConfig {
            endpoint: Some("http://127.0.0.1:5373".to_owned()),
            default_credentials,
            ..TaskAgentConfig::default()
        };
        let roles = roles.map(|roles| roles as _);
        let ecs = Ecs::with(Parts { tasks: Arc::new(specs.backend()), roles, agent: config, ..Parts::default() }).await;
        let agent = ecs.engine.task_agent().unwrap();
        Self { ecs, agent, specs }
    }

    /// A running task with the role, its credentials' id and its token.
    async fn task(&self, role: Option<&str>) -> (Task, String, String) {
        let task = self.ecs.running(json!({ "overrides": { "taskRoleArn": role } })).await;
        let id = self.specs.last_part(&task, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
        let token = self.specs.variable(&task, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
        (task, id, token)
    }
}

#[tokio::test(start_paused = true)]
async fn however_many_ask_a_role_is_assumed_once_and_again_before_the_end() {
    let sts = Sts::new(clock());
    let setup = Setup::with(Some(Arc::clone(&sts)), DefaultCredentials::None).await;
    let (_, id, token) = setup.task(Some(ROLE)).await;
    let ask = async || setup.agent.credentials(&id, Some(&token)).await.unwrap().credentials.access_key_id.clone();
    let first = join_all((0..8).map(|_| ask())).await;
    assert!(first.iter().all(|key| key == "ASIA1"), "{first:?}");
    tokio::time::advance(Duration::from_mins(39)).await;
    assert_eq!(ask().await, "ASIA1");
    tokio::time::advance(Duration::from_mins(2)).await;
    assert_eq!(ask().await, "ASIA2");
    assert_eq!(sts.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_role_that_is_named_shortly_is_told_by_its_arn() {
    let setup = Setup::with(Some(Sts::new(clock())), DefaultCredentials::None).await;
    let (_, id, token) = setup.task(Some("app")).await;
    let given = setup.agent.credentials(&id, Some(&token)).await.unwrap();
    assert_eq!(given.role_arn.as_deref(), Some(ROLE));
}

// SDKs give up after two seconds and ask again (botocore's ContainerMetadataFetcher).
#[tokio::test(start_paused = true)]
async fn a_role_goes_on_being_assumed_when_the_one_who_asked_has_gone() {
    let sts = Sts::new(clock());
    let setup = Setup::with(Some(Arc::clone(&sts)), DefaultCredentials::None).await;
    let (_, id, token) = setup.task(Some(ROLE)).await;
    tokio::time::advance(Duration::from_mins(41)).await;
    let closed = sts.open.acquire().await.unwrap();
    for _ in 0..3 {
        let asked = tokio::time::timeout(Duration::from_secs(2), setup.agent.credentials(&id, Some(&token))).await;
        assert!(asked.is_err(), "nobody may answer yet");
    }
    drop(closed);
    let given = setup.agent.credentials(&id, Some(&token)).await.unwrap();
    assert_eq!(given.credentials.access_key_id, "ASIA2");
    assert_eq!(sts.asked.load(Ordering::SeqCst), 2);
}

// The same two seconds: the first request must find credentials, also where LocalStack is started for them.
#[tokio::test(start_paused = true)]
async fn a_role_is_assumed_before_its_task_runs() {
    let sts = Sts::new(clock());
    let setup = Setup::with(Some(Arc::clone(&sts)), DefaultCredentials::None).await;
    let closed = sts.open.acquire().await.unwrap();
    let running = setup.ecs.when("RUNNING");
    setup.ecs.run(json!({ "overrides": { "taskRoleArn": ROLE } })).await;
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert!(setup.specs.0.lock().unwrap().is_empty(), "it has not started");
    drop(closed);
    running.await;
    assert!(setup.agent.issued_key("ASIA1").is_some());
}

#[tokio::test(start_paused = true)]
async fn a_task_whose_role_cannot_be_assumed_runs_and_is_told_why_when_it_asks() {
    let sts = Sts::new(clock());
    let setup = Setup::with(Some(Arc::clone(&sts)), DefaultCredentials::None).await;
    sts.down.store(1, Ordering::SeqCst);
    let (_, id, token) = setup.task(Some(ROLE)).await;
    assert_eq!(setup.agent.credentials(&id, Some(&token)).await.unwrap_err().to_string(), "connection refused");
    sts.down.store(0, Ordering::SeqCst);
    let closed = sts.open.acquire().await.unwrap();
    setup.ecs.running(json!({ "overrides": { "taskRoleArn": ROLE } })).await;
    drop(closed);
}

#[tokio::test(start_paused = true)]
async fn credentials_that_cannot_be_renewed_serve_until_they_end() {
    let sts = Sts::new(clock());
    let setup = Setup::with(Some(Arc::clone(&sts)), DefaultCredentials::None).await;
    let (_, id, token) = setup.task(Some(ROLE)).await;
    setup.agent.credentials(&id, Some(&token)).await.unwrap();
    sts.down.store(1, Ordering::SeqCst);
    tokio::time::advance(Duration::from_mins(50)).await;
    assert_eq!(setup.agent.credentials(&id, Some(&token)).await.unwrap().credentials.access_key_id, "ASIA1");
    tokio::time::advance(Duration::from_mins(11)).await;
    let refused = setup.agent.credentials(&id, Some(&token)).await.unwrap_err();
    assert_eq!(refused.to_string(), "connection refused");
}

#[tokio::test(start_paused = true)]
async fn a_task_gets_its_own_credentials_only_and_none_once_it_has_stopped() {
    let setup = Setup::with(Some(Sts::new(clock())), DefaultCredentials::None).await;
    let (task, id, token) = setup.task(Some(ROLE)).await;
    let (_, _, another) = setup.task(Some(ROLE)).await;
    for wrong in [None, Some(""), Some(&*another)] {
        assert!(matches!(setup.agent.credentials(&id, wrong).await, Err(CredentialsRefused::WrongToken)), "{wrong:?}");
    }
    let unknown = "00000000-0000-0000-0000-000000000000";
    for wrong in ["", "x", unknown] {
        assert!(matches!(setup.agent.credentials(wrong, Some(&token)).await, Err(CredentialsRefused::UnknownId)), "{wrong}");
    }
    setup.ecs.stopped(&task).await;
    assert!(matches!(setup.agent.credentials(&id, Some(&token)).await, Err(CredentialsRefused::UnknownId)));
}

#[tokio::test(start_paused = true)]
async fn a_key_that_was_given_is_known_until_it_ends_and_acts_in_the_task_s_account() {
    let setup = Setup::with(Some(Sts::new(clock())), DefaultCredentials::None).await;
    assert!(setup.agent.issued_key("ASIA1").is_none());
    let (_, id, token) = setup.task(Some(ROLE)).await;
    setup.agent.credentials(&id, Some(&token)).await.unwrap();
    let key = setup.agent.issued_key("ASIA1").unwrap();
    assert_eq!((&*key.account, key.secret_access_key.expose()), ("000000000000", "secret 1"));
    tokio::time::advance(Duration::from_hours(1)).await;
    assert!(setup.agent.issued_key("ASIA1").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_task_without_a_role_gets_keys_of_its_account_unless_the_default_says_otherwise() {
    let test = Setup::with(None, DefaultCredentials::Test).await;
    let (_, id, token) = test.task(None).await;
    let given = test.agent.credentials(&id, Some(&token)).await.unwrap();
    assert_eq!((given.credentials.access_key_id.as_str(), &given.role_arn), ("000000000000", &None));
    let key = test.agent.issued_key("000000000000").unwrap();
    assert_eq!(key.secret_access_key.expose(), given.credentials.secret_access_key.expose());

    let role = Setup::with(Some(Sts::new(clock())), DefaultCredentials::Role(ROLE.to_owned())).await;
    let (_, id, token) = role.task(None).await;
    assert_eq!(role.agent.credentials(&id, Some(&token)).await.unwrap().role_arn.as_deref(), Some(ROLE));
    assert!(role.agent.issued_key("000000000000").is_none());

    let none = Setup::with(None, DefaultCredentials::None).await;
    let (_, id, token) = none.task(None).await;
    assert_eq!((id.as_str(), token.as_str()), ("", ""), "there is nothing to ask for");
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_id_leads_to_one_container() {
    let setup = Setup::with(None, DefaultCredentials::None).await;
    let (task, _, _) = setup.task(None).await;
    let endpoint_id = setup.specs.last_part(&task, "ECS_CONTAINER_METADATA_URI_V4");
    let (found, container) = setup.agent.container(&endpoint_id).unwrap();
    assert_eq!((found.task().task_arn.as_ref(), container.as_str()), (task.task_arn.as_ref(), "web"));
    let guessed = format!("{}-0000000000", id(&task));
    for wrong in ["", "é", &id(&task), &guessed] {
        assert!(setup.agent.container(wrong).is_none(), "{wrong}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_ids_and_the_token_of_a_task_outlive_the_control_plane() {
    let (store, specs) = (Arc::new(MemoryStore::new()), Specs::default());
    let backend = specs.backend();
    let config = TaskAgentConfig { endpoint: Some("http://127.0.0.1:5373".to_owned()), ..TaskAgentConfig::default() };
    let parts =
        || Parts { tasks: Arc::new(backend.clone()), store: Arc::clone(&store) as _, agent: config.clone(), ..Parts::default() };
    let ecs = Ecs::with(parts()).await;
    let task = ecs.running(json!({})).await;
    ecs.engine.shutdown().await;
    let agent = Ecs::bare(parts()).await.engine.task_agent().unwrap();
    let id = specs.last_part(&task, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
    let token = specs.variable(&task, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
    assert!(agent.credentials(&id, Some(&token)).await.is_ok());
    assert!(agent.container(&specs.last_part(&task, "ECS_AGENT_URI")).is_some());
}

//! What is made for roles is there as long as it is needed, and no longer.

use std::sync::Arc;

use async_trait::async_trait;
use kecs_core::memory::MemoryTaskManager;
use kecs_core::{
    BackendError, ClusterRef, ErrorKind, MemoryStore, RoleCredentialSource, RoleCredentials, RoleRef, Scope, TaskManager,
};
use kecs_model::ecs::EcsApi;
use serde_json::json;
use tokio::sync::mpsc;

use crate::ecs::{Ecs, Parts, clock, request};

const ROLE: &str = "arn:aws:iam::000000000000:role/app";

/// Tells of the roles that are released.
#[derive(Debug)]
struct Iam(mpsc::UnboundedSender<String>);

#[async_trait]
impl RoleCredentialSource for Iam {
    async fn assume(&self, _: &ClusterRef, _: &str, _: &str) -> Result<RoleCredentials, BackendError> {
        Err(BackendError::new(ErrorKind::Unavailable, "nobody asks for credentials here"))
    }

    async fn release(&self, cluster: &ClusterRef, role_arn: &str) -> Result<(), BackendError> {
        drop(self.0.send(format!("{role_arn} of {cluster}")));
        Ok(())
    }
}

struct Setup {
    ecs: Ecs,
    tasks: MemoryTaskManager,
    released: mpsc::UnboundedReceiver<String>,
}

impl Setup {
    async fn new(tasks: MemoryTaskManager, store: Arc<MemoryStore>) -> Self {
        let (iam, released) = mpsc::unbounded_channel();
        let parts = Parts { tasks: Arc::new(tasks.clone()), store, roles: Some(Arc::new(Iam(iam))), ..Parts::default() };
        Self { ecs: Ecs::bare(parts).await, tasks, released }
    }

    async fn first() -> Self {
        let setup = Self::new(MemoryTaskManager::builder().clock(clock()).build(), Arc::default()).await;
        setup.ecs.cluster("default").await;
        setup
    }

    /// Registers a definition that names the role by its short name.
    async fn register(&self, family: &str) {
        let containers = json!([{ "name": "web", "image": "app:1", "memory": 128 }]);
        self.ecs.register(json!({ "family": family, "containerDefinitions": containers, "taskRoleArn": "app" })).await;
    }

    async fn deregister(&self, revision: &str) {
        let input = request(json!({ "taskDefinition": revision }));
        self.ecs.engine.deregister_task_definition(&self.ecs.ctx, input).await.unwrap();
    }

    async fn held(&self) -> Vec<RoleRef> {
        self.tasks.held_roles().await.unwrap()
    }

    async fn until_released(&mut self) {
        assert_eq!(self.released.recv().await.unwrap(), format!("{ROLE} of 000000000000/us-east-1/default"));
        assert_eq!(self.held().await, []);
    }
}

fn role() -> RoleRef {
    RoleRef { scope: Scope::new("000000000000", "us-east-1"), arn: ROLE.into() }
}

#[tokio::test(start_paused = true)]
async fn a_role_goes_with_the_last_definition_that_names_it() {
    let mut setup = Setup::first().await;
    setup.register("one").await;
    setup.register("two").await;
    let task = setup.ecs.running(json!({ "taskDefinition": "one" })).await;
    setup.ecs.stopped(&task).await;
    assert_eq!(setup.held().await, [role()], "it is kept for the next task");
    setup.deregister("one:1").await;
    assert_eq!(setup.held().await, [role()], "another definition names it");
    setup.deregister("two:1").await;
    setup.until_released().await;
}

#[tokio::test(start_paused = true)]
async fn a_role_stays_while_a_task_has_it() {
    let mut setup = Setup::first().await;
    setup.register("app").await;
    let task = setup.ecs.running(json!({})).await;
    setup.deregister("app:1").await;
    // Time enough for whatever would come.
    tokio::time::sleep(std::time::Duration::from_mins(10)).await;
    assert_eq!(setup.held().await, [role()]);
    assert!(setup.released.try_recv().is_err());
    setup.ecs.stopped(&task).await;
    setup.until_released().await;
}

#[tokio::test(start_paused = true)]
async fn a_role_that_only_an_override_names_goes_with_its_task() {
    let mut setup = Setup::first().await;
    setup
        .ecs
        .register(json!({ "family": "app", "containerDefinitions": [{ "name": "web", "image": "app:1", "memory": 128 }] }))
        .await;
    let task = setup.ecs.running(json!({ "overrides": { "taskRoleArn": ROLE } })).await;
    assert_eq!(setup.held().await, [role()]);
    setup.ecs.stopped(&task).await;
    setup.until_released().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_not_released_is_released_at_the_next_start() {
    let tasks = MemoryTaskManager::builder().clock(clock()).build();
    let store = Arc::new(MemoryStore::new());
    let setup = Setup::new(tasks.clone(), Arc::clone(&store)).await;
    setup.ecs.cluster("default").await;
    setup.register("app").await;
    let task = setup.ecs.running(json!({})).await;
    setup.ecs.engine.shutdown().await;

    // A role is left over in the next life, and one is needed.
    let other = RoleRef { scope: role().scope, arn: "arn:aws:iam::000000000000:role/left-over".into() };
    let spec =
        kecs_core::TaskSpec { role: Some(other.arn.clone()), ..kecs_core::testing::spec([kecs_core::testing::container("web")]) };
    tasks.ensure_task(&spec).await.unwrap();
    assert_eq!(tasks.held_roles().await.unwrap(), [role(), other.clone()]);
    let mut next = Setup::new(tasks, store).await;
    assert_eq!(next.released.recv().await.unwrap(), format!("{} of 000000000000/us-east-1/default", other.arn));
    assert_eq!(next.held().await, [role()]);
    next.deregister("app:1").await;
    next.ecs.stopped(&task).await;
    next.until_released().await;
}

//! A `SecretSource` of one's own: Systems Manager parameters out of this program's environment.
//!
//! A container's secret `valueFrom: /db/password` is read from the variable `SSM_DB_PASSWORD`.

#![allow(clippy::print_stdout, reason = "an example speaks to whoever runs it")]

use async_trait::async_trait;
use kecs_core::memory::MemoryTaskManager;
use kecs_core::{ClusterRef, SecretError, SecretRef, SecretSource, SecretValue};
use kecs_model::RequestContext;
use kecs_model::ecs::{
    ContainerDefinition, CreateClusterRequest, EcsApi, RegisterTaskDefinitionRequest, RunTaskRequest, Secret, Task,
};
use kecs_server::Kecs;

#[derive(Debug)]
struct FromEnvironment;

#[async_trait]
impl SecretSource for FromEnvironment {
    fn handles(&self, reference: &SecretRef) -> bool {
        matches!(reference, SecretRef::SsmParameter { .. })
    }

    async fn resolve(&self, _: &ClusterRef, reference: &SecretRef) -> Result<SecretValue, SecretError> {
        let SecretRef::SsmParameter { name } = reference else {
            return Err(SecretError::NoSource { reference: format!("{reference:?}") });
        };
        let variable = format!("SSM{}", name.to_uppercase().replace(['/', '-', '.'], "_"));
        let missing = |_| SecretError::NotFound { message: format!("parameter {name}: the variable {variable} is not set") };
        std::env::var(&variable).map(SecretValue::new).map_err(missing)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let kecs = Kecs::builder().tasks(MemoryTaskManager::new()).secrets(FromEnvironment).listen("127.0.0.1:0".parse()?).build()?;
    let running = kecs.start().await?;
    // Run with SSM_DB_PASSWORD set, and the first task starts.
    for parameter in ["/db/password", "/not/set"] {
        let task = run_with(&running, parameter).await?;
        println!("{parameter}: {} {}", task.last_status.unwrap_or_default(), task.stopped_reason.unwrap_or_default());
    }
    running.shutdown().await;
    Ok(())
}

/// Runs a task with this secret until it is up, or failed.
async fn run_with(running: &kecs_server::Running, parameter: &str) -> Result<Task, Box<dyn std::error::Error>> {
    let (engine, ctx) = (running.engine(), RequestContext::local());
    engine.create_cluster(&ctx, CreateClusterRequest::default()).await?;
    let secret = Secret { name: Some("PASSWORD".to_owned()), value_from: Some(parameter.to_owned()) };
    let container = ContainerDefinition {
        name: Some("app".to_owned()),
        image: Some("app".to_owned()),
        memory: Some(64),
        secrets: Some(vec![secret]),
        ..ContainerDefinition::default()
    };
    let definition = RegisterTaskDefinitionRequest {
        family: Some("app".to_owned()),
        container_definitions: Some(vec![container]),
        execution_role_arn: Some("arn:aws:iam::000000000000:role/ecsTaskExecutionRole".to_owned()),
        ..RegisterTaskDefinitionRequest::default()
    };
    engine.register_task_definition(&ctx, definition).await?;
    let settled = engine.task_when(|task| matches!(task.last_status.as_deref(), Some("RUNNING" | "STOPPED")));
    engine.run_task(&ctx, RunTaskRequest { task_definition: Some("app".to_owned()), ..RunTaskRequest::default() }).await?;
    settled.await.ok_or_else(|| "the engine ended".into())
}
